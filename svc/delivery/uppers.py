"""The greatest message id that was known when looking for a message was due: what had arrived by then is below.

Looks may have to wait, and all the time others' messages get ids, of which some are not known either. Those that came
later are kept out of what is probed first. Kept in memory, as much as there is room for: without it more is probed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from telegram_client.message_ids import MessageIds

MOST_UPPERS = 1000


class _Expected(NamedTuple):
    update_id: int
    chat_id: int
    at: float


class Uppers:
    """By update, of the latest MOST_UPPERS."""

    def __init__(self) -> None:
        self._expected: deque[_Expected] = deque(maxlen=MOST_UPPERS)
        self._uppers: OrderedDict[int, int] = OrderedDict()

    def expect(self, update_id: int, chat_id: int, at: float) -> None:
        """The message of this update is to be looked for from `at` on (Trio's clock)."""
        self._expected.append(_Expected(update_id, chat_id, at))

    def note_due(self, now: float, message_ids: MessageIds) -> None:
        """Keep what is known now for all those that have become due."""
        for each in self._expected:
            greatest = message_ids.greatest(each.chat_id)
            if each.at <= now and greatest is not None:
                self.keep(each.update_id, greatest)
        self._expected = deque((each for each in self._expected if each.at > now), maxlen=MOST_UPPERS)

    def keep(self, update_id: int, upper: int) -> None:
        """This id is it, unless an earlier one has been kept."""
        self._uppers.setdefault(update_id, upper)
        if len(self._uppers) > MOST_UPPERS:
            self._uppers.popitem(last=False)

    def of(self, update_id: int) -> int | None:
        """The id for this update; None if none is kept."""
        return self._uppers.get(update_id)

    def forget(self, update_id: int) -> None:
        """It is not looked for any more."""
        self._uppers.pop(update_id, None)

"""Sends that were made again after two looks had found nothing: whether the first one has arrived after all.

Telegram may carry a request out at any later time, so this can happen. It is only counted and said: whoever got the
message twice may have answered either. Kept in memory, as much as there is room for: no promise depends on it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from svc.storage.looks import LOOK_GAP, DueLook

MOST_RESENT = 100


class SentAgain(NamedTuple):
    """An update whose message was sent again, with the id `sent_id`, and when to look for the first one."""

    due: DueLook
    sent_id: int
    at: float


class Resent:
    """The latest of them, in the order of their times."""

    def __init__(self) -> None:
        self._waiting: deque[SentAgain] = deque(maxlen=MOST_RESENT)

    def note(self, due: DueLook, sent_id: int, now: float) -> None:
        """A message was sent again, just now; `due` says where an earlier one of its would be found."""
        self._waiting.append(SentAgain(due, sent_id, now + LOOK_GAP))

    def take(self, now: float, limit: int) -> list[SentAgain]:
        """At most `limit` of those that are due; they are forgotten here."""
        taken: list[SentAgain] = []
        while self._waiting and self._waiting[0].at <= now and len(taken) < limit:
            taken.append(self._waiting.popleft())
        return taken

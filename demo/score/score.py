"""The score, by what Telegram saw and the database keeps. Synchronous, and without a clock of its own.

It remembers what is open and nothing else: of an update until it is accepted and answered, of a person who is judged
how many messages they are owed. So it takes no more memory after a day, and a second answer counts however late it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Final

from demo.score.recent import Recent
from demo.views import HandoverView, ScoreView
from sandbox.call_log import RecordedCall

MAX_OPEN: Final = 200_000
"""Of more updates that are not accepted, or accepted and not settled, the oldest are forgotten."""
MAX_ASKED: Final = 1_000
"""The database is asked about so many updates at once."""
GRACE: Final = 5.0
"""Seconds for which an accepted update is not asked about: most are answered by then."""
VERDICTS: Final = 2
"""An update is lost when the database has said so as often as this, and nothing else in between."""

_NEW: Final = ("send", "copyMessage", "forwardMessage")
_NO_MESSAGE: Final = frozenset({"sendChatAction", "sendMessageDraft"})


@dataclass(frozen=True, slots=True)
class Answered:
    """A /start has its whole answer, `seconds` after it was pressed, at the Unix time `at`."""

    person: int
    seconds: float
    at: float


@dataclass(slots=True)
class _Update:
    """An update that is open. `verdicts` is how often in a row the database did not vouch for it."""

    id: int
    pressed_at: float
    judged: bool
    accepted_at: float = 0.0
    answered: bool = False
    lost: bool = False
    verdicts: int = 0


@dataclass(slots=True)
class _Person:
    """Who is judged. `owed` are their /starts without an answer, oldest first; the first has had `part` messages of it.

    `extra` counts messages that came when nothing was owed.
    """

    id: int
    owed: deque[_Update] = field(default_factory=deque)
    part: int = 0
    extra: int = 0


class Score:
    """Told what happens as it happens; `view` is the score. All times are Unix times.

    Who is `judged` presses nothing but /start, so that each of their /starts is owed one answer and no more: their n-th
    answer is the one to their n-th /start. What others do counts as accepted, and is lost if it is accepted and the
    database does not know it. An answer is `messages_per_start` messages; which a bot sends is measured before anybody
    is judged.
    """

    def __init__(self, messages_per_start: int = 1) -> None:
        self.messages_per_start = messages_per_start
        self._accepted = self._answered = self._waiting = self._lost = self._twice = self._found_out = 0
        self._arriving: dict[int, _Update] = {}
        self._unsettled: dict[int, _Update] = {}
        self._people: dict[str, _Person] = {}
        self._handover: HandoverView | None = None
        self._acks = Recent()
        self._menus = Recent()

    def pressed(self, update_id: int, person: int, at: float, *, judged: bool) -> None:
        """Telegram has an update of this person's in line; of who is judged it is a /start."""
        update = _Update(update_id, at, judged)
        _keep(self._arriving, update)
        if judged:
            self._people.setdefault(str(person), _Person(person)).owed.append(update)
            self._waiting += 1

    def acknowledged(self, update_id: int, seconds: float, at: float) -> None:
        """An instance has answered the webhook with 200, after so many seconds. Again for the same update: no news."""
        update = self._arriving.pop(update_id, None)
        if update is None:
            return
        self._accepted += 1
        self._acks.add(at, seconds)
        update.accepted_at = at
        if not update.answered:
            _keep(self._unsettled, update)

    def called(self, call: RecordedCall) -> Answered | None:
        """Telegram has carried out or refused a call. Returns which /start it was that has its answer by this."""
        person = self._people.get(call.chat_id or "")
        if person is None or not is_message(call):
            return None
        if not person.owed:
            self._extra_message(person)
            return None
        person.part += 1
        if person.part < self.messages_per_start:
            return None
        person.part = 0
        return self._answer(person, person.owed.popleft(), call.at)

    def found_out(self) -> None:
        """An instance has found out what became of a send."""
        self._found_out += 1

    def questionable(self, now: float) -> list[int]:
        """The updates that were accepted more than GRACE seconds ago and are unanswered, as far as Telegram saw.

        The database is to be asked about these; at most MAX_ASKED, the oldest first.
        """
        old = takewhile(lambda update: update.accepted_at < now - GRACE, self._unsettled.values())
        return [update.id for update in islice(old, MAX_ASKED)]

    def known_to_database(self, asked: Collection[int], waiting: Collection[int], finished: Collection[int]) -> None:
        """What the database says of those it was asked about: in the inbox, or finished. What is neither is lost; so is
        a /start of who is judged that is finished and has no message.

        Only what was `questionable` is judged, and only when it comes out twice in a row: just after a fail-over a
        server may not show yet what is committed. Lost is final: what comes later counts as answered, and stays lost.
        """
        in_inbox, done = set(waiting), set(finished)
        # The others of `asked` had their answer while the database was asked.
        for update in [self._unsettled[id_] for id_ in asked if id_ in self._unsettled]:
            if update.id in done and not update.judged:
                del self._unsettled[update.id]
            elif update.id in in_inbox:
                update.verdicts = 0
            else:
                self._doubt(update)

    def handed_over(self, action: str, gap: float, at: float) -> None:
        """Another instance leads, `gap` seconds in which nobody called; `action` brought it about."""
        self._handover = HandoverView(action, gap * 1000, at)

    def view(self, now: float) -> ScoreView:
        """The score."""
        ack_p50, ack_p99 = self._acks.percentiles_ms(now)
        menu_p50, menu_p99 = self._menus.percentiles_ms(now)
        return ScoreView(
            accepted=self._accepted,
            answered=self._answered,
            waiting=self._waiting,
            lost=self._lost,
            twice=self._twice,
            found_out=self._found_out,
            handover=self._handover,
            ack_p50_ms=ack_p50,
            ack_p99_ms=ack_p99,
            menu_p50_ms=menu_p50,
            menu_p99_ms=menu_p99,
        )

    def _answer(self, person: _Person, update: _Update, at: float) -> Answered:
        update.answered = True
        self._unsettled.pop(update.id, None)
        self._answered += 1
        if not update.lost:
            self._waiting -= 1
        seconds = at - update.pressed_at
        self._menus.add(at, seconds)
        return Answered(person.id, seconds, at)

    def _extra_message(self, person: _Person) -> None:
        """A message that nobody was owed; several that make one answer are one."""
        if person.extra % self.messages_per_start == 0:
            self._twice += 1
        person.extra += 1

    def _doubt(self, update: _Update) -> None:
        update.verdicts += 1
        if update.verdicts < VERDICTS:
            return
        update.lost = True
        del self._unsettled[update.id]
        self._lost += 1
        if update.judged:
            self._waiting -= 1


def is_message(call: RecordedCall) -> bool:
    """Whether this call has put something new into a chat: a message, a picture, a copy, an album."""
    return call.took_effect and call.method.startswith(_NEW) and call.method not in _NO_MESSAGE


def _keep(updates: dict[int, _Update], update: _Update) -> None:
    """Keep one more; the oldest is forgotten if there are too many."""
    updates[update.id] = update
    if len(updates) > MAX_OPEN:
        del updates[next(iter(updates))]

"""What Telegram saw of those who wrote during a step: who has been answered, how often, and after how long.

Read from the chats as Telegram keeps them, so it does not depend on what the service says of itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

import trio

from demo.people import CROWD, FIRST
from demo.system import System
from demo.tour.steps.step import count_of, in_ms
from demo.tour.steps.words import duration, people
from demo.views import FigureView, HandoverView
from fleet.waiting import comes
from sandbox.state import ChatState, StoredMessage

PATIENCE = 20.0
"""Seconds after which it is not waited any longer for an answer. Whoever leads has long been found by then."""


@dataclass(frozen=True, slots=True)
class ChatSeen:
    """What was seen in one chat: how many times its person wrote, the seconds that each of those waited who have been
    answered, and how many answers came beyond one for each."""

    written: int
    waits: tuple[float, ...]
    too_many: int


@dataclass(frozen=True, slots=True)
class CrowdSeen:
    """The same of all chats in which somebody wrote."""

    chats: tuple[ChatSeen, ...] = field(default=())

    @property
    def people(self) -> int:
        """How many wrote."""
        return len(self.chats)

    @property
    def written(self) -> int:
        """How often they wrote."""
        return sum(chat.written for chat in self.chats)

    @property
    def waiting(self) -> int:
        """How many of these have no answer yet."""
        return self.written - sum(len(chat.waits) for chat in self.chats)

    @property
    def twice(self) -> int:
        """How many people got more than they had asked for."""
        return sum(chat.too_many > 0 for chat in self.chats)

    @property
    def in_order(self) -> bool:
        """Whether everybody has what they asked for, and no more."""
        return not self.waiting and not self.twice

    @property
    def slowest(self) -> float:
        """The longest that anybody waited for an answer, in seconds."""
        return max((wait for chat in self.chats for wait in chat.waits), default=0.0)

    def figures(self) -> tuple[FigureView, ...]:
        """How many wrote, and how long the slowest waited."""
        return count_of("pressed /start", self.people, "people"), in_ms("slowest answer", self.slowest)

    def sentence(self, answer: str) -> str:
        """ "87 people pressed /start meanwhile, each has one menu", how long the slowest waited; or what is wrong."""
        if not self.people:
            return "Nobody pressed /start meanwhile."
        times = "" if self.written == self.people else f" {self.written:,} times"
        who = f"{people(self.people)} pressed /start{times} meanwhile"
        if not self.in_order:
            return f"{who}: {self._wrong(answer)}."
        if self.people == self.written == 1:
            return f"{who} and has one {answer}, after {duration(self.slowest)}."
        each = "each press got" if times else "each has"
        return f"{who}, {each} one {answer}; the slowest waited {duration(self.slowest)}."

    def _wrong(self, answer: str) -> str:
        waiting = f"{self.waiting:,} still {'waits' if self.waiting == 1 else 'wait'} for their {answer}"
        twice = f"{self.twice:,} {'has' if self.twice == 1 else 'have'} more than one"
        return " and ".join([waiting] * bool(self.waiting) + [twice] * bool(self.twice))


def seen_in(messages: Iterable[StoredMessage], since: float, until: float, each: int = 1) -> ChatSeen:
    """What was seen of the messages that a person wrote from `since` to before `until`; an answer has `each` messages.

    What the bot sends before the first of these is for something older. Answers come in the order of what was written.
    """
    written: list[float] = []
    answers: list[float] = []
    for message in messages:
        if not message.body["from"]["is_bot"]:
            if message.made_at >= since:
                written.append(message.made_at)
        elif written:
            answers.append(message.made_at)
    whole = answers[each - 1 :: each]
    waits = tuple(answered - at for at, answered in zip(written, whole, strict=False) if at < until)
    return ChatSeen(sum(at < until for at in written), waits, max(0, len(answers) - each * len(written)))


def crowd_seen(chats: Iterable[ChatState], since: float, until: float, each: int = 1) -> CrowdSeen:
    """What was seen in all these chats in which somebody wrote within that time."""
    seen = (seen_in(messages_since(chat, since), since, until, each) for chat in chats)
    return CrowdSeen(tuple(chat for chat in seen if chat.written))


def messages_since(chat: ChatState, since: float) -> list[StoredMessage]:
    """What was written in a chat since then, oldest first; the rest of it, which may be long, is not looked at."""
    latest = takewhile(lambda message: message.made_at >= since, reversed(chat.messages.values()))
    return list(latest)[::-1]


class Witness:
    """Watches what happens from now on. `each` is how many messages a /start is answered with."""

    def __init__(self, system: System) -> None:
        self.since = system.sandbox.telegram.now()
        self.each = system.score.messages_per_start
        self._system = system
        self._before = system.score.view(self.since)

    @property
    def spotless(self) -> bool:
        """Whether by the score nothing was lost since, and nothing came twice."""
        now = self._system.score.view(self._system.sandbox.telegram.now())
        return (now.lost, now.twice) == (self._before.lost, self._before.twice)

    def crowd(self, until: float) -> CrowdSeen:
        """What was seen of the crowd so far, of those who wrote before `until`."""
        chats = self._system.sandbox.telegram.bot().chats
        known = (chats[person] for person in range(FIRST, FIRST + CROWD) if person in chats)
        return crowd_seen(known, self.since, until, self.each)

    async def crowd_answered(self) -> CrowdSeen:
        """Wait until all of the crowd who have written up to now are answered, or do not seem to be any more."""
        until = self._system.sandbox.telegram.now()
        with trio.move_on_after(PATIENCE):
            await comes(lambda: not self.crowd(until).waiting, every=0.25)
        return self.crowd(until)

    async def handover(self) -> HandoverView:
        """Wait until it is known how long nobody called Telegram when another took over. Raises trio.TooSlowError."""
        with trio.fail_after(PATIENCE):
            await comes(lambda: self._handover() is not None, every=0.1)
        handover = self._handover()
        assert handover is not None
        return handover

    def _handover(self) -> HandoverView | None:
        now = self._system.sandbox.telegram.now()
        handover = self._system.score.view(now).handover
        return handover if handover is not None and handover.at >= self.since else None

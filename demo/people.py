"""People who press /start, so many a second; each of them again only when they have had their answer."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import trio

from sandbox.state import SandboxFull
from sandbox.telegram import Telegram

MAX_RATE: Final = 500
FIRST: Final = 5_000_001
CROWD: Final = 5_000
"""They have the ids FIRST to FIRST + CROWD - 1."""
KEPT_MESSAGES: Final = 10
"""In the chat of each. Of 200 people a second an hour of all their messages would take 2.4 GB, and these take 90 MB."""
CATCH_UP: Final = 1.0
"""Seconds: what was due longer ago, because this process was held up, is not made up for."""

_NAMES: Final = (("Alice", "en"), ("Борис", "ru"), ("Carol", "en"), ("Дарья", "ru"), ("Erin", "en"))


class People:
    """The crowd. `rate` is how many press a second, 0 for none.

    `skipped` counts the presses that were due when everybody waited for an answer, or Telegram had no room
    or the bot wants no messages.
    """

    def __init__(self, telegram: Telegram) -> None:
        self.rate: float = 0
        self.skipped = 0
        self._telegram = telegram
        self._free = deque(range(FIRST, FIRST + CROWD))
        self._waiting: set[int] = set()
        self._changed = trio.Event()

    def set_rate(self, rate: float) -> None:
        """From now on so many press a second; 0 stops them. Raises ValueError below 0 or above MAX_RATE."""
        if not 0 <= rate <= MAX_RATE:
            raise ValueError(f"the rate is 0 to {MAX_RATE} people a second, not {rate}")
        self.rate = rate
        self._changed.set()
        self._changed = trio.Event()

    def answered(self, person: int) -> None:
        """This person has their answer, and may press again."""
        if person in self._waiting:
            self._waiting.remove(person)
            self._free.append(person)

    async def run(self) -> None:
        """Let them press, evenly in time, until cancelled."""
        while True:
            changed, rate = self._changed, self.rate
            due = trio.current_time() if rate else math.inf
            while not await _set_before(changed, due):
                self._press()
                due = max(due + 1 / rate, trio.current_time() - CATCH_UP)

    def _press(self) -> None:
        """The next one presses, if anybody is free and there is room."""
        if not self._free:
            self.skipped += 1
            return
        person = self._free.popleft()
        self._waiting.add(person)
        if self._says_start(person):
            self._telegram.bot().chats[person].keeps = KEPT_MESSAGES
        else:
            self.skipped += 1
            self.answered(person)

    def _says_start(self, person: int) -> bool:
        """Whether Telegram took it."""
        name, language = _NAMES[person % len(_NAMES)]
        try:
            update = self._telegram.user_sends_text(person, "/start", first_name=name, language_code=language)
        except SandboxFull:
            return False
        return update is not None


def is_crowd(person: int) -> bool:
    """Whether this id is one of theirs."""
    return FIRST <= person < FIRST + CROWD


async def _set_before(event: trio.Event, deadline: float) -> bool:
    """Wait for the event or the deadline, whichever is first; whether it was the event."""
    with trio.move_on_at(deadline):
        await event.wait()
    return event.is_set()

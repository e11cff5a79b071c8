"""The good requests beside an attack: new people who write to the bot on a fixed schedule, each one /start."""

from __future__ import annotations

import itertools
import time

import trio

from fleet.instances import Fleet

RATE = 50.0
"""Messages a second."""


class GoodPeople:
    """Write to the bot of a fleet. `due` is when each update should have come (Unix time), by its id."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.due: dict[int, float] = {}
        self._users = itertools.count(max(fleet.users.values(), default=0) + 1)

    async def write(self) -> None:
        """Write until cancelled. Whatever delays a message counts from when it was due."""
        began, wall = trio.current_time(), time.time()
        for number in itertools.count():
            await trio.sleep_until(began + number / RATE)
            self.due[self._fleet.says(next(self._users))] = wall + number / RATE

    @property
    def users(self) -> set[int]:
        """Who has written."""
        return {self._fleet.users[update_id] for update_id in self.due}

    @property
    def unanswered(self) -> list[int]:
        """The updates that have got no 200 so far."""
        return [update_id for update_id in self.due if update_id not in self._fleet.accepted]

    @property
    def waits(self) -> list[float]:
        """How long those that have got their 200 took, in seconds."""
        accepted = self._fleet.accepted
        return [accepted[update_id] - due for update_id, due in self.due.items() if update_id in accepted]

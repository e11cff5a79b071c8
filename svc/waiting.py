"""Ways to wait that Trio leaves to its users. Made once, here; any room may use them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class Wakeup:
    """An event that can be set again: "look again, something may be new".

    Sets are not counted and carry nothing: after waking, look at the state itself. A set that nobody waits for is kept
    for the next `wait`, so looking and then waiting misses none.
    """

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake everyone who waits; if nobody does, the next to come."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the next `wait` would return at once."""
        return self._event.is_set()

    def clear(self) -> None:
        """Forget a set that nobody has waited for: the look that follows sees what it was about."""
        if self._event.is_set():
            self._event = trio.Event()

    async def wait(self) -> None:
        """Return once it was set since the last `wait` or `clear`."""
        await self._event.wait()
        self.clear()


async def until(event: trio.Event, work: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `work`, or None if `event` came first and `work` was cancelled."""
    result: T | None = None
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            await event.wait()
            nursery.cancel_scope.cancel(reason="no longer wanted")

        nursery.start_soon(give_up)
        result = await work()
        nursery.cancel_scope.cancel(reason="done")
    return result


async def first_of(*waits: Callable[[], Awaitable[object]]) -> None:
    """Return once the first of `waits` returns; the others are cancelled."""
    async with trio.open_nursery() as nursery:

        async def wait(one: Callable[[], Awaitable[object]]) -> None:
            await one()
            nursery.cancel_scope.cancel(reason="another came first")

        for one in waits:
            nursery.start_soon(wait, one)


def jittered(seconds: float, rng: random.Random) -> float:
    """`seconds`, less up to a quarter at random: many that wait for the same thing do not come back all at once."""
    return seconds * rng.uniform(0.75, 1.0)


class Backoff:
    """The pauses between tries of one thing: `first` seconds, doubled each time, up to `longest`, each jittered."""

    def __init__(self, first: float, longest: float, rng: random.Random) -> None:
        self._first = first
        self._longest = longest
        self._rng = rng
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        self._failures += 1
        return self.after(self._failures)

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, where somebody else has counted them."""
        return jittered(min(self._longest, self._first * 2.0 ** min(failures - 1, 30)), self._rng)

    def reset(self) -> None:
        """A try went well: the next failure is the first again."""
        self._failures = 0

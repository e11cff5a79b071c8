"""The instances of one bot, as they know of each other: each writes down about once a second that it lives.

A heartbeat says which state a process is in, which terms it has led since its start, and whether it gets through to the
Bot API. The answer tells what the others have said lately, and what operators have ordered. Whether an owner of sends
still lives is read there as well (`Inbox.due_looks`).

All ages are seconds by the database's clock, so those of different machines need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from svc.storage.orders import NO_ORDERS, Orders

HEARD_WITHIN = 10.0
"""Others that have said nothing for so many seconds are not told of."""

ALIVE_FOR = 3.0
"""One that has spoken within so many seconds is alive: heartbeats come about once a second."""

EPOCHS_KEPT = 20
"""How many of the terms that it has led an instance names, the latest ones."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What an instance says of itself; `epochs` are the terms that it has led since its start.

    `state_for`: seconds for which it has been in `state`. `reaches`: whether it gets through to the Bot API, None while
    it does not know; `reach_error`: why it does not; `reach_for`: seconds since it found that out, None if it has not.
    """

    state: str
    state_for: float
    epochs: tuple[int, ...] = ()
    reaches: bool | None = None
    reach_error: str | None = None
    reach_for: float | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """What another instance has said of itself, `seen_for` seconds ago.

    `reaches`: whether it gets through to the Bot API, as it found out `reach_for` seconds ago (infinity: never).
    """

    instance: str
    state: str
    reaches: bool | None
    seen_for: float
    reach_for: float


class Heard(NamedTuple):
    """The answer to a heartbeat: what the others have said, and the orders that stand at that moment."""

    peers: list[Peer]
    orders: Orders = NO_ORDERS


class Instances(Protocol):
    """The instances of one bot, as one process of it uses them. Every method may raise DatabaseUnavailable."""

    async def beat(self, heartbeat: Heartbeat) -> Heard:
        """Write down what this process says of itself; hear of those others that have spoken within HEARD_WITHIN."""

    async def leave(self) -> None:
        """This process ends, and has nothing left to write: forget it."""

    async def forget(self, age: float) -> None:
        """Forget the processes that have said nothing for `age` seconds."""

    async def work_waits(self) -> bool:
        """Whether anything is in the inbox."""

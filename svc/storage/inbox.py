"""The inbox: every update that has been accepted and is not finished. What intake, leadership and workers know of it.

The life of an update: `store` makes it pending, `begin` by one attempt of the current term makes it processing, and
that attempt's `settle` ends it: done, pending again for a later attempt, or dead, with its payload kept. What a term
left processing when it ended is marked in doubt by the next one's `take_over`; `resolve_doubts` applies the policy.

Two classes implement `Inbox`, and the same tests run over both: `PostgresInbox`, and the one in memory that the tests
use.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from uuid import UUID

from svc.settings.environment import InDoubtPolicy


@dataclass(frozen=True, slots=True)
class Received:
    """An update in the inbox. `payload` is its JSON as it came, `arrived` the time of that on Trio's clock.

    `has_followers`: younger updates of its chat are in the inbox too. Known only of what `backfill` returns.
    """

    update_id: int
    chat_id: int
    kind: str
    payload: bytes
    arrived: float
    has_followers: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One period of leadership. A process that wins the lock again gets another epoch and another holder."""

    epoch: int
    holder: UUID


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one update. `token` is random, so `begin` and `settle` know their own attempt when repeated."""

    update_id: int
    term: Term
    token: int


class BeginOutcome(Enum):
    """What became of an attempt."""

    BEGUN = "begun"
    DUPLICATE = "duplicate"  # it has been processed before
    BUSY = "busy"  # not pending, or an older update of its chat is unfinished
    FENCED = "fenced"  # another term is current: nothing may begin here


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer to `begin`; `attempts` counts this one, `doubts` the sends so far that may have arrived."""

    outcome: BeginOutcome
    attempts: int = 0
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The attempt ended the update. `outcome` is kept: done, refused, ignored, in_doubt."""

    outcome: str = "done"
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """The update waits `delay` seconds for another attempt; `doubts` is 1 if this one's send may have arrived."""

    delay: float
    error: str
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Dead:
    """No more attempts: the update is kept with its payload and `reason`, and can be replayed."""

    reason: str
    doubts: int = 0


Ending = Done | Retry | Dead


@dataclass(frozen=True, slots=True)
class CallMade:
    """One Bot API call of an attempt: `outcome` ok, refused, not_sent, in_doubt or failed; `ms` its milliseconds."""

    method: str
    outcome: str
    ms: float


class Inbox(Protocol):
    """The inbox of one bot, as one instance uses it.

    Every method but `flush` may raise DatabaseUnavailable, after which the write may or may not have been done: all of
    them are safe to repeat.
    """

    async def store(self, update: Received) -> bool:
        """Commit `update`; False if it was here or has been processed before."""

    async def begin(self, attempt: Attempt) -> Begun:
        """Mark the update as being processed by this attempt, if it may begin. Repeated, the same answer."""

    async def dismiss(self, update_id: int) -> None:
        """Record as ignored a pending update that needs no answer.

        Nothing is sent for it, so no fence, no order and no attempt are needed.
        """

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        """Record how a begun attempt ended, and the calls that it made. The term need not be current: it did happen.

        The record is made even if the caller is cancelled meanwhile or the database is away for a time.
        """

    async def flush(self) -> None:
        """Return once no settlement waits to be written. Through an outage of the database it waits."""

    async def backfill(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        """Read back what is to be worked on: the oldest unfinished update of each chat, where it is pending and due.

        At most `limit`, in the order of their ids, and none whose id is in `without`.
        """

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        """Begin a new term and mark what older ones left processing as in doubt.

        With `lock_pid`, the server process of the lock's session, only if that one holds the lock; otherwise
        DatabaseUnavailable.
        """

    async def mark_lost(self, term: Term, held: Collection[int], age: float) -> int:
        """Mark as in doubt what this term began over `age` seconds ago under a token not in `held`; how many."""

    async def resolve_doubts(self, term: Term, policy: InDoubtPolicy, age: float) -> Sequence[int]:
        """Apply `policy` to rows in doubt that began over `age` seconds ago; their update ids."""

    async def prune(self, age: float, limit: int) -> int:
        """Forget up to `limit` processed updates older than `age` seconds; how many."""

    async def notify_leader(self) -> None:
        """Tell the instance that leads that something was stored."""

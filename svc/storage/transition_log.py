"""The history of states, in the table state_transitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from statemachine import Transition
from svc.storage.database import Database
from svc.storage.group_commit import GroupCommit, ObserveGroups, observe_nothing

# Who begins a term notes when the leader of the term before was last heard of: one that was killed wrote no end.
INSERT = """
INSERT INTO state_transitions (bot_id, instance_id, from_state, to_state, trigger, reason, epoch, at, held,
                               former_seen_at)
SELECT $1, $2, s.*, (SELECT max(i.seen_at) FROM instances i
                     WHERE s.to_state = 'ACTIVE' AND i.bot_id = $1 AND s.epoch - 1 = ANY (i.epochs))
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::float8[])
     AS s (from_state, to_state, trigger, reason, epoch, at, held)
"""

# The latest stay however old they are: they are what `svc status` shows of an instance that has led for months.
PRUNE = """
DELETE FROM state_transitions WHERE id IN (
    SELECT id FROM state_transitions
    WHERE bot_id = $1 AND at < now() - make_interval(secs => $2)
      AND at < (SELECT at FROM state_transitions WHERE bot_id = $1 ORDER BY at DESC OFFSET 19 LIMIT 1)
    ORDER BY at LIMIT $3
) RETURNING id
"""

Entry = tuple[Transition, datetime]


class TransitionLog(Protocol):
    """Where transitions are written; while the database is away they wait."""

    async def run(self) -> None:
        """Write until cancelled. Nothing is written unless this runs."""

    async def record(self, step: Transition, at: datetime) -> None:
        """Return once `step`, which happened at `at` (aware), is written.

        It is written even if the caller is cancelled meanwhile or the database is away for a time.
        """

    async def flush(self) -> None:
        """Return once nothing waits to be written."""

    async def prune(self, age: float, limit: int) -> int:
        """Forget up to `limit` transitions older than `age` seconds, but for the latest few; how many.

        Raises DatabaseUnavailable.
        """


class PostgresTransitionLog:
    """`TransitionLog` on a Database, for one instance of one bot. `observe` is told of every group that is written."""

    def __init__(
        self, database: Database, bot_id: int, instance: str, *, observe: ObserveGroups = observe_nothing
    ) -> None:
        self._database = database
        self._bot_id = bot_id
        self._instance = instance
        self._entries: GroupCommit[Entry, None] = GroupCommit(
            self._write, durable=True, observe=partial(observe, "transition")
        )

    async def run(self) -> None:
        await self._entries.run()

    async def record(self, step: Transition, at: datetime) -> None:
        await self._entries.submit((step, at))

    async def flush(self) -> None:
        await self._entries.flush()

    async def prune(self, age: float, limit: int) -> int:
        return len(await self._database.fetch(PRUNE, self._bot_id, age, limit))

    async def _write(self, group: Sequence[Entry]) -> list[None]:
        steps = [step for step, _ in group]
        await self._database.fetch(
            INSERT,
            self._bot_id,
            self._instance,
            [step.source.name for step in steps],
            [step.target.name for step in steps],
            [step.trigger for step in steps],
            [step.reason for step in steps],
            [step.epoch for step in steps],
            [at for _, at in group],
            [step.held for step in steps],
        )
        return [None] * len(group)

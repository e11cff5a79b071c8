"""What is in doubt: the half of the inbox that decides about it, with `looks_sql` and the policy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from svc.settings.environment import Fallback
from svc.storage import looks, looks_sql, term_sql
from svc.storage.database import Connection, Database
from svc.storage.inbox import CANNOT_BE_TOLD, SENDS_IN_DOUBT, Resolved, Term
from svc.storage.jobs import read_job_event
from svc.storage.known_ids_sql import KNOWN_IDS, MOST_ROWS
from svc.storage.looks import Absent, CannotBeTold, DueLook, Found, KnownIds, LookOutcome, LookResult, Unsure
from svc.storage.storable import storable
from telegram_client.message_ids import chats_of, sequence_of

NEVER = None
NOTHING = -1
"""The id of an update that is not there."""


class InboxDoubts:
    """The half of `Inbox` that decides about doubts, for one bot, as seen by one instance."""

    def __init__(self, database: Database, bot_id: int, instance: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._instance = instance

    async def resolve_doubts(
        self,
        term: Term,
        policy: Fallback,
        age: float,
        held: Collection[int],
        *,
        look: bool = False,
        file_age: float = 0.0,
    ) -> Sequence[Resolved]:
        rows = await self._database.fetch(
            term_sql.RESOLVE_DOUBTS,
            *self._key_of(term),
            age,
            list(held),
            policy,
            SENDS_IN_DOUBT,
            self._instance,
            CANNOT_BE_TOLD,
            look,
            file_age,
        )
        return [Resolved(row["update_id"], row["how"]) for row in rows]

    async def due_looks(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueLook]:
        rows = await self._database.fetch(looks_sql.DUE_LOOKS, *self._due_arguments(term, held, limit, without))
        return sorted(_due_look(row) for row in rows)

    async def settle_look(
        self, term: Term, due: DueLook, result: LookResult, policy: Fallback, *, probes: int
    ) -> LookOutcome:
        arguments = self._look_arguments(term, due, result, policy, probes)
        rows = await self._database.fetch(looks_sql.SETTLE_LOOK, *arguments)
        return LookOutcome(rows[0]["how"]) if rows else LookOutcome.GONE

    async def known_ids(self, due: DueLook) -> KnownIds:
        (row,) = await self._database.fetch(KNOWN_IDS, *self._known_arguments(due))
        ids = frozenset(row["ids"])
        own = None if row["own"] is None else (row["own"][0], row["own"][1])
        return KnownIds(ids, max(ids, default=None), own, row["complete"], row["untold"], row["in_doubt"])

    async def _rehearse_looks(self, connection: Connection, nobody: Term) -> None:
        """Look for what is not there, under a term that nobody has."""
        nothing = DueLook(NOTHING, 1, 0, 0, 0, 0, 0.0)
        await connection.fetch(looks_sql.DUE_LOOKS, *self._due_arguments(nobody, (), 1, ()))
        await connection.fetch(KNOWN_IDS, *self._known_arguments(nothing))
        await connection.fetch(looks_sql.SETTLE_LOOK, *self._look_arguments(nobody, nothing, Absent(), "skip", 0))

    def _due_arguments(
        self, term: Term, held: Collection[int], limit: int, without: Collection[int]
    ) -> tuple[Any, ...]:
        times = looks.LOOK_GAP, looks.OWNER_PATIENCE, looks.OWNER_SILENT
        return *self._key_of(term), list(held), limit, *times, list(without)

    def _known_arguments(self, due: DueLook) -> tuple[Any, ...]:
        chats = chats_of(sequence_of(due.chat_id))
        return self._bot_id, due.update_id, due.chat_id, due.watermark, *chats, MOST_ROWS

    def _look_arguments(
        self, term: Term, due: DueLook, result: LookResult, policy: Fallback, probes: int
    ) -> tuple[Any, ...]:
        follows = what_follows(due, result)
        found = result.message_id if isinstance(result, Found) else None
        row = due.update_id, due.token
        limits = policy, SENDS_IN_DOUBT, self._instance, CANNOT_BE_TOLD
        after = follows.how, follows.absent, follows.delay, found, probes, follows.why
        return *self._key_of(term), *row, *limits, due.number, due.absent, *after

    def _key_of(self, term: Term) -> tuple[int, int, UUID]:
        """$1 to $3 of every statement that asks for a term."""
        return self._bot_id, term.epoch, term.holder


def _due_look(row: asyncpg.Record) -> DueLook:
    *columns, told = row
    return DueLook(*columns)._replace(job=None if told is None else read_job_event(told))


class Follows(NamedTuple):
    """What follows from a look, as `looks_sql.SETTLE_LOOK` takes it: how many looks in turn have found nothing now, in
    how many seconds it is looked for next, and what there is to say.
    """

    how: str
    absent: int
    delay: float | None = NEVER
    why: str | None = None


def what_follows(due: DueLook, result: LookResult) -> Follows:
    """What follows from a look's result; about what cannot be told the policy has yet to decide."""
    last = due.number >= looks.MOST_LOOKS
    match result:
        case Found():
            return Follows("found", due.absent)
        case Absent() if due.absent + 1 >= looks.ABSENT_LOOKS:
            return Follows("send", due.absent + 1, NEVER if last else looks.CLEARED_FOR)
        case Absent() if not last:
            return Follows("look_again", due.absent + 1, looks.LOOK_GAP)
        case Absent():
            return Follows("cannot_be_told", due.absent, why=f"looked for {due.number} times")
        case Unsure() if not last:
            return Follows("look_again", due.absent, result.pause(due.number), storable(result.reason))
        case Unsure(reason) | CannotBeTold(reason):
            return Follows("cannot_be_told", due.absent, why=storable(reason))

"""The model's statements beside the real ones: a random walk through the model, each of its database steps run as SQL.

One walk is one bot in the database, so walks do not meet. Only what stands in the tables is compared: the walk takes no
account of time, since no statement does but through ages, and those are set so that they choose the step's row.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import trio
import trio_asyncio

from svc.storage.database import Database
from svc.storage.inbox import Attempt, Done, Ending, Received, Retry, Term
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.term_sql import MARK_OLDER_TERMS, NEW_TERM
from tests.model.rules import Rules
from tests.model.state import Label, State
from tests.model.steps import steps

OLD_ENOUGH = 60.0
CHAT = 7

# How often a walk chooses a step, if it changes anything.
RARE = 0.3
_LIKELY = {
    "asks": 8,
    "call": 8,
    "delivered": 4,
    "unanswered": 4,
    "settle": 0.7,
    "step_down": 1,
    "begin": 4,
    "new_term": 8,
    "mark_older_terms": 4,
    "mark_lost": 2,
    "resend_doubts": 4,
    "gets_lock": 4,
    "asks_again": 2,
    "session_ends": 4,
    "lease_ends": 0.5,
    "hears_beat": 1,
    "lost": 0.5,
    "not_sent": 2,
    "store_beside_settle": 4,
}
_ENDINGS: dict[str, Ending] = {"done": Done(), "doubt": Retry(0, "", doubts=1), "again": Retry(0, "")}

_INBOX = """
SELECT update_id, state, coalesce(epoch, 0) AS epoch, coalesce(token, 0) AS token, doubts
FROM inbox WHERE bot_id = $1 ORDER BY update_id
"""
_PROCESSED = "SELECT update_id, outcome, doubts FROM processed_updates WHERE bot_id = $1 ORDER BY update_id"
_LEADERSHIP = "SELECT epoch, holder FROM leadership WHERE bot_id = $1"
_ONLY_THIS_ONE_IS_OLD = """
UPDATE inbox SET started_at = now() - CASE WHEN update_id = $2 THEN interval '1 hour' ELSE interval '0' END
WHERE bot_id = $1 AND started_at IS NOT NULL
"""
_INSERT = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
VALUES ($1, $2, $3, 'message', '{}', 'one')
"""


def walk(rules: Rules, rng: random.Random, length: int) -> Iterator[tuple[Label, State]]:
    """A random way through the model, of `length` steps at most."""
    state = State()
    for _ in range(length):
        possible = list(steps(state, rules))
        if not possible:
            return
        weights = [_LIKELY.get(label.action, RARE) if after != state else RARE for label, after in possible]
        ((label, state),) = rng.choices(possible, weights)
        yield label, state


class Replay:
    """The real tables under one walk. `other` is a connection for the transaction of a take-over."""

    @classmethod
    @asynccontextmanager
    async def over(
        cls, database: Database, other: asyncpg.Connection[Any], bot_id: int, rules: Rules
    ) -> AsyncIterator[Replay]:
        """One with what the model starts with stored; a take-over that is left open is undone."""
        replay = cls(database, other, bot_id, rules)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(replay._inbox.run)
            for number in (0, 1):
                assert await replay._inbox.store(Received(number, replay._chat(number), "message", b"{}", 0))
            try:
                yield replay
            finally:
                if replay._taking:
                    await replay._elsewhere("ROLLBACK")  # noqa: ASYNC102 (asyncio's side)
            nursery.cancel_scope.cancel()

    def __init__(self, database: Database, other: asyncpg.Connection[Any], bot_id: int, rules: Rules) -> None:
        self._database = database
        self._other = other
        self._bot_id = bot_id
        self._same_chat = rules.same_chat
        self._inbox = PostgresInbox(database, bot_id, "one")
        self._holders: dict[int, UUID] = {0: UUID(int=0)}
        self._taking = False

    async def run(self, label: Label) -> bool:
        """Run the step's statement; False if it has none."""
        run = getattr(self, f"_{label.action}", None)
        if run is None:
            return False
        await run(label)
        return True

    async def compare(self, state: State) -> None:
        """The tables hold what the model's state says."""
        inbox = [tuple(row) for row in await self._database.fetch(_INBOX, self._bot_id)]
        assert inbox == [(number, *row) for number, (row, *_) in enumerate(state.updates) if row is not None]
        processed = [tuple(row) for row in await self._database.fetch(_PROCESSED, self._bot_id)]
        updates = enumerate(state.updates)
        assert processed == [(number, "done", update.done) for number, update in updates if update.done is not None]
        leadership = [tuple(row) for row in await self._database.fetch(_LEADERSHIP, self._bot_id)]
        assert leadership == ([(state.epoch, self._holders[state.epoch])] if state.epoch else [])

    def _chat(self, number: int) -> int:
        return CHAT if self._same_chat else CHAT + number

    def _attempt(self, label: Label) -> Attempt:
        return Attempt(label.update, Term(label.epoch, self._holders[label.epoch]), label.token)

    # One method a statement, by the name of its step.

    async def _begin(self, label: Label) -> None:
        begun = await self._inbox.begin(self._attempt(label))
        assert begun.outcome.value == label.detail

    async def _settle(self, label: Label) -> None:
        ending = _ENDINGS[label.detail.partition(",")[0]]
        await self._inbox.settle(self._attempt(label), ending)

    async def _new_term(self, _label: Label) -> None:
        holder = UUID(int=len(self._holders))
        await self._elsewhere("BEGIN")
        self._taking = True
        epoch = await self._elsewhere(NEW_TERM, self._bot_id, holder, "one")
        self._holders[epoch] = holder

    async def _mark_older_terms(self, label: Label) -> None:
        await self._elsewhere(MARK_OLDER_TERMS, self._bot_id, label.epoch)
        await self._elsewhere("COMMIT")
        self._taking = False

    async def _mark_lost(self, label: Label) -> None:
        await self._database.fetch(_ONLY_THIS_ONE_IS_OLD, self._bot_id, label.update)
        term = Term(label.epoch, self._holders[label.epoch])
        await self._inbox.mark_lost(term, [label.token] if label.token else [], OLD_ENOUGH)

    async def _resend_doubts(self, label: Label) -> None:
        await self._database.fetch(_ONLY_THIS_ONE_IS_OLD, self._bot_id, label.update)
        term = Term(label.epoch, self._holders[label.epoch])
        await self._inbox.resolve_doubts(term, "resend", OLD_ENOUGH)

    async def _store_beside_settle(self, label: Label) -> None:
        # What STORE does in a race that has a test of its own.
        await self._database.fetch(_INSERT, self._bot_id, label.update, self._chat(label.update))

    async def _elsewhere(self, sql: str, *args: object) -> Any:
        return await trio_asyncio.aio_as_trio(self._other.fetchval)(sql, *args)

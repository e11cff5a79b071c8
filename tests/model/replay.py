"""The model's statements beside the real ones: a random walk through the model, each of its database steps run as SQL.

One walk is one bot in the database, so walks do not meet. Only what stands in the tables is compared: the walk takes no
account of time, since no statement does but through ages, and those are set so that they choose the step's row.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import trio

from svc.storage.database import Database
from svc.storage.inbox import Attempt, Dead, Done, Ending, Received, Retry, StoreOutcome, Term
from svc.storage.postgres_inbox import PostgresInbox
from tests.model.rules import Rules
from tests.model.state import Label, State
from tests.model.steps import first_state, steps

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
    "resolve_doubts": 4,
    "gets_lock": 4,
    "asks_again": 4,
    "session_ends": 4,
    "lease_ends": 0.5,
    "hears_beat": 1,
    "lost": 0.5,
    "not_sent": 2,
    "store_beside_settle": 4,
    "asks_to_store": 8,
    "store": 4,
}
_ENDINGS: dict[str, Ending] = {
    "done": Done(),
    "doubt": Retry(0, "", doubts=1),
    "dead": Dead("", doubts=1),
    "again": Retry(0, ""),
}

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
    state = first_state(rules)
    for _ in range(length):
        possible = list(steps(state, rules))
        if not possible:
            return
        weights = [_LIKELY.get(label.action, RARE) if after != state else RARE for label, after in possible]
        ((label, state),) = rng.choices(possible, weights)
        yield label, state


class Replay:
    """The real tables under one walk."""

    @classmethod
    @asynccontextmanager
    async def over(cls, database: Database, bot_id: int, rules: Rules) -> AsyncIterator[Replay]:
        """One with what the model starts with stored."""
        replay = cls(database, bot_id, rules)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(replay._inbox.run)
            for number, (row, *_) in enumerate(first_state(rules).updates):
                if row is not None:
                    await replay._store_alone(Label("store_alone", update=number))
            yield replay
            nursery.cancel_scope.cancel()

    def __init__(self, database: Database, bot_id: int, rules: Rules) -> None:
        self._database = database
        self._bot_id = bot_id
        self._same_chat = rules.same_chat
        self._inbox = PostgresInbox(database, bot_id, "one")
        self._holders: dict[int, UUID] = {0: UUID(int=0)}

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
        assert inbox == [(number, *row[:4]) for number, (row, *_) in enumerate(state.updates) if row is not None]
        processed = [tuple(row) for row in await self._database.fetch(_PROCESSED, self._bot_id)]
        updates = enumerate(state.updates)
        assert processed == [
            (number, "dead" if update.dead else "done", update.done)
            for number, update in updates
            if update.done is not None
        ]
        leadership = [tuple(row) for row in await self._database.fetch(_LEADERSHIP, self._bot_id)]
        assert leadership == ([(state.epoch, self._holders[state.epoch])] if state.epoch else [])

    def _chat(self, number: int) -> int:
        return CHAT if self._same_chat else CHAT + number

    def _attempt(self, label: Label) -> Attempt:
        return Attempt(label.update, Term(label.epoch, self._holders[label.epoch]), label.token)

    def _update(self, label: Label) -> Received:
        return Received(label.update, self._chat(label.update), "message", b"{}", 0)

    # One method a statement, by the name of its step.

    async def _store_alone(self, label: Label) -> None:
        assert (await self._inbox.store(self._update(label))).outcome is not StoreOutcome.DUPLICATE

    async def _store(self, label: Label) -> None:
        stored = await self._inbox.store(self._update(label), self._attempt(label))
        outcome = "duplicate" if stored.outcome is StoreOutcome.DUPLICATE else "stored"
        assert ("begun" if stored.begun is not None else outcome) == label.detail

    async def _begin(self, label: Label) -> None:
        begun = await self._inbox.begin(self._attempt(label))
        assert begun.outcome.value == label.detail

    async def _settle(self, label: Label) -> None:
        ending = _ENDINGS[label.detail.partition(",")[0]]
        await self._inbox.settle(self._attempt(label), ending)

    async def _new_term(self, label: Label) -> None:
        term = await self._inbox.take_over(UUID(int=len(self._holders)), "one")
        assert term.epoch == label.epoch
        self._holders[term.epoch] = term.holder

    async def _resolve_doubts(self, label: Label) -> None:
        await self._database.fetch(_ONLY_THIS_ONE_IS_OLD, self._bot_id, label.update)
        term = Term(label.epoch, self._holders[label.epoch])
        held = [label.token] if label.token else []
        expected = [] if label.detail == "nothing" else [(label.update, label.detail)]
        assert await self._inbox.resolve_doubts(term, "resend", OLD_ENOUGH, held) == expected

    async def _store_beside_settle(self, label: Label) -> None:
        # What STORE does in a race that has a test of its own.
        await self._database.fetch(_INSERT, self._bot_id, label.update, self._chat(label.update))

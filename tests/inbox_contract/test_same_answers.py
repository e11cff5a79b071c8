"""Any sequence of operations has the same answers in both implementations: operations as data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc.settings.environment import InDoubtPolicy
from svc.storage.inbox import Attempt, Dead, Done, Ending, Received, Retry, Term
from svc.storage.inbox_sql import PLANNER
from svc.storage.postgres_inbox import PostgresInbox
from tests.conftest import open_database
from tests.examples import examples
from tests.inbox_contract.under_test import (
    EVER,
    FOREIGN,
    LONG_AGO,
    InboxUnderTest,
    MemoryInboxUnderTest,
    at_once,
    postgres_inbox,
)

# Terms are picked from those taken so far, or invented.
IDS = st.integers(1, 6)
TOKENS = st.integers(1, 3)
TERMS = st.sampled_from(["current", "current", "current", "old", "foreign"])
AGES = st.sampled_from([LONG_AGO, LONG_AGO, EVER])
BEGINS = st.tuples(IDS, TERMS, TOKENS)
ENDING = st.one_of(
    st.builds(Done, st.sampled_from(["done", "refused"]), st.integers(0, 1)),
    st.builds(Retry, st.sampled_from([0.0, EVER]), st.just("flood"), st.integers(0, 1)),
    st.builds(Dead, st.just("gave up"), st.integers(0, 1)),
)
STEP = st.one_of(
    st.tuples(st.just("store"), st.lists(IDS, min_size=1, max_size=4)),
    st.tuples(st.just("begin"), st.lists(BEGINS, min_size=1, max_size=4)),
    st.tuples(st.just("settle"), IDS, TERMS, TOKENS, ENDING),
    st.tuples(st.just("dismiss"), IDS),
    st.tuples(st.just("backfill"), st.integers(1, 4), st.sets(IDS, max_size=2)),
    st.tuples(st.just("take_over")),
    st.tuples(st.just("mark_lost"), TERMS, st.sets(TOKENS, max_size=1), AGES),
    st.tuples(st.just("resolve_doubts"), TERMS, st.sampled_from(["resend", "skip"]), AGES),
    st.tuples(st.just("prune"), AGES),
    st.tuples(st.just("leave_over"), IDS),
)
Step = tuple[Any, ...]

_bot_ids = itertools.count(1)


class Player:
    """Plays a script on one implementation and writes down every answer."""

    def __init__(self, tested: InboxUnderTest) -> None:
        self.tested = tested
        self.terms = [Term(0, UUID(int=0))]

    async def play(self, script: Sequence[Step]) -> list[Any]:
        answers = [await getattr(self, step[0])(*step[1:]) for step in script]
        rows = {update_id: await self.tested.row(update_id) for update_id in range(1, 7)}
        return [*answers, rows, await self.tested.processed(), await self.tested.dead()]

    def term(self, which: str) -> Term:
        match which:
            case "old":
                return self.terms[-2] if len(self.terms) > 1 else self.terms[-1]
            case "foreign":
                return Term(self.terms[-1].epoch, FOREIGN)
            case _:
                return self.terms[-1]

    async def store(self, ids: list[int]) -> Any:
        answers = await at_once(*(lambda u=u: self.tested.inbox.store(_of_script(u)) for u in ids))
        # Which delivery of a group is the fresh one is left open.
        return sorted(zip(ids, answers, strict=True))

    async def begin(self, begins: list[tuple[int, str, int]]) -> Any:
        # One after the other in memory, in one group in Postgres: the order in the group is that of the list.
        attempts = [Attempt(update_id, self.term(which), token) for update_id, which, token in begins]
        if isinstance(self.tested, MemoryInboxUnderTest):
            return [await self.tested.inbox.begin(attempt) for attempt in attempts]
        assert isinstance(self.tested.inbox, PostgresInbox)
        return await self.tested.inbox._begin_group(attempts)

    async def settle(self, update_id: int, which: str, token: int, ending: Ending) -> None:
        await self.tested.inbox.settle(Attempt(update_id, self.term(which), token), ending)

    async def dismiss(self, update_id: int) -> None:
        await self.tested.inbox.dismiss(update_id)

    async def backfill(self, limit: int, without: set[int]) -> Any:
        found = await self.tested.inbox.backfill(limit, without=without)
        return [(each.update_id, each.chat_id, each.kind, each.payload, each.has_followers) for each in found]

    async def take_over(self) -> int:
        self.terms.append(await self.tested.inbox.take_over(UUID(int=len(self.terms)), "one"))
        return self.terms[-1].epoch

    async def mark_lost(self, which: str, held: set[int], age: float) -> int:
        return await self.tested.inbox.mark_lost(self.term(which), held, age)

    async def resolve_doubts(self, which: str, policy: InDoubtPolicy, age: float) -> Any:
        return sorted(await self.tested.inbox.resolve_doubts(self.term(which), policy, age))

    async def prune(self, age: float) -> int:
        return await self.tested.inbox.prune(age, 1000)

    async def leave_over(self, update_id: int) -> None:
        if update_id in await self.tested.processed():
            await self.tested.leave_over(_of_script(update_id))


def _of_script(update_id: int) -> Received:
    return Received(update_id, update_id % 2, "message", b"%d" % update_id, trio.current_time())


@given(script=st.lists(STEP, min_size=8, max_size=40))
@settings(
    max_examples=examples(60),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_both_answer_alike(database_url: str, script: list[Step]) -> None:
    """Any sequence of operations has the same answers and the same end in Postgres and in memory."""

    async def both() -> None:
        whole_script = [("take_over",), *script]
        async with (
            open_database(database_url, settings=PLANNER) as database,
            postgres_inbox(database, next(_bot_ids)) as real,
        ):
            assert await Player(real).play(whole_script) == await Player(MemoryInboxUnderTest()).play(whole_script)

    trio.run(both)

"""Any sequence of operations has the same answers in both implementations: operations as data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc.settings.environment import Fallback
from svc.storage.inbox import Attempt, CallMade, Dead, Done, Effects, Ending, Received, Retry, Term, Unclear
from svc.storage.inbox_sql import PLANNER
from svc.storage.looks import Absent, CannotBeTold, DueLook, Found, LookOutcome, LookResult, Unsure
from svc.storage.postgres_inbox import PostgresInbox, Storing
from tests.conftest import open_database
from tests.examples import examples
from tests.inbox_contract.under_test import (
    EVER,
    FOREIGN,
    LONG_AGO,
    InboxUnderTest,
    MemoryInboxUnderTest,
    postgres_inbox,
)

# Terms are picked from those taken so far, or invented.
CHATS = 3  # one of them is none
WINDOW = 3
IDS = st.integers(1, 8)
TOKENS = st.integers(1, 3)
TERMS = st.sampled_from(["current", "current", "current", "old", "foreign"])
AGES = st.sampled_from([LONG_AGO, LONG_AGO, EVER])
WATERMARKS = st.none() | st.integers(1, 3)
BEGINS = st.tuples(IDS, TERMS, TOKENS, st.booleans(), WATERMARKS, st.none() | st.just("sorry"))
ENDING = st.one_of(
    st.builds(Done, st.sampled_from(["done", "refused"]), st.integers(0, 1)),
    st.builds(Retry, st.sampled_from([0.0, EVER]), st.just("flood"), st.integers(0, 1)),
    st.builds(Dead, st.just("gave up"), st.integers(0, 1)),
    st.builds(Unclear, st.sampled_from([0.0, 0.0, EVER]), st.just("cut off")),
)
WHAT = st.sampled_from(["answers", "changes the state", "is nothing"])
STORES = st.tuples(IDS, st.none() | st.tuples(TOKENS, WATERMARKS, st.sampled_from([0, 0, 1]), WHAT))
SENT = st.none() | st.integers(1, 9)
RESULT = st.one_of(
    st.builds(Found, st.integers(1, 9)),
    st.just(Absent()),
    st.just(Absent()),
    st.just(Unsure("429")),
    st.just(CannotBeTold("403")),
)
POLICIES = st.sampled_from(["resend", "skip"])
STEP = st.one_of(
    st.tuples(st.just("store"), st.lists(IDS, min_size=1, max_size=4)),
    st.tuples(st.just("store_and_begin"), TERMS, st.lists(STORES, min_size=1, max_size=4)),
    st.tuples(st.just("begin"), st.lists(BEGINS, min_size=1, max_size=4)),
    st.tuples(st.just("settle"), IDS, TERMS, TOKENS, ENDING, SENT),
    st.tuples(st.just("dismiss"), IDS),
    st.tuples(st.just("backfill"), st.integers(1, 4), st.none() | IDS, st.sets(IDS, max_size=2)),
    st.tuples(st.just("newest"), st.integers(1, 4), st.sets(IDS, max_size=2)),
    st.tuples(st.just("fetch"), st.lists(IDS, max_size=4)),
    st.tuples(st.just("followers"), st.lists(st.integers(0, CHATS), max_size=3), st.integers(1, 3)),
    st.tuples(st.just("take_over")),
    st.tuples(st.just("resolve_doubts"), TERMS, POLICIES, AGES, st.sets(TOKENS, max_size=1), st.booleans()),
    st.tuples(st.just("look"), TERMS, st.sets(TOKENS, max_size=1), st.integers(1, 3), RESULT, POLICIES),
    st.tuples(st.just("look_of_before"), TERMS, RESULT, POLICIES),
    st.tuples(st.just("known_ids"), IDS, st.integers(0, 9)),
    st.tuples(st.just("pass_time"), st.sampled_from([2000.0, 20_000.0])),
    st.tuples(st.just("hear_of_the_leader_of"), st.integers(1, 3)),
    st.tuples(st.just("note_deciding"), TERMS, st.none() | IDS),
    st.tuples(st.just("note_pause"), TERMS, st.none() | st.just("401")),
    st.tuples(st.just("prune"), AGES),
    st.tuples(st.just("prune_dead"), AGES),
    st.tuples(st.just("leave_over"), IDS),
)
Step = tuple[Any, ...]

_bot_ids = itertools.count(1)


class Player:
    """Plays a script on one implementation and writes down every answer."""

    def __init__(self, tested: InboxUnderTest) -> None:
        self.tested = tested
        self.terms = [Term(0, UUID(int=0))]
        self.looks: list[DueLook] = []

    async def play(self, script: Sequence[Step]) -> list[Any]:
        answers = [await getattr(self, step[0])(*step[1:]) for step in script]
        rows = {update_id: await self.tested.row(update_id) for update_id in range(1, 9)}
        here = [update_id for update_id, row in rows.items() if row]
        blamed = {update_id: await self.tested.blamed(update_id) for update_id in here}
        looking = {update_id: await self.tested.looking(update_id) for update_id in here}
        paused = await self.tested.paused()
        processed = await self.tested.processed()
        messages = {update_id: await self.tested.messages(update_id) for update_id in processed}
        return [*answers, rows, blamed, looking, paused, processed, messages, await self.tested.dead()]

    def term(self, which: str) -> Term:
        match which:
            case "old":
                return self.terms[-2] if len(self.terms) > 1 else self.terms[-1]
            case "foreign":
                return Term(self.terms[-1].epoch, FOREIGN)
            case _:
                return self.terms[-1]

    def seen(self, updates: Sequence[Received]) -> list[tuple[Any, ...]]:
        """What both have to tell alike of what they read back."""
        return [
            (each.update_id, each.chat_id, each.kind, each.payload, each.has_followers, each.message_id)
            for each in updates
        ]

    # One after the other in memory, in one group in Postgres, which goes in the order of ids.

    async def store(self, ids: list[int]) -> Any:
        updates = [_of_script(update_id) for update_id in sorted(ids)]
        if isinstance(self.tested, MemoryInboxUnderTest):
            return [await self.tested.inbox.store(update) for update in updates]
        assert isinstance(self.tested.inbox, PostgresInbox)
        return await self.tested.inbox._store_group([Storing(update, None) for update in updates])

    async def store_and_begin(self, which: str, stores: list[tuple[int, tuple[Any, ...] | None]]) -> Any:
        """One of each chat: within a group none sees the others, so whoever stores asks for one of a chat at a time."""
        of_chats = {update_id % CHATS: (update_id, asked) for update_id, asked in stores}
        storing = [Storing(_of_script(each), self._asked(which, each, asked)) for each, asked in of_chats.values()]
        if isinstance(self.tested, MemoryInboxUnderTest):
            return [await self.tested.inbox.store(*each) for each in storing]
        assert isinstance(self.tested.inbox, PostgresInbox)
        return await self.tested.inbox._store_group(storing)

    def _asked(self, which: str, update_id: int, asked: tuple[Any, ...] | None) -> Attempt | None:
        if asked is None:
            return None
        token, watermark, version, what = asked
        effects = Effects(b'{"n": 1}') if what == "changes the state" else None
        return Attempt(
            update_id,
            self.term(which),
            token,
            watermark=watermark,
            effects=effects,
            state_version=version,
            is_nothing=what == "is nothing",
        )

    async def begin(self, begins: list[tuple[int, str, int, bool, int | None, str | None]]) -> Any:
        attempts = [Attempt(each[0], self.term(each[1]), *each[2:]) for each in begins]
        if isinstance(self.tested, MemoryInboxUnderTest):
            return [await self.tested.inbox.begin(attempt) for attempt in attempts]
        assert isinstance(self.tested.inbox, PostgresInbox)
        return await self.tested.inbox._begin_group(attempts)

    async def settle(self, update_id: int, which: str, token: int, ending: Ending, sent: int | None) -> None:
        calls = [CallMade("sendMessage", "ok", 8, sent)]
        await self.tested.inbox.settle(Attempt(update_id, self.term(which), token), ending, calls)

    async def dismiss(self, update_id: int) -> None:
        await self.tested.inbox.dismiss(update_id)

    async def backfill(self, limit: int, after: int | None, without: set[int]) -> Any:
        window = await self.tested.inbox.backfill(limit, after=after, without=without)
        return self.seen(window.updates), window.end

    async def newest(self, limit: int, without: set[int]) -> Any:
        return self.seen(await self.tested.inbox.newest(limit, without=without))

    async def fetch(self, ids: list[int]) -> Any:
        return self.seen(await self.tested.inbox.fetch(ids))

    async def followers(self, chats: list[int], limit: int) -> Any:
        return self.seen(await self.tested.inbox.followers(chats, limit))

    async def take_over(self) -> int:
        self.terms.append(await self.tested.inbox.take_over(UUID(int=len(self.terms)), "one"))
        return self.terms[-1].epoch

    async def resolve_doubts(self, which: str, policy: Fallback, age: float, held: set[int], look: bool) -> Any:
        return sorted(await self.tested.inbox.resolve_doubts(self.term(which), policy, age, held, look=look))

    async def look(self, which: str, held: set[int], limit: int, result: LookResult, policy: Fallback) -> Any:
        """All looks that are due, each with this result."""
        term = self.term(which)
        due = await self.tested.inbox.due_looks(term, held, limit)
        self.looks += due
        return [(each[:6], await self.settled(term, each, result, policy)) for each in due]

    async def look_of_before(self, which: str, result: LookResult, policy: Fallback) -> Any:
        """The latest look, told once more."""
        return [await self.settled(self.term(which), each, result, policy) for each in self.looks[-1:]]

    async def settled(self, term: Term, due: DueLook, result: LookResult, policy: Fallback) -> LookOutcome:
        return await self.tested.inbox.settle_look(term, due, result, policy, probes=3)

    async def known_ids(self, update_id: int, watermark: int) -> Any:
        known = await self.tested.inbox.known_ids(DueLook(update_id, update_id % CHATS, 0, watermark, 1, 0, 0.0))
        return known._replace(own=None)

    async def pass_time(self, seconds: float) -> None:
        await self.tested.pass_time(seconds)

    async def hear_of_the_leader_of(self, epoch: int) -> None:
        await self.tested.hear_of_the_leader_of(epoch)

    async def note_deciding(self, which: str, update_id: int | None) -> int:
        return await self.tested.inbox.note_deciding(self.term(which), update_id)

    async def note_pause(self, which: str, reason: str | None) -> None:
        await self.tested.inbox.note_pause(self.term(which), reason)

    async def prune(self, age: float) -> int:
        return await self.tested.inbox.prune(age, 1000)

    async def prune_dead(self, age: float) -> int:
        return await self.tested.inbox.prune_dead(age, 1000)

    async def leave_over(self, update_id: int) -> None:
        if update_id in await self.tested.processed():
            await self.tested.leave_over(_of_script(update_id))


def _of_script(update_id: int) -> Received:
    return Received(
        update_id, update_id % CHATS, "message", b"%d" % update_id, trio.current_time(), message_id=update_id
    )


@given(script=st.lists(STEP, min_size=8, max_size=40))
@settings(
    max_examples=examples(60),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.usefixtures("slow_motion")
def test_both_answer_alike(database_url: str, script: list[Step]) -> None:
    """Any sequence of operations has the same answers and the same end in Postgres and in memory."""

    async def both() -> None:
        whole_script = [("take_over",), *script]
        async with (
            open_database(database_url, settings=PLANNER) as database,
            postgres_inbox(database, next(_bot_ids), window=WINDOW) as real,
        ):
            in_memory = MemoryInboxUnderTest(window=WINDOW)
            assert await Player(real).play(whole_script) == await Player(in_memory).play(whole_script)

    trio.run(both)

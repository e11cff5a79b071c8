"""What `Inbox` promises, over both of its implementations: on a real Postgres, and in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc.settings.environment import InDoubtPolicy
from svc.storage.database import Connection, Database
from svc.storage.inbox import (
    Attempt,
    BeginOutcome,
    Begun,
    Dead,
    Done,
    Ending,
    Inbox,
    Received,
    Retry,
    Term,
)
from svc.storage.inbox_sql import PLANNER
from svc.storage.postgres_inbox import PostgresInbox
from tests.conftest import open_database
from tests.examples import examples
from tests.flaky_database import FlakyDatabase
from tests.memory.inbox import MemoryInbox, Processed, Row

BOT = 4503599627370495  # the largest id that the Bot API promises: 52 bits
LONG_AGO = 0.0  # an age that everything has
EVER = 1e6  # an age that nothing has
FOREIGN = UUID(int=13)


@dataclass(frozen=True)
class Seen:
    """What an update has become: its state or outcome, and its counts."""

    state: str
    attempts: int = 0
    doubts: int = 0


class Bench(Protocol):
    """An inbox, and a look behind it."""

    inbox: Inbox

    async def row(self, update_id: int) -> Seen | None:
        """The row in the inbox."""

    async def processed(self) -> dict[int, Seen]:
        """What has been done."""

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        """The payloads and reasons of the dead."""

    def go_away(self) -> None:
        """Every statement is lost until `come_back`."""

    def come_back(self) -> None:
        """Statements are answered again."""

    async def leave_over(self, update: Received) -> None:
        """Put a row in although the update may have been processed, as a store that raced with a settle does."""


class MemoryBench:
    def __init__(self) -> None:
        self.memory = MemoryInbox()
        self.inbox: Inbox = self.memory

    async def row(self, update_id: int) -> Seen | None:
        row = self.memory.rows.get(update_id)
        return Seen(row.state, row.attempts, row.doubts) if row else None

    async def processed(self) -> dict[int, Seen]:
        def seen(row: Processed) -> Seen:
            return Seen(row.outcome, row.attempts, row.doubts)

        return {update_id: seen(row) for update_id, row in self.memory.processed.items()}

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        return {update_id: (update.payload, reason) for update_id, (update, reason) in self.memory.dead.items()}

    def go_away(self) -> None:
        self.memory.go_away()

    def come_back(self) -> None:
        self.memory.come_back()

    async def leave_over(self, update: Received) -> None:
        self.memory.rows.setdefault(update.update_id, Row(update, available=trio.current_time()))


class PostgresBench:
    def __init__(self, database: FlakyDatabase, inbox: PostgresInbox, bot_id: int) -> None:
        self.database = database
        self.inbox: Inbox = inbox
        self.bot_id = bot_id

    async def row(self, update_id: int) -> Seen | None:
        rows = await self._fetch(
            "SELECT state, attempts, doubts FROM inbox WHERE bot_id = $1 AND update_id = $2", update_id
        )
        return Seen(*rows[0]) if rows else None

    async def processed(self) -> dict[int, Seen]:
        rows = await self._fetch("SELECT update_id, outcome, attempts, doubts FROM processed_updates WHERE bot_id = $1")
        return {update_id: Seen(*rest) for update_id, *rest in rows}

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        rows = await self._fetch("SELECT update_id, payload, reason FROM dead_updates WHERE bot_id = $1")
        return {update_id: (payload, reason) for update_id, payload, reason in rows}

    def go_away(self) -> None:
        self.database.away = True

    def come_back(self) -> None:
        self.database.away = False

    async def leave_over(self, update: Received) -> None:
        await self._fetch(
            "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)"
            " VALUES ($1, $2, $3, $4, $5, 'test') ON CONFLICT DO NOTHING",
            update.update_id,
            update.chat_id,
            update.kind,
            update.payload,
        )

    async def _fetch(self, sql: str, *args: Any) -> list[Any]:
        return await self.database.fetch(sql, self.bot_id, *args)


@asynccontextmanager
async def postgres_bench(database: Database, bot_id: int = BOT) -> AsyncIterator[PostgresBench]:
    async with trio.open_nursery() as nursery:
        flaky = FlakyDatabase(database)
        inbox = PostgresInbox(flaky, bot_id, "one")
        nursery.start_soon(inbox.run)
        yield PostgresBench(flaky, inbox, bot_id)
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def bench_url(request: pytest.FixtureRequest) -> str | None:
    url: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return url


@pytest.fixture
async def bench(bench_url: str | None) -> AsyncIterator[Bench]:
    if bench_url is None:
        yield MemoryBench()
    else:
        async with open_database(bench_url, setup=PLANNER) as database, postgres_bench(database) as bench:
            yield bench


@pytest.fixture
def inbox(bench: Bench) -> Inbox:
    return bench.inbox


def an_update(update_id: int, chat_id: int = 7, payload: bytes = b"{}") -> Received:
    return Received(update_id, chat_id, "message", payload, trio.current_time())


async def store(inbox: Inbox, *update_ids: int, chat_id: int = 7) -> None:
    for update_id in update_ids:
        assert await inbox.store(an_update(update_id, chat_id))


async def new_term(inbox: Inbox) -> Term:
    return await inbox.take_over(uuid4(), "one")


async def begun(inbox: Inbox, update_id: int, term: Term, token: int = 1) -> Attempt:
    attempt = Attempt(update_id, term, token)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    return attempt


async def outcome(inbox: Inbox, update_id: int, term: Term, token: int = 2) -> BeginOutcome:
    return (await inbox.begin(Attempt(update_id, term, token))).outcome


async def at_once(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Call all of `calls` in one scheduling step, so that they share a group; their results in order."""
    results: list[Any] = [None] * len(calls)

    async def one(index: int) -> None:
        results[index] = await calls[index]()

    async with trio.open_nursery() as nursery:
        for index in range(len(calls)):
            nursery.start_soon(one, index)
    return results


async def test_a_new_update_is_fresh(bench: Bench) -> None:
    """A stored update is fresh, pending and untouched."""
    assert await bench.inbox.store(an_update(1)) is True
    assert await bench.row(1) == Seen("pending")


async def test_a_stored_update_is_a_duplicate(inbox: Inbox) -> None:
    """An update that waits in the inbox is stored once."""
    assert await inbox.store(an_update(1))
    assert await inbox.store(an_update(1)) is False
    assert len(await inbox.backfill(10)) == 1


async def test_of_two_deliveries_at_once_one_is_fresh(inbox: Inbox) -> None:
    """Of one update delivered several times in one group, exactly one delivery is fresh."""
    update, other = an_update(1), an_update(2)
    stored = await at_once(*(lambda it=it: inbox.store(it) for it in (update, update, other, update)))
    assert sorted(stored) == [False, False, True, True]
    assert stored[2] is True


@pytest.mark.parametrize("ending", [Done(), Dead("gave up")], ids=["done", "dead"])
async def test_a_finished_update_is_a_duplicate(bench: Bench, ending: Ending) -> None:
    """An update that was processed, or is dead, is never taken in again."""
    inbox = bench.inbox
    await store(inbox, 1)
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), ending)
    assert await inbox.store(an_update(1)) is False
    assert await bench.row(1) is None


@pytest.mark.parametrize("update_id", [-(2**63), -1, 0, 2**63 - 1])
async def test_ids_of_any_size(bench: Bench, update_id: int) -> None:
    """An update id is any 64-bit number, and so is a chat's."""
    inbox = bench.inbox
    assert await inbox.store(an_update(update_id, chat_id=-(2**63)))
    (found,) = await inbox.backfill(10)
    assert (found.update_id, found.chat_id) == (update_id, -(2**63))
    await inbox.settle(await begun(inbox, update_id, await new_term(inbox), token=2**63 - 1), Done())
    assert await bench.processed() == {update_id: Seen("done", attempts=1)}


@pytest.mark.parametrize(
    "payload",
    [b'{"text": "\\u0000"}', b'{"text": "\\ud83d"}', b"\x00\xff\xfe", b"", b"{" + b" " * (1 << 20) + b"}"],
    ids=["nul", "lone surrogate", "not text", "empty", "1 MiB"],
)
async def test_the_payload_is_kept_to_the_byte(bench: Bench, payload: bytes) -> None:
    """The body comes back as it came, from the inbox and from the dead."""
    inbox = bench.inbox
    await inbox.store(an_update(1, payload=payload))
    (found,) = await inbox.backfill(10)
    assert found.payload == payload
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), Dead("x"))
    assert (await bench.dead())[1] == (payload, "x")


async def test_begin(bench: Bench) -> None:
    """A pending update is begun, and its attempt counted."""
    inbox = bench.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    assert await inbox.begin(Attempt(1, term, 5)) == Begun(BeginOutcome.BEGUN, attempts=1)
    assert await bench.row(1) == Seen("processing", attempts=1)


async def test_begin_repeated(inbox: Inbox) -> None:
    """Asked again after a lost answer, begin says the same and counts no second attempt."""
    await store(inbox, 1)
    attempt = Attempt(1, await new_term(inbox), 5)
    assert await inbox.begin(attempt) == await inbox.begin(attempt) == Begun(BeginOutcome.BEGUN, attempts=1)
    assert (
        await at_once(lambda: inbox.begin(attempt), lambda: inbox.begin(attempt))
        == [Begun(BeginOutcome.BEGUN, attempts=1)] * 2
    )


async def test_begin_repeated_after_an_older_one_came(inbox: Inbox) -> None:
    """A begun attempt stays begun when an older update of its chat arrives before begin is asked again."""
    await store(inbox, 2)
    attempt = await begun(inbox, 2, await new_term(inbox))
    await store(inbox, 1)
    assert await inbox.begin(attempt) == Begun(BeginOutcome.BEGUN, attempts=1)


async def test_another_token_is_busy(inbox: Inbox) -> None:
    """Only one attempt at an update is begun, also if two are made in one group."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    answers = await at_once(
        lambda: inbox.begin(Attempt(1, term, 5)),
        lambda: inbox.begin(Attempt(1, term, 6)),
        lambda: inbox.begin(Attempt(2, term, 7)),
    )
    assert {answer.outcome for answer in answers[:2]} == {BeginOutcome.BEGUN, BeginOutcome.BUSY}
    assert answers[2].outcome is BeginOutcome.BUSY
    assert await outcome(inbox, 1, term, token=8) is BeginOutcome.BUSY


async def _pending(inbox: Inbox) -> Term:
    return await new_term(inbox)


async def _processing(inbox: Inbox) -> Term:
    term = await new_term(inbox)
    await begun(inbox, 1, term)
    return term


async def _in_doubt(inbox: Inbox) -> Term:
    await _processing(inbox)
    return await new_term(inbox)


async def _later(inbox: Inbox) -> Term:
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Retry(3600, "flood"))
    return term


@pytest.mark.parametrize("state", [_pending, _processing, _in_doubt, _later])
async def test_behind_an_unfinished_one(inbox: Inbox, state: Callable[[Inbox], Awaitable[Term]]) -> None:
    """While an older update of the chat is unfinished, in whatever state, a younger one is busy and not read back."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await state(inbox)
    assert await outcome(inbox, 2, term) is BeginOutcome.BUSY
    assert 2 not in [each.update_id for each in await inbox.backfill(10)]
    assert await outcome(inbox, 3, term) is BeginOutcome.BEGUN


async def test_the_next_of_a_chat(inbox: Inbox) -> None:
    """Once the older one is finished, the next may begin."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Done())
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


async def test_begin_after_done(inbox: Inbox) -> None:
    """An update that was processed is a duplicate for whoever begins it again."""
    await store(inbox, 1)
    term = await new_term(inbox)
    attempt = await begun(inbox, 1, term)
    await inbox.settle(attempt, Done())
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.DUPLICATE
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE


async def test_a_leftover_row_is_removed(bench: Bench) -> None:
    """A row that a store left behind its own settle is found out by begin, removed, and blocks nothing."""
    inbox = bench.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Done())
    await bench.leave_over(an_update(1))
    await store(inbox, 2)
    assert await outcome(inbox, 2, term) is BeginOutcome.BUSY
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await bench.row(1) is None
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN
    assert await bench.processed() == {1: Seen("done", attempts=1)}


@pytest.mark.parametrize("whose", ["older epoch", "foreign holder", "never had"])
async def test_begin_is_fenced(bench: Bench, whose: str) -> None:
    """Under any term but the current one nothing begins."""
    inbox = bench.inbox
    await store(inbox, 1)
    never = Term(1, uuid4())
    if whose == "never had":
        assert await outcome(inbox, 1, never) is BeginOutcome.FENCED
    old, current = await new_term(inbox), await new_term(inbox)
    term = {"older epoch": old, "foreign holder": Term(current.epoch, FOREIGN), "never had": never}[whose]
    assert await outcome(inbox, 1, term) is BeginOutcome.FENCED
    assert await bench.row(1) == Seen("pending")


async def test_two_terms_in_one_group(inbox: Inbox) -> None:
    """Attempts of an old and of the current term that meet in a group are each judged by their own term."""
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    old, current = await new_term(inbox), await new_term(inbox)
    answers = await at_once(lambda: inbox.begin(Attempt(1, old, 5)), lambda: inbox.begin(Attempt(2, current, 6)))
    assert [answer.outcome for answer in answers] == [BeginOutcome.FENCED, BeginOutcome.BEGUN]


ENDINGS = [
    pytest.param(Done("refused"), id="done"),
    pytest.param(Retry(0, "flood", doubts=1), id="retry"),
    pytest.param(Dead("no hope", doubts=1), id="dead"),
]


async def whole(bench: Bench, update_id: int) -> tuple[Any, ...]:
    return await bench.row(update_id), await bench.processed(), await bench.dead()


@pytest.mark.parametrize("ending", ENDINGS)
async def test_settle_repeated(bench: Bench, ending: Ending) -> None:
    """Settling again, one after the other or in one group, changes nothing more."""
    inbox = bench.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    await at_once(lambda: inbox.settle(attempt, ending), lambda: inbox.settle(attempt, ending))
    settled = await whole(bench, 1)
    await inbox.settle(attempt, ending)
    assert await whole(bench, 1) == settled
    match ending:
        case Done():
            assert settled == (None, {1: Seen("refused", attempts=1)}, {})
        case Retry():
            assert settled == (Seen("pending", attempts=1, doubts=1), {}, {})
        case Dead():
            assert settled == (None, {1: Seen("dead", attempts=1, doubts=1)}, {1: (b"{}", "no hope")})


@pytest.mark.parametrize("ending", ENDINGS)
async def test_settle_with_a_wrong_token(bench: Bench, ending: Ending) -> None:
    """Only the attempt that was begun settles anything."""
    inbox = bench.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    await begun(inbox, 1, term, token=5)
    await inbox.settle(Attempt(1, term, 6), ending)
    await inbox.settle(Attempt(1, Term(term.epoch + 1, term.holder), 5), ending)
    assert await whole(bench, 1) == (Seen("processing", attempts=1), {}, {})


async def test_different_endings_in_one_group(bench: Bench) -> None:
    """Endings of every kind that meet in a group are all recorded."""
    inbox = bench.inbox
    term = await new_term(inbox)
    attempts = []
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=update_id)
        attempts.append(await begun(inbox, update_id, term))
    endings: list[Ending] = [Dead("x"), Retry(3600, "y"), Done()]
    await at_once(*(lambda a=a, e=e: inbox.settle(a, e) for a, e in zip(attempts, endings, strict=True)))
    assert await bench.processed() == {1: Seen("dead", attempts=1), 3: Seen("done", attempts=1)}
    assert await bench.row(2) == Seen("pending", attempts=1)


async def test_settle_after_a_takeover(bench: Bench) -> None:
    """What an owner of the old term still gets done is recorded, though its row has been marked in doubt."""
    inbox = bench.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    await new_term(inbox)
    assert await bench.row(1) == Seen("in_doubt", attempts=1)
    await inbox.settle(attempt, Done())
    assert await whole(bench, 1) == (None, {1: Seen("done", attempts=1)}, {})


async def test_settle_after_the_policy(bench: Bench) -> None:
    """It is recorded, too, when the policy has made the row pending again: the message is not sent twice."""
    inbox = bench.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO) == [1]
    await inbox.settle(attempt, Done())
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await bench.processed() == {1: Seen("done", attempts=1, doubts=1)}


async def test_settle_after_another_attempt_began(bench: Bench) -> None:
    """Once another attempt has begun, the old one settles nothing any more."""
    inbox = bench.inbox
    await store(inbox, 1)
    old = await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await inbox.resolve_doubts(term, "resend", LONG_AGO)
    await begun(inbox, 1, term, token=9)
    await inbox.settle(old, Done())
    assert await bench.row(1) == Seen("processing", attempts=2, doubts=1)


async def test_settle_of_a_cancelled_caller(bench: Bench) -> None:
    """An ending is recorded although its caller is cancelled before it is written."""
    inbox = bench.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.settle(attempt, Done())
    assert scope.cancelled_caught
    with trio.fail_after(5):
        await inbox.flush()
    assert await bench.row(1) is None
    assert await bench.processed() == {1: Seen("done", attempts=1)}


async def test_flush_waits_for_what_is_owed(bench: Bench) -> None:
    """While the database is away a settlement waits, its caller gone; flush returns when it is written, not before."""
    inbox = bench.inbox
    await inbox.flush()
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    bench.go_away()
    with trio.move_on_after(0):
        await inbox.settle(attempt, Done())
    flushed = trio.Event()

    async def flush() -> None:
        await inbox.flush()
        flushed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flush)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not flushed.is_set()
        bench.come_back()
        with trio.fail_after(5):
            await flushed.wait()
    assert await bench.processed() == {1: Seen("done", attempts=1)}


async def test_retry_waits_its_delay(bench: Bench) -> None:
    """A retry comes back when its delay is over, not before; attempts and doubts add up."""
    inbox = bench.inbox
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Retry(3600, "flood", doubts=1))
    await inbox.settle(await begun(inbox, 2, term), Retry(0, "flood", doubts=1))
    assert [each.update_id for each in await inbox.backfill(10)] == [2]
    assert await inbox.begin(Attempt(2, term, 9)) == Begun(BeginOutcome.BEGUN, attempts=2, doubts=1)
    await inbox.settle(Attempt(2, term, 9), Done("in_doubt", doubts=1))
    assert await bench.processed() == {2: Seen("in_doubt", attempts=2, doubts=2)}


async def test_any_text_is_a_reason(bench: Bench) -> None:
    """An error's text with NUL and lone surrogates, of any length, can be recorded."""
    inbox = bench.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    text = "bad \0 \ud800 " + "x" * 5000
    await inbox.settle(await begun(inbox, 1, term), Retry(0, text))
    await inbox.settle(await begun(inbox, 1, term), Dead(text))
    payload, reason = (await bench.dead())[1]
    assert payload == b"{}"
    assert reason.startswith("bad ")


async def test_dismiss(bench: Bench) -> None:
    """A pending update is recorded as ignored, without a term; again, or on one that was begun, nothing happens."""
    inbox = bench.inbox
    await store(inbox, 1, 2)
    await begun(inbox, 1, await new_term(inbox))
    await inbox.dismiss(1)
    await inbox.dismiss(2)
    await inbox.dismiss(2)
    await inbox.dismiss(3)
    assert await bench.row(1) == Seen("processing", attempts=1)
    assert await bench.processed() == {2: Seen("ignored")}
    assert await inbox.store(an_update(2)) is False


async def test_backfill(inbox: Inbox) -> None:
    """The oldest of each chat are read back, in the order of their ids; each says whether its chat has followers."""
    await store(inbox, 5, 3, 9, chat_id=1)
    await store(inbox, 4, chat_id=2)
    await store(inbox, 1, 2, chat_id=3)
    found = await inbox.backfill(10)
    assert [(each.update_id, each.chat_id, each.has_followers) for each in found] == [
        (1, 3, True),
        (3, 1, True),
        (4, 2, False),
    ]
    assert {each.kind for each in found} == {"message"}


async def test_backfill_has_a_limit(inbox: Inbox) -> None:
    """No more than `limit` are read back, the oldest ones."""
    for update_id in (4, 1, 3, 2):
        await store(inbox, update_id, chat_id=update_id)
    assert [each.update_id for each in await inbox.backfill(2)] == [1, 2]


async def test_backfill_without(inbox: Inbox) -> None:
    """An update in `without` does not count towards the limit, and its followers stay behind it."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    assert [each.update_id for each in await inbox.backfill(1, without={1})] == [3]
    assert await inbox.backfill(10, without=[1, 3, 99]) == []


async def test_backfill_knows_when_an_update_came(inbox: Inbox) -> None:
    """`arrived` is the time of storing, on Trio's clock, to the precision of a round trip."""
    before = trio.current_time()
    await store(inbox, 1)
    after = trio.current_time()
    (found,) = await inbox.backfill(10)
    now = trio.current_time()
    assert before - (now - after) <= found.arrived <= after + (now - after)


async def test_every_term_is_a_new_one(inbox: Inbox) -> None:
    """The epoch goes up by one with every term, also with the next of the same holder."""
    holder = uuid4()
    assert [await inbox.take_over(holder, "one") for _ in range(3)] == [Term(epoch, holder) for epoch in (1, 2, 3)]


async def test_take_over_marks_what_was_in_flight(bench: Bench) -> None:
    """A new term marks what older ones left processing as in doubt, and nothing else."""
    inbox = bench.inbox
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await new_term(inbox)
    await begun(inbox, 1, term)
    await inbox.settle(await begun(inbox, 3, term), Retry(0, "flood"))
    await new_term(inbox)
    assert [await bench.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("in_doubt", attempts=1),
        Seen("pending"),
        Seen("pending", attempts=1),
    ]


async def test_mark_lost(bench: Bench) -> None:
    """What this term began long ago and nobody holds is in doubt; what is held, or new, is not."""
    inbox = bench.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await store(inbox, update_id, chat_id=update_id)
        await begun(inbox, update_id, term, token=update_id)
    await store(inbox, 3)
    assert await inbox.mark_lost(term, {2}, EVER) == 0
    assert await inbox.mark_lost(Term(term.epoch - 1, term.holder), {2}, LONG_AGO) == 0
    assert await inbox.mark_lost(term, {2}, LONG_AGO) == 1
    assert await inbox.mark_lost(term, {2}, LONG_AGO) == 0
    assert [await bench.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("in_doubt", attempts=1),
        Seen("processing", attempts=1),
        Seen("pending"),
    ]


async def test_resend(bench: Bench) -> None:
    """Under `resend` a row in doubt is pending again, due at once, and the doubt is counted."""
    inbox = bench.inbox
    await store(inbox, 1)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO) == [1]
    assert [each.update_id for each in await inbox.backfill(10)] == [1]
    assert await inbox.begin(Attempt(1, term, 9)) == Begun(BeginOutcome.BEGUN, attempts=2, doubts=1)


async def test_skip(bench: Bench) -> None:
    """Under `skip` a row in doubt is finished, and says why."""
    inbox = bench.inbox
    await store(inbox, 1, 2)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "skip", LONG_AGO) == [1]
    assert await bench.processed() == {1: Seen("in_doubt", attempts=1, doubts=1)}
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_doubts_are_left_alone(bench: Bench, policy: InDoubtPolicy) -> None:
    """The policy is not applied while the owner may still finish, nor by a term that is not the current one."""
    inbox = bench.inbox
    await store(inbox, 1)
    old = await new_term(inbox)
    await begun(inbox, 1, old)
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, policy, EVER) == []
    assert await inbox.resolve_doubts(old, policy, LONG_AGO) == []
    assert await inbox.resolve_doubts(Term(term.epoch, FOREIGN), policy, LONG_AGO) == []
    assert await bench.row(1) == Seen("in_doubt", attempts=1)


async def test_prune(bench: Bench) -> None:
    """The oldest processed updates are forgotten, no more than `limit` at a time, and none that are young."""
    inbox = bench.inbox
    for update_id in (3, 1, 2):
        await store(inbox, update_id)
        await inbox.dismiss(update_id)
    assert await inbox.prune(EVER, 10) == 0
    assert await inbox.prune(LONG_AGO, 2) == 2
    assert set(await bench.processed()) == {2}
    assert await inbox.prune(LONG_AGO, 2) == 1
    assert await inbox.store(an_update(1))


async def test_bots_do_not_meet(database: Database) -> None:
    """Two bots in one database share nothing: ids, order, terms, doubts and pruning are each bot's own."""
    async with postgres_bench(database, 1) as one, postgres_bench(database, 2) as two:
        for bench in (one, two):
            await store(bench.inbox, 1, 2)
        await one.inbox.dismiss(1)
        assert await two.row(1) == Seen("pending")
        term = await new_term(one.inbox)
        assert await outcome(two.inbox, 1, term) is BeginOutcome.FENCED
        other = await new_term(two.inbox)
        assert other.epoch == 1
        await begun(two.inbox, 1, other)
        await new_term(one.inbox)
        assert await two.row(1) == Seen("processing", attempts=1)
        await new_term(two.inbox)
        assert await one.inbox.resolve_doubts(term, "skip", LONG_AGO) == []
        assert await two.inbox.prune(LONG_AGO, 10) == 0
        assert [each.update_id for each in await one.inbox.backfill(10)] == [2]
        assert await two.inbox.backfill(10) == []


async def test_instances_that_store_the_same_do_not_deadlock(database: Database) -> None:
    """Deliveries of the same updates to two instances, in opposite order, wait for each other in one order only."""
    async with postgres_bench(database) as bench:
        inbox = bench.inbox
        assert isinstance(inbox, PostgresInbox)
        inserted = trio.Event()

        async def other_instance(connection: Connection) -> None:
            insert = (
                "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)"
                " VALUES ($1, $2, 7, 'message', '', 'two')"
            )
            await connection.execute(insert, bench.bot_id, 1)
            inserted.set()
            while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                pass
            await connection.execute(insert, bench.bot_id, 2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(database.transaction, other_instance)
            await inserted.wait()
            assert await inbox._store_group([an_update(2), an_update(1)]) == [False, False]


# A script for both implementations: operations as data. Terms are picked from those taken so far, or invented.
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

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.terms = [Term(0, UUID(int=0))]

    async def play(self, script: Sequence[Step]) -> list[Any]:
        answers = [await getattr(self, step[0])(*step[1:]) for step in script]
        rows = {update_id: await self.bench.row(update_id) for update_id in range(1, 7)}
        return [*answers, rows, await self.bench.processed(), await self.bench.dead()]

    def term(self, which: str) -> Term:
        match which:
            case "old":
                return self.terms[-2] if len(self.terms) > 1 else self.terms[-1]
            case "foreign":
                return Term(self.terms[-1].epoch, FOREIGN)
            case _:
                return self.terms[-1]

    async def store(self, ids: list[int]) -> Any:
        answers = await at_once(*(lambda u=u: self.bench.inbox.store(_of_script(u)) for u in ids))
        # Which delivery of a group is the fresh one is left open.
        return sorted(zip(ids, answers, strict=True))

    async def begin(self, begins: list[tuple[int, str, int]]) -> Any:
        # One after the other in memory, in one group in Postgres: the order in the group is that of the list.
        attempts = [Attempt(update_id, self.term(which), token) for update_id, which, token in begins]
        if isinstance(self.bench, MemoryBench):
            return [await self.bench.inbox.begin(attempt) for attempt in attempts]
        assert isinstance(self.bench.inbox, PostgresInbox)
        return await self.bench.inbox._begin_group(attempts)

    async def settle(self, update_id: int, which: str, token: int, ending: Ending) -> None:
        await self.bench.inbox.settle(Attempt(update_id, self.term(which), token), ending)

    async def dismiss(self, update_id: int) -> None:
        await self.bench.inbox.dismiss(update_id)

    async def backfill(self, limit: int, without: set[int]) -> Any:
        found = await self.bench.inbox.backfill(limit, without=without)
        return [(each.update_id, each.chat_id, each.kind, each.payload, each.has_followers) for each in found]

    async def take_over(self) -> int:
        self.terms.append(await self.bench.inbox.take_over(UUID(int=len(self.terms)), "one"))
        return self.terms[-1].epoch

    async def mark_lost(self, which: str, held: set[int], age: float) -> int:
        return await self.bench.inbox.mark_lost(self.term(which), held, age)

    async def resolve_doubts(self, which: str, policy: InDoubtPolicy, age: float) -> Any:
        return sorted(await self.bench.inbox.resolve_doubts(self.term(which), policy, age))

    async def prune(self, age: float) -> int:
        return await self.bench.inbox.prune(age, 1000)

    async def leave_over(self, update_id: int) -> None:
        if update_id in await self.bench.processed():
            await self.bench.leave_over(_of_script(update_id))


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
            open_database(database_url, setup=PLANNER) as database,
            postgres_bench(database, next(_bot_ids)) as real,
        ):
            assert await Player(real).play(whole_script) == await Player(MemoryBench()).play(whole_script)

    trio.run(both)

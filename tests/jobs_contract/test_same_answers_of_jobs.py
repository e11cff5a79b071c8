"""Any sequence of operations on updates with effects, on jobs and on their ends has the same answers in both
implementations: operations as data, besides those of tests/inbox_contract/test_same_answers.py.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc.handler.job import Job
from svc.storage.inbox import (
    JOB_ENDED,
    Attempt,
    CallMade,
    ChatState,
    Dead,
    Done,
    Effects,
    Ending,
    Received,
    Retry,
    SentFile,
    Unclear,
)
from svc.storage.inbox_sql import PLANNER
from svc.storage.jobs import Created, DueJob, Failed, JobEnding, PutOff, Unknown, ended_id, read_job_event
from tests.conftest import open_database
from tests.examples import examples
from tests.inbox_contract.test_same_answers import AGES, CHATS, POLICIES, RESULT, TERMS, Player
from tests.inbox_contract.under_test import EVER, MemoryInboxUnderTest
from tests.jobs_contract.under_test import (
    READY,
    REQUEST,
    SECRET,
    JobsUnderTest,
    MemoryJobsUnderTest,
    postgres_jobs,
)

JOBS = st.integers(1, 4)
ROWS = st.sampled_from([1, 2, 3, 4, -1, -2, -3, -4, -1, -2])
TOKENS = st.integers(1, 2)
EFFECTS = st.one_of(
    st.none(),
    st.builds(Effects, st.sampled_from([b"{}", b'{"n": 1}'])),
    st.builds(Effects, st.none() | st.just(b'{"n": 2}'), st.just(REQUEST), st.just(SECRET)),
    st.builds(Effects, cancel=JOBS),
)
ENDING = st.one_of(
    st.builds(Done, st.sampled_from(["done", "done", "refused", "in_doubt"])),
    st.builds(Retry, st.just(0.0), st.just("flood"), st.integers(0, 1)),
    st.just(Dead("gave up")),
    st.just(Unclear(0.0, "cut off")),
)
CALLS = st.sampled_from(
    [
        (),
        (CallMade("sendMessage", "ok", 8, 33),),
        (CallMade("answer", "ok", 8), CallMade("sendPhoto", "ok", 8, 34, SentFile("photo", "AgAC"))),
    ]
)
DELAYS = st.sampled_from([0.0, 0.0, EVER])
CREATE = st.one_of(st.builds(Created, st.sampled_from(["a", "b"])), st.builds(PutOff, DELAYS, st.just("429")))
JOB_ENDING = st.one_of(st.just(READY), st.just(READY), st.just(Failed("credits", "402")), st.just(Unknown("lost it")))
STEP = st.one_of(
    st.tuples(st.just("asked"), JOBS),
    st.tuples(st.just("asked"), JOBS),
    st.tuples(st.just("made"), JOBS),
    st.tuples(st.just("made"), JOBS),
    st.tuples(st.just("store"), st.lists(JOBS, min_size=1, max_size=2)),
    st.tuples(st.just("begin_with"), ROWS, TERMS, TOKENS, EFFECTS, st.sampled_from([0, 0, 0, 1]), st.booleans()),
    st.tuples(st.just("begin_with"), ROWS, TERMS, TOKENS, EFFECTS, st.just(0), st.booleans()),
    st.tuples(st.just("settle_with"), ROWS, TERMS, TOKENS, ENDING, CALLS),
    st.tuples(st.just("settle_with"), ROWS, st.just("current"), TOKENS, ENDING, CALLS),
    st.tuples(st.just("dismiss"), ROWS),
    st.tuples(st.just("backfill"), st.integers(1, 4), st.none() | ROWS, st.just(set())),
    st.tuples(st.just("newest"), st.integers(1, 4), st.just(set())),
    st.tuples(st.just("fetch"), st.lists(ROWS, max_size=4)),
    st.tuples(st.just("followers"), st.lists(st.integers(0, CHATS), max_size=3), st.integers(1, 3)),
    st.tuples(st.just("take_over")),
    st.tuples(st.just("resolve_doubts"), TERMS, POLICIES, AGES, st.sets(TOKENS, max_size=1), st.booleans()),
    st.tuples(st.just("look"), TERMS, st.sets(TOKENS, max_size=1), st.integers(1, 3), RESULT, POLICIES),
    st.tuples(st.just("known_ids"), ROWS, st.integers(0, 9)),
    st.tuples(st.just("pass_time"), st.sampled_from([2000.0, 20_000.0])),
    st.tuples(st.just("due_jobs"), TERMS, st.sets(TOKENS, max_size=1), st.integers(1, 3), st.sets(JOBS, max_size=1)),
    st.tuples(st.just("begin_create"), TERMS, JOBS, TOKENS),
    st.tuples(st.just("record_create"), JOBS, TOKENS, CREATE),
    st.tuples(st.just("note_look"), TERMS, JOBS, DELAYS, st.none() | st.just(0.5)),
    st.tuples(st.just("identify"), TERMS, JOBS, st.sampled_from(["a", "b"])),
    st.tuples(st.just("end_job"), TERMS, JOBS, JOB_ENDING),
    st.tuples(st.just("note_callback"), JOBS, st.sampled_from([SECRET, SECRET, "x"]), st.none() | st.just("b")),
    st.tuples(st.just("running")),
    st.tuples(st.just("prune_jobs"), AGES),
)

_bot_ids = itertools.count(1)


class JobsPlayer(Player):
    """Plays a script that has jobs in it."""

    def __init__(self, under_test: JobsUnderTest) -> None:
        super().__init__(under_test.tested)
        self.under_test = under_test
        self.jobs = under_test.jobs

    async def play_to_the_end(self, script: list[tuple[Any, ...]]) -> list[Any]:
        answers = await self.play(script)
        events = {each: await self.tested.row(each) for each in range(-4, 0)}
        states = [_decoded(await self.under_test.state_of(chat_id)) for chat_id in range(CHATS)]
        found = [job for chat_id in range(CHATS) for job in await self.jobs.jobs_of(chat_id, 10)]
        behind = [await self.under_test.behind(job.job_id) for job in found]
        histories = [await self.under_test.history(job.job_id) for job in found]
        return [*answers, events, states, [_timeless(job) for job in found], behind, histories]

    def seen(self, updates: Sequence[Received]) -> list[tuple[Any, ...]]:
        return [
            (
                each.update_id,
                each.chat_id,
                each.payload if each.kind != JOB_ENDED else _timeless(read_job_event(each.payload)),
                each.has_followers,
                _decoded(each.state),
            )
            for each in updates
        ]

    async def asked(self, job_id: int) -> None:
        """The whole way of an update that asks for a job."""
        await self.store([job_id])
        await self.begin_with(job_id, "current", 1, Effects(job=REQUEST, secret=SECRET), 0, False)
        await self.settle_with(job_id, "current", 1, Done(), ())

    async def made(self, job_id: int) -> Any:
        """The whole way of a job that is made."""
        await self.begin_create("current", job_id, 1)
        await self.record_create(job_id, 1, Created("a"))
        return await self.end_job("current", job_id, READY)

    async def begin_with(
        self, update_id: int, which: str, token: int, effects: Effects | None, off: int, can_be_looked_for: bool
    ) -> Any:
        """By the state that its chat has, or by one that is `off` by so many versions."""
        version = (await self.under_test.state_of(abs(update_id) % CHATS)).version + off
        watermark = 1 if can_be_looked_for else None
        attempt = Attempt(
            update_id, self.term(which), token, watermark=watermark, effects=effects, state_version=version
        )
        return await self.tested.inbox.begin(attempt)

    async def settle_with(
        self, update_id: int, which: str, token: int, ending: Ending, calls: tuple[CallMade, ...]
    ) -> None:
        await self.tested.inbox.settle(Attempt(update_id, self.term(which), token, effects=Effects()), ending, calls)

    async def due_jobs(self, which: str, held: set[int], limit: int, without: set[int]) -> Any:
        due = await self.jobs.due_jobs(self.term(which), held, limit, without=without)
        # Which of those that are due at the same time come first is open.
        return [_due(each) for each in due] if limit > 1 else len(due)

    async def begin_create(self, which: str, job_id: int, token: int) -> bool:
        return await self.jobs.begin_create(self.term(which), job_id, token)

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        await self.jobs.record_create(job_id, token, outcome)

    async def note_look(self, which: str, job_id: int, delay: float, progress: float | None) -> None:
        await self.jobs.note_look(self.term(which), job_id, delay, progress)

    async def identify(self, which: str, job_id: int, task_id: str) -> bool:
        return await self.jobs.identify(self.term(which), job_id, task_id)

    async def end_job(self, which: str, job_id: int, ending: JobEnding) -> Any:
        return await self.jobs.end_job(self.term(which), job_id, ending), await self.tested.row(ended_id(job_id))

    async def note_callback(self, job_id: int, secret: str, task_id: str | None) -> bool:
        return await self.jobs.note_callback(job_id, secret, task_id)

    async def running(self) -> int:
        return await self.jobs.running()

    async def prune_jobs(self, age: float) -> int:
        return await self.jobs.prune_jobs(age, 1000)


def _decoded(state: ChatState) -> tuple[int, Any]:
    return state.version, json.loads(state.json)


def _timeless(job: Job) -> Job:
    return msgspec.structs.replace(job, created_at=0.0, submitted_at=None, ended_at=None)


def _due(due: DueJob) -> tuple[Any, ...]:
    return (_timeless(due.job), *due[1:5], due.polls)


@given(script=st.lists(STEP, min_size=8, max_size=40))
@settings(
    max_examples=examples(60),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.usefixtures("slow_motion", "long_claims")
def test_both_answer_alike(database_url: str, script: list[tuple[Any, ...]]) -> None:
    """Any sequence of operations has the same answers and the same end in Postgres and in memory."""

    async def both() -> None:
        whole_script = [("take_over",), *script]
        async with (
            open_database(database_url, settings=PLANNER) as database,
            postgres_jobs(database, next(_bot_ids)) as real,
        ):
            in_memory = MemoryJobsUnderTest(MemoryInboxUnderTest())
            of_memory = await JobsPlayer(in_memory).play_to_the_end(whole_script)
            assert await JobsPlayer(real).play_to_the_end(whole_script) == of_memory

    trio.run(both)

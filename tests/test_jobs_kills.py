"""An instance that is killed at any step of a job, and another one that takes over: created once, delivered once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from providers.provider import InDoubt, NotSent
from statemachine import State
from svc.handler.job import ENDED
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Term
from tests.fake_provider import Door, Script
from tests.harness import RunningBot
from tests.jobs_world import JobBot, JobsWorld
from tests.memory.jobs import MemoryJobs

# Legs of calls that a job has on its way, at least: the test of each leg is told from a test beyond the last.
LEGS = 30
DEADLINE = 120.0


class Killing:
    """A world in which the first instance is killed at a leg of its calls, and the second one is there to take over."""

    def __init__(self, leg: int | None, script: Script) -> None:
        self.world = JobsWorld()
        self.world.bot = JobBot(seconds=DEADLINE)
        self.world.provider.usual = script
        self.door = Door(leg, self._killed)
        self._scope = trio.CancelScope()

    def _killed(self) -> None:
        # Its connections are gone first: nothing that it does while it is cancelled reaches anybody.
        self._scope.cancel(reason="killed")

    async def run(self) -> None:
        """From the wish to the end of it all."""
        world = self.world
        async with trio.open_nursery() as nursery:
            first: RunningBot = await nursery.start(self._first)
            async with world.provider.calling_back(world._post):
                await first.send(7, "a cat")
                while not world.jobs.rows:
                    await trio.sleep(0.05)
                async with world.instance(standby=True):
                    with trio.move_on_after(10 * DEADLINE):
                        await world.ended()
                    # Whatever comes late.
                    await trio.sleep(DEADLINE)
            nursery.cancel_scope.cancel(reason="the test is over")

    async def _first(self, *, task_status: trio.TaskStatus[RunningBot]) -> None:
        with self._scope:
            async with self.world.instance(door=self.door) as bot:
                task_status.started(bot)
                await trio.sleep_forever()


def judge(killing: Killing) -> None:
    """One create, one delivery, or unknown where the create was cut off; whatever else, an end."""
    world = killing.world
    row = world.job
    assert row.job.state in ENDED, row.job.state
    assert len(world.provider.creates) <= 1, "created twice"
    assert len(world.results()) == (row.job.state == "delivered")
    last = killing.door.legs[-1]
    if row.job.state != "delivered":
        assert row.job.state == "unknown"
        assert last in ("begin_create done", "create", "created", "record_create"), last


@pytest.mark.parametrize("leg", range(LEGS))
async def test_with_callbacks_every_job_that_was_created_is_delivered(
    autojump_clock: trio.testing.MockClock, leg: int
) -> None:
    """Killed at this leg. Only where nothing had reached the provider can the job be unknown."""
    killing = Killing(leg, Script(takes=5.0, callbacks=(5.0,)))
    await killing.run()
    judge(killing)
    if killing.world.provider.tasks:
        assert killing.world.job.job.state == "delivered"


@pytest.mark.parametrize("leg", range(LEGS))
async def test_without_callbacks_none_is_created_twice(autojump_clock: trio.testing.MockClock, leg: int) -> None:
    """Killed at this leg. Where the create's answer was lost with the instance it is unknown, and said so."""
    killing = Killing(leg, Script(takes=5.0))
    await killing.run()
    judge(killing)


async def test_the_legs_are_all_that_a_job_has(autojump_clock: trio.testing.MockClock) -> None:
    """So the tests above have killed at each of them."""
    killing = Killing(None, Script(takes=5.0, callbacks=(5.0,)))
    await killing.run()
    legs = killing.door.legs
    assert killing.world.job.job.state == "delivered"
    assert len(legs) <= LEGS, legs
    for name in ("begin_create", "create", "created", "record_create", "ask", "note_look", "end_job", "end_job done"):
        assert name in legs


async def test_a_drain_hears_the_create_that_has_left(autojump_clock: trio.testing.MockClock) -> None:
    """SIGTERM while a create is under way: its answer is recorded by the old instance, and the new one follows it."""
    killing = Killing(None, Script(answered=12.0, takes=30.0))
    world = killing.world
    async with world.instance() as first:
        await first.send(7, "a cat")
        while not world.provider.creates:
            await trio.sleep(0.05)
        async with world.instance(standby=True):
            await first.drain()
            await world.ended()
            assert world.job.job.state == "delivered"
            assert len(world.provider.creates) == len(world.results()) == 1
            assert world.job.history.count("handed_in") == 1


async def test_a_leader_that_is_cut_off_hears_its_create_too(autojump_clock: trio.testing.MockClock) -> None:
    """The lease runs out while a create is under way: what is answered later is recorded, and not created again."""
    world = JobsWorld()
    world.provider.usual = Script(answered=20.0, takes=30.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        while not world.provider.creates:
            await trio.sleep(0.05)
        assert world.lock.holder is not None
        world.lock.blocked = True
        world.lock.holder.abandon()
        await bot.state(State.PASSIVE)
        await trio.sleep(5)
        world.lock.unblock()
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.provider.creates) == len(world.results()) == 1


async def test_a_create_that_has_not_left_is_made_by_the_next_term(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead is lost between the mark in the database and the request: that is known, and so nothing is in doubt."""
    world = JobsWorld()
    begin_create = MemoryJobs.begin_create
    lost: list[int] = []

    async def loses_the_lead(jobs: MemoryJobs, term: Term, job_id: int, token: int) -> bool:
        begun = await begin_create(jobs, term, job_id, token)
        if not lost:
            lost.append(token)
            assert world.lock.holder is not None
            world.lock.holder.abandon()
            await trio.sleep(DEADLINE)
        return begun

    monkeypatch.setattr(MemoryJobs, "begin_create", loses_the_lead)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.provider.creates) == len(world.results()) == 1
        assert world.job.history.count("handed_in") == 2
        assert "put_off" in world.job.history


async def test_an_answer_of_the_database_that_is_lost_is_asked_for_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is marked, and the instance does not hear of it: the same create asks again, and goes on."""
    world = JobsWorld()
    begin_create = MemoryJobs.begin_create
    lost: list[int] = []

    async def loses_the_answer(jobs: MemoryJobs, term: Term, job_id: int, token: int) -> bool:
        begun = await begin_create(jobs, term, job_id, token)
        if len(lost) < 2:
            lost.append(token)
            raise DatabaseUnavailable("the answer was lost")
        return begun

    monkeypatch.setattr(MemoryJobs, "begin_create", loses_the_answer)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.provider.creates) == 1
        assert world.job.attempts == 1


async def test_what_nobody_could_look_at_until_its_deadline_has_its_last_looks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """All instances are down for an hour. The job was made meanwhile: it is delivered, and not given up unseen."""
    world = JobsWorld()
    world.bot = JobBot(seconds=DEADLINE)
    async with world.instance() as first:
        await first.send(7, "a cat")
        while not (world.jobs.rows and world.job.history[-1] == "running"):
            await trio.sleep(0.05)
        await first.drain()
    await trio.sleep(3600)
    world.provider.faults.extend([NotSent("gone"), InDoubt("502")])
    async with world.instance():
        await world.ended()
    assert world.job.job.state == "delivered"
    assert len(world.provider.creates) == len(world.results()) == 1

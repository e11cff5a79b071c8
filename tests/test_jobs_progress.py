"""How jobs go is shown now and then, and never in anybody's way."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
import trio
import trio.testing

from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import Call
from svc.storage.inbox import ChatState, Term
from svc.storage.jobs import JobEnding
from tests.fake_provider import Script
from tests.jobs_world import JobBot, JobsWorld
from tests.memory.jobs import MemoryJobs


async def test_only_what_has_changed_is_shown(autojump_clock: trio.testing.MockClock) -> None:
    """A long job with a status that stays: one edit while it waits and one while it runs, besides the last."""

    class Terse(JobBot):
        def progress(self, job: Job, known: Known) -> Sequence[Call]:
            return (self._status(job, job.state),)

    world = JobsWorld()
    world.bot = Terse()
    world.provider.usual = Script(takes=200.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
    assert world.statuses() == ["running", "done"]


async def test_what_is_shown_follows_the_providers_progress(autojump_clock: trio.testing.MockClock) -> None:
    """In the order in which it is made, and nothing comes after the end."""
    world = JobsWorld()
    world.provider.usual = Script(takes=60.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        await trio.sleep(60)
    *shown, last = world.statuses()
    percents = [int(text.split()[1]) for text in shown]
    assert percents == sorted(percents)
    assert len(percents) > 3
    assert last == "done"


async def test_flood_control_leaves_it_out(autojump_clock: trio.testing.MockClock) -> None:
    """A chat that has used up its turns is shown nothing, and its own answers do not wait behind an edit."""
    world = JobsWorld()
    world.provider.usual = Script(takes=60.0)
    async with world.running(send_rate_chat=0.01) as bot:
        await bot.send(7, "a cat")
        await trio.sleep(50)
        # The burst of a chat: the answer and two edits.
        assert len(world.statuses()) <= 2
    assert len(world.sandbox.telegram.call_log.find("editMessageText")) <= 2


async def test_an_edit_that_hangs_holds_the_end_up_for_a_moment_at_most(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Telegram is slow to answer: the result is sent all the same."""
    world = JobsWorld()
    world.provider.usual = Script(takes=20.0, callbacks=(20.0,))
    async with world.running(latency=1.5) as bot:
        await bot.send(7, "a cat")
        await world.ended()
        (task,) = world.provider.tasks.values()
        assert world.statuses()[-1] == "done"
        # The edit that was under way, and the three seconds each that the two calls of the end take.
        assert trio.current_time() - task.created_at - 20.0 < 2.5 + 3 * 3.0


@pytest.mark.parametrize("fault", ["raises", "sends", "SystemExit"])
async def test_a_bot_that_fails_at_it_is_not_asked_again(autojump_clock: trio.testing.MockClock, fault: str) -> None:
    """It is logged once for a job; the job goes on, and is delivered."""

    class Broken(JobBot):
        def progress(self, job: Job, known: Known) -> Sequence[Call]:
            if fault == "raises":
                raise ZeroDivisionError("unforeseen")
            if fault == "SystemExit":
                raise SystemExit(3)
            return (Call("sendMessage", {"chat_id": job.chat_id, "text": "a message each time"}),)

    world = JobsWorld()
    world.bot = Broken()
    world.provider.usual = Script(takes=30.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(bot.logs.of("HANDLER_FAILED")) == 1
        assert world.statuses() == ["done"]


async def test_the_bot_knows_the_chats_state(autojump_clock: trio.testing.MockClock) -> None:
    """Its language, for one: what is shown is in the words of the chat."""
    seen: list[Known] = []

    class Looks(JobBot):
        def progress(self, job: Job, known: Known) -> Sequence[Call]:
            seen.append(known)
            return ()

    world = JobsWorld()
    world.bot = Looks()
    world.provider.usual = Script(takes=10.0)
    world.inbox.chats[7] = ChatState(3, b'{"language": "ru"}')
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
    assert seen
    assert all(known.state == {"language": "ru"} and known.creating.providers == {"kie"} for known in seen)


async def test_nothing_is_shown_once_the_end_is_near(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database takes its time to write the end down: no edit begins that could follow the last one."""
    world = JobsWorld()
    world.provider.usual = Script(takes=20.0, callbacks=(20.0,))
    end_job = MemoryJobs.end_job
    shown: list[int] = []

    async def slow(jobs: MemoryJobs, term: Term, job_id: int, ending: JobEnding) -> bool:
        shown.append(len(world.statuses()))
        # As if the provider told of more progress than before.
        row = jobs.rows[job_id]
        row.job = msgspec.structs.replace(row.job, progress=0.99)
        await trio.sleep(10)
        shown.append(len(world.statuses()))
        return await end_job(jobs, term, job_id, ending)

    monkeypatch.setattr(MemoryJobs, "end_job", slow)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
    before, after = shown
    assert before == after > 0
    assert world.statuses()[-1] == "done"

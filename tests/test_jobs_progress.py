"""How jobs go is shown now and then, and never in anybody's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
import trio
import trio.testing

from providers.provider import Refused
from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import Call, Reply
from svc.storage.inbox import ChatState, Term
from svc.storage.jobs import JobEnding
from telegram_client.updates import Update
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


async def test_a_429_pauses_the_chat(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram says how long nothing more is wanted: nothing is shown until then, and nobody else runs into it."""
    world = JobsWorld()
    world.provider.usual = Script(takes=60.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        world.sandbox.faults.order("flood", method="editMessageText", retry_after=30)
        await world.ended()
    refused, next_one, *_ = [call.at for call in world.sandbox.telegram.call_log.find("editMessageText")]
    assert next_one - refused >= 30


async def test_an_edit_that_may_yet_arrive_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """Its answer is lost, and Telegram makes it a little later: not after the last one, which would then be hidden."""
    world = JobsWorld()
    world.provider.usual = Script(takes=17.0, callbacks=(17.0,))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await trio.sleep(15)
        world.sandbox.faults.order("late", method="editMessageText", delay=4.5)
        await world.ended()
        await trio.sleep(60)
    (late,) = [call for call in world.sandbox.telegram.call_log.find("editMessageText") if call.fault == "late"]
    assert str(late.params["text"]).startswith("running")
    _, status, _ = world.sandbox.telegram.messages(7)
    assert status["text"] == "done"


async def test_nothing_is_shown_over_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    """A person stops a job, which is told by an edit of the same message: it is the last, though its answer is slow."""

    class Stoppable(JobBot):
        stopping = False

        def decide(self, update: Update, known: Known) -> Reply:
            if update.message is None or update.message.text != "stop":
                return super().decide(update, known)
            self.stopping = True
            job = world.job.job
            return Reply((self._status(job, "stopped"),), cancel=job.job_id)

        def progress(self, job: Job, known: Known) -> Sequence[Call]:
            return (self._status(job, f"waits since {known.now:.3f}"),) if self.stopping else ()

    world = JobsWorld()
    world.bot = Stoppable()
    world.provider.usual = Script(refused=Refused("busy", "later", retry_after=600.0))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await trio.sleep(10)
        world.sandbox.faults.order("slow_after", method="editMessageText", delay=5.0)
        await bot.send(7, "stop")
        await world.ended()
        await trio.sleep(10)
    assert world.job.job.state == "cancelled"
    assert world.statuses() == ["stopped"]


async def test_every_job_is_shown_however_many_there_are(autojump_clock: trio.testing.MockClock) -> None:
    """Where edits take their time, those behind have their turn as well."""
    world = JobsWorld()
    world.provider.usual = Script(takes=120.0)
    people = range(1, 16)
    async with world.running(latency=0.1) as bot:
        for person in people:
            await bot.send(person, "a cat")
        await trio.sleep(60)
        edits = world.sandbox.telegram.call_log.find("editMessageText")
        shown = Counter(int(str(call.params["chat_id"])) for call in edits)
        assert set(shown) == set(people)
        assert min(shown.values()) >= 4

"""Jobs from the wish to the person, whatever the provider does: created once, delivered once, and always an end."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from providers.provider import InDoubt, Made, NotMade, NotSent, Refused
from svc.jobs.results import Head, ResultServers
from svc.storage.jobs import Cancelled
from tests.fake_provider import PICTURE, Script
from tests.jobs_world import JobBot, JobsWorld


async def test_a_job_is_made_and_delivered(autojump_clock: trio.testing.MockClock) -> None:
    """Handed in at once, followed by asking, and its result sent; the status tells of it all."""
    world = JobsWorld()
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        job = world.job.job
        assert job.state == "delivered"
        assert world.results() == [f"result of {job.job_id}: {PICTURE}"]
        assert job.sent_id is not None
        assert [task.given for task in world.provider.tasks.values()] == [{"prompt": "a cat"}]
        assert world.statuses()[-1] == "done"
        assert len(world.statuses()) > 1
        assert not bot.logs.errors()
        assert [name for name in bot.logs.names() if name.startswith("JOB_")] == [
            "JOB_CREATED",
            "JOB_READY",
            "JOB_DELIVERED",
        ]


async def test_a_callback_makes_it_quick(autojump_clock: trio.testing.MockClock) -> None:
    """Within a second of the provider's success the person has it, though the next question would come much later."""
    world = JobsWorld()
    world.provider.usual = Script(takes=100.0, callbacks=(100.0,))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        (task,) = world.provider.tasks.values()
        assert trio.current_time() - (task.created_at + 100.0) < 1.0
        assert world.provider.answers == [200]


CALLBACKS = {
    "never": Script(),
    "before the create's own answer": Script(answered=8.0, callbacks=(0.5, 5.0)),
    "twice": Script(callbacks=(5.0, 5.1)),
    "long before and long after": Script(callbacks=(1.0, 60.0)),
    "naming another task": Script(callbacks=(1.0, 5.0), forged="task-of-somebody-else"),
    "for a record that is not there yet": Script(known=30.0, takes=2.0, callbacks=(2.0,)),
}


@pytest.mark.parametrize("script", CALLBACKS.values(), ids=CALLBACKS)
async def test_callbacks_are_hints_and_no_more(autojump_clock: trio.testing.MockClock, script: Script) -> None:
    """However they come, the job is created once and delivered once."""
    world = JobsWorld()
    world.provider.scripts.append(script)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        await trio.sleep(100)
        assert world.job.job.state == "delivered"
        assert len(world.results()) == len(world.provider.tasks) == 1
        assert not bot.logs.errors()


async def test_a_create_whose_answer_is_cut_is_recognised_by_its_callback(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is in doubt until then, and never made again."""
    world = JobsWorld()
    world.provider.usual = Script(cut=True, takes=20.0, callbacks=(20.0,))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.results()) == len(world.provider.tasks) == 1
        names = [name for name in bot.logs.names() if name.startswith("JOB_")]
        assert names == ["JOB_IN_DOUBT", "JOB_CALLBACK", "JOB_IDENTIFIED", "JOB_READY", "JOB_DELIVERED"]


@pytest.mark.parametrize(
    "script",
    [Script(cut=True), Script(lost=True), Script(cut=True, callbacks=(5.0,), forged="task-99")],
    ids=["created", "not created", "a forged callback"],
)
async def test_a_create_of_which_nothing_is_heard_is_unknown(
    autojump_clock: trio.testing.MockClock, script: Script
) -> None:
    """At its deadline the person is told; whether it was created or not, it is not made again."""
    world = JobsWorld()
    world.bot = JobBot(seconds=120.0)
    world.provider.usual = script
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.state == "unknown"
        assert world.statuses()[-1] == "unknown: lost"
        assert 115 < trio.current_time() - began < 190
        assert len(world.provider.creates) == 1
        assert not world.results()
        assert len(bot.logs.of("JOB_UNKNOWN")) == 1


async def test_somebody_elses_task_is_never_taken_for_ours(autojump_clock: trio.testing.MockClock) -> None:
    """Two jobs whose answers are cut, and callbacks that name each other's tasks: neither result goes astray."""
    world = JobsWorld()
    world.bot = JobBot(seconds=120.0)
    world.provider.scripts.extend(
        [
            Script(cut=True, callbacks=(5.0,), forged="task-2", outcome=Made(("https://files.example/one.png",))),
            Script(cut=True, callbacks=(5.0,), forged="task-1", outcome=Made(("https://files.example/two.png",))),
        ]
    )
    async with world.running() as bot:
        await bot.send(7, "one")
        await bot.send(8, "two")
        await world.ended(2)
        assert [row.job.state for row in world.jobs.rows.values()] == ["unknown", "unknown"]
        assert not world.results()


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (Refused("credits", "no credits left"), "credits"),
        (Refused("input", "prompt is too long"), "input"),
        (Refused("failed", "no such feature"), "failed"),
        (Refused("unauthorized", "bad key"), "not_set_up"),
    ],
)
async def test_a_refusal_for_good_ends_it(
    autojump_clock: trio.testing.MockClock, refused: Refused, reason: str
) -> None:
    """At once, in words, and without another try. Where the key is not accepted somebody is told to look."""
    world = JobsWorld()
    world.provider.usual = Script(refused=refused)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        job = world.job.job
        assert (job.state, job.error, job.error_text) == ("failed", reason, refused.text)
        assert len(world.provider.creates) == 1
        assert world.statuses()[-1] == f"failed: {reason}"
        assert [line["event"] for line in bot.logs.errors()] == ["PROVIDER_REFUSED"] * (reason == "not_set_up")


@pytest.mark.parametrize(
    "refused",
    [Refused("busy", "too many"), Refused("busy", "too many", 20.0), Refused("maintenance", "closed"), NotSent("gone")],
    ids=["429", "429 that says how long", "455", "no connection"],
)
async def test_what_passes_is_tried_again(autojump_clock: trio.testing.MockClock, refused: NotSent | Refused) -> None:
    """What was certainly not created is handed in again, until it is."""
    world = JobsWorld()
    world.provider.scripts.extend([Script(refused=refused)] * 3)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert (len(world.provider.creates), len(world.provider.tasks)) == (4, 1)
        assert len(bot.logs.of("JOB_PUT_OFF")) == 3


@pytest.mark.parametrize(
    ("refused", "reason"),
    [(Refused("busy", "full"), "busy"), (Refused("maintenance", "closed"), "maintenance"), (NotSent("gone"), "busy")],
)
async def test_what_does_not_pass_ends_at_the_deadline(
    autojump_clock: trio.testing.MockClock, refused: NotSent | Refused, reason: str
) -> None:
    """Not before long, and not after."""
    world = JobsWorld()
    world.bot = JobBot(seconds=300.0)
    world.provider.usual = Script(refused=refused)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.error == reason
        assert 200 < trio.current_time() - began < 310


async def test_the_failure_of_a_task_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """Long after its create went well, in the provider's words."""
    world = JobsWorld()
    world.provider.usual = Script(takes=500.0, outcome=NotMade("failed", "the content is not allowed"))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        job = world.job.job
        assert (job.state, job.error, job.error_text) == ("failed", "failed", "the content is not allowed")


async def test_a_task_that_takes_too_long_is_given_up_and_not_created_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A timeout is no failure of the provider's: it ends as that."""
    world = JobsWorld()
    world.bot = JobBot(seconds=120.0)
    world.provider.usual = Script(takes=10_000.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.error == "too_slow"
        assert 115 < trio.current_time() - began < 130
        assert len(world.provider.creates) == 1


async def test_questions_that_fail_end_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The provider may refuse them, answer nonsense or nothing: it is asked again."""
    world = JobsWorld()
    world.provider.faults.extend(
        [Refused("busy", "429"), NotSent("gone"), InDoubt("cut"), Refused("maintenance", "455"), InDoubt("502")]
    )
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert not bot.logs.errors()


async def test_success_without_a_result_is_no_success(autojump_clock: trio.testing.MockClock) -> None:
    """The provider says that it has made it, and names nothing."""
    world = JobsWorld()
    world.provider.usual = Script(outcome=Made(()))
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.error == "no_result"


@pytest.mark.parametrize("status", [404, 403])
async def test_a_result_that_is_gone_is_asked_for_anew(autojump_clock: trio.testing.MockClock, status: int) -> None:
    """The provider gives a fresh address; the person gets that one."""
    world = JobsWorld()
    world.files.answers[PICTURE] = status
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert world.results()[0].endswith(f"{PICTURE}?fresh=1")


@pytest.mark.parametrize("status", [404, 500])
async def test_a_result_that_cannot_be_had_is_tried_for_a_while(
    autojump_clock: trio.testing.MockClock, status: int
) -> None:
    """Two minutes; then the person is told."""
    world = JobsWorld()
    for number in range(100):
        world.files.answers[f"{PICTURE}?fresh={number}"] = status
    world.files.answers[PICTURE] = status
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.error == "no_result"
        assert 100 < trio.current_time() - began < 160


async def test_without_the_provider_nothing_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """A job for one that is not set up here fails at once; one that it has already is kept until its deadline."""
    world = JobsWorld()
    world.is_set_up = False
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.error == "not_set_up"
        assert trio.current_time() - began < 2


async def test_an_operators_end_is_an_end(autojump_clock: trio.testing.MockClock) -> None:
    """A job that is over in the database meanwhile is delivered by nobody, whatever its provider makes of it."""
    world = JobsWorld()
    world.provider.usual = Script(takes=30.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await trio.sleep(10)
        term = world.inbox.term
        assert term is not None
        assert await world.jobs.end_job(term, world.job.job.job_id, Cancelled("by an operator"))
        await world.ended()
        await trio.sleep(100)
        assert world.job.job.state == "cancelled"
        assert world.statuses()[-1] == "cancelled: cancelled"
        assert not world.results()


async def test_a_job_that_is_told_of_does_not_hold_up_its_chat(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever writes while a job goes is answered at once, and so is everybody else."""
    world = JobsWorld()
    world.provider.usual = Script(takes=60.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await trio.sleep(10)
        began = trio.current_time()
        await bot.send(7, "a dog")
        await bot.send(8, "a cow")
        await bot.settled()
        assert trio.current_time() - began < 0.5
        await world.ended(3)
        assert len(world.results()) == 3


async def test_the_providers_limits_are_kept(autojump_clock: trio.testing.MockClock) -> None:
    """Fifty people at once: twenty creates in any ten seconds, in the order in which they came, and all are served."""
    world = JobsWorld()
    async with world.running() as bot:
        await trio.sleep(10)
        for user in range(50):
            await bot.send(100 + user, "a cat")
        await world.ended(50)
        creates = world.provider.creates
        assert len(creates) == 50
        assert all(later - earlier >= 10 for earlier, later in zip(creates, creates[20:], strict=False))
        assert creates[-1] - creates[0] < 40
        assert len(world.results()) == 50


async def test_a_step_that_fails_is_its_own_jobs_affair(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something unforeseen about one job: it is logged, the others go on, and this one has an end all the same."""
    world = JobsWorld()
    world.bot = JobBot(seconds=60.0)

    async with world.running() as bot:
        world.provider.scripts.append(Script(outcome=Made(("https://files.example/broken.png",))))
        await bot.send(7, "a cat")
        head = ResultServers.head

        async def fails_for_one(servers: ResultServers, url: str) -> Head:
            if "broken" in url:
                raise ZeroDivisionError("unforeseen")
            return await head(servers, url)

        monkeypatch.setattr(ResultServers, "head", fails_for_one)
        await trio.sleep(2)
        await bot.send(8, "a dog")
        await world.ended(2)
        assert [row.job.state for row in world.jobs.rows.values()] == ["failed", "delivered"]
        failed = bot.logs.of("CHORE_FAILED")
        assert {line["chore"] for line in failed} == {"JOBS"}
        assert all("ZeroDivisionError" in line["exception"] for line in failed)


async def test_it_waits_for_the_database(autojump_clock: trio.testing.MockClock) -> None:
    """Away for a minute while the create is under way, and while the task is: it is created once and delivered once."""
    world = JobsWorld()
    world.provider.usual = Script(answered=10.0, takes=60.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        while not world.provider.creates:
            await trio.sleep(0.05)
        world.inbox.go_away()
        await trio.sleep(60)
        world.inbox.come_back()
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.provider.creates) == len(world.results()) == 1

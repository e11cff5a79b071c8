"""Jobs from the wish to the person, whatever the provider does: created once, delivered once, and always an end."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from providers.provider import InDoubt, Made, NotMade, NotSent, Refused
from svc.storage.jobs import LOST_AFTER
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
    """After a quarter of an hour the person is told; whether it was created or not, it is not made again."""
    world = JobsWorld()
    world.bot = JobBot(seconds=7200.0)
    world.provider.usual = script
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        assert world.job.job.state == "unknown"
        assert world.statuses()[-1] == "unknown: lost"
        assert LOST_AFTER < trio.current_time() - began < LOST_AFTER + 100
        assert len(world.provider.creates) == 1
        assert not world.results()
        assert len(bot.logs.of("JOB_UNKNOWN")) == 1


async def test_somebody_elses_task_is_never_taken_for_ours(autojump_clock: trio.testing.MockClock) -> None:
    """Two jobs whose answers are cut, and callbacks that name each other's tasks: neither result goes astray."""
    world = JobsWorld()
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
    """A job for one that is not set up here fails at once."""
    world = JobsWorld()

    class Elsewhere(JobBot):
        pass

    async with world.running() as bot:
        request = world.bot
        assert isinstance(request, JobBot)
        world.provider.usual = Script()
        await bot.send(7, "a cat")
        await world.ended()
    assert world.job.job.state == "delivered"

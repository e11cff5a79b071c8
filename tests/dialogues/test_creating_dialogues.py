"""Conversations about creating: from a card to the result, whatever happens in between."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from sandbox.faults import FaultKind as TelegramFault
from sandbox.kie.app import KieSandbox
from sandbox.kie.faults import FaultKind
from sandbox.kie.tasks import Durations
from tests.dialogues.person import Person, outage
from tests.harness import running_bot

Clock = trio.testing.MockClock
# Within which a picture comes, whatever has to be asked for again; and longer than any job takes.
SOON = 200.0
LONG_ENOUGH = 1000.0
HOURS = 6 * 3600.0


async def opens(person: Person, title: str) -> None:
    """Find a model by its name and open its card."""
    await person.says(title)
    await person.presses(title)


async def asks_for_a_picture(person: Person, prompt: str = "a cat on a bicycle") -> None:
    """The shortest way to a job."""
    await opens(person, "Z-Image")
    await person.presses("Create")
    await person.says(prompt)


def created(kie: KieSandbox) -> int:
    """How many tasks there are at the provider."""
    return len(kie.tasks.all())


async def test_a_prompt_is_all_that_is_needed(autojump_clock: Clock) -> None:
    """One status message, edited; then the picture with its caption and what can be done next."""
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        assert ann.sees().startswith("Z-Image\na cat on a bicycle\n\n⏳")
        await ann.waits(20)
        assert "✅ Done in" in ann.sees(-2)
        assert ann.sees() == (
            "(photo)\nZ-Image\na cat on a bicycle\n[🔁 Again] [✏️ Change the prompt]\n[🗂 Another model] [🏠 Menu]"
        )
        assert bot.logs.errors() == []


async def test_a_result_comes_into_the_topic_where_it_was_asked_for(autojump_clock: Clock) -> None:
    """In a private chat with topics; what is written in another topic meanwhile changes nothing."""
    async with running_bot(kie=KieSandbox(durations=Durations(image=30.0))) as bot:
        ann = Person(bot, chat={"is_forum": True})
        await ann.says("Z-Image", thread_id=5)
        await ann.presses("Z-Image")
        await ann.presses("Create")
        await ann.says("a cat", thread_id=5)
        await ann.says("/start", thread_id=6)
        await ann.waits(SOON)
        assert "(photo)" in ann.sees()
        assert [message["message_thread_id"] for message in ann.messages()] == [5, 5, 6, 5]
        await ann.presses("Again")
        assert ann.messages()[-1]["message_thread_id"] == 5
        assert bot.logs.errors() == []


@pytest.mark.parametrize("fails", [False, True])
async def test_a_topic_that_is_gone_takes_no_result_with_it(fails: bool, autojump_clock: Clock) -> None:
    """What was made, or the words for why it was not, comes into the chat at large."""
    kie = KieSandbox(durations=Durations(image=30.0))
    if fails:
        kie.faults.order(FaultKind.FAILS, code=501, message="generation failed")
    async with running_bot(kie=kie) as bot:
        ann = Person(bot, chat={"is_forum": True})
        await ann.says("Z-Image", thread_id=5)
        await ann.presses("Z-Image")
        await ann.presses("Create")
        await ann.says("a cat", thread_id=5)
        telegram = bot.sandbox.telegram
        telegram.chat(telegram.bot(), {"id": ann.chat_id, "type": "private"}).threads.clear()
        await ann.waits(SOON)
        assert "message_thread_id" not in ann.messages()[-1]
        assert ("(photo)" in ann.sees()) is not fails
        assert [row.job.state for row in bot.inbox.jobs.values()] == ["failed" if fails else "delivered"]


@pytest.mark.parametrize("fault", [None, FaultKind.CUT_AFTER, FaultKind.CALLBACK_FORGED, FaultKind.RESULT_404])
async def test_a_callbacks_secret_is_in_no_line_of_the_log(fault: FaultKind | None, autojump_clock: Clock) -> None:
    """Whatever is logged of a job, its callbacks, and what goes wrong with them."""
    kie = KieSandbox()
    if fault is not None:
        kie.faults.order(fault)
    async with running_bot(kie=kie, log_level="debug") as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(SOON)
        assert bot.logs.of("JOB_CALLBACK")
        (row,) = bot.inbox.jobs.values()
        assert row.secret not in bot.logs.out.getvalue()


async def test_without_an_address_for_callbacks_the_picture_comes_all_the_same(autojump_clock: Clock) -> None:
    """The provider is asked until it has made it. Only a create whose answer was cut off can't be told any more."""
    kie = KieSandbox()
    async with running_bot(kie=kie, public_url=None) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(SOON)
        assert "(photo)" in ann.sees()
        kie.faults.order(FaultKind.CUT_AFTER, call="createTask")
        await asks_for_a_picture(ann, "a dog")
        await ann.waits(LONG_ENOUGH)
        assert "can't tell what has become of it" in ann.sees()
        assert created(kie) == 2
        assert bot.logs.of("JOB_CALLBACK") == []


async def test_a_prompt_may_hold_anything(autojump_clock: Clock) -> None:
    """Markup and emoji come back as they were typed; what is longer than a caption is cut, and told before."""
    prompt = "<b>a & b</b> 🐈 " + "x" * 980
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann, prompt)
        await ann.waits(20)
        assert "(photo)" in ann.sees()
        assert "<b>a & b</b> 🐈" in ann.sees()
        await opens(ann, "Z-Image")
        await ann.presses("Create")
        await ann.says("y" * 1001)
        assert "1001 characters" in ann.sees()
        await ann.says("shorter")
        assert "⏳" in ann.sees()


async def test_a_video_shows_how_it_goes(autojump_clock: Clock) -> None:
    """The status message has the time that has gone by; nothing else is sent meanwhile."""
    async with running_bot(kie=KieSandbox(durations=Durations(video=60.0))) as bot:
        ann = Person(bot)
        await opens(ann, "Kling 3.0 Turbo")
        await ann.presses("Create")
        await ann.says("a cat jumps")
        messages = len(ann.messages())
        await ann.waits(20)
        first = ann.sees()
        assert "🎨 In the making" in first
        await ann.waits(15)
        assert ann.sees() != first
        assert len(ann.messages()) == messages
        await ann.waits(60)
        assert ann.sees().startswith("(video)")


async def test_options_and_a_picture(autojump_clock: Clock) -> None:
    """What the model needs is asked for one by one, the options have their defaults, and one is changed."""
    kie = KieSandbox()
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await opens(ann, "Seedream 4.5 Edit")
        await ann.presses("Create")
        await ann.says("make it blue")
        await ann.sends("photo")
        await ann.presses("Done")
        await ann.presses("Aspect ratio: 1:1")
        await ann.presses("16:9")
        assert "Aspect ratio: 16:9" in ann.labels()
        await ann.presses("✨ Create")
        await ann.waits(30)
        assert ann.sees().startswith("(photo)\nSeedream 4.5 Edit\nmake it blue")
        (task,) = kie.tasks.all()
        assert task.request["input"]["prompt"] == "make it blue"
        assert task.request["input"]["aspect_ratio"] == "16:9"
        assert len(task.request["input"]["image_urls"]) == 1
        assert bot.logs.errors() == []


async def test_an_album_is_several_pictures(autojump_clock: Clock) -> None:
    """Three at once, with the prompt as their caption."""
    kie = KieSandbox()
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await opens(ann, "Seedream 4.5 Edit")
        await ann.presses("Create")
        await ann.sends_album(["photo"] * 3, "put them together")
        await ann.presses("Done")
        await ann.presses("✨ Create")
        await ann.waits(30)
        assert ann.sees().startswith("(photo)\nSeedream 4.5 Edit\nput them together")
        (task,) = kie.tasks.all()
        assert len(task.request["input"]["image_urls"]) == 3


async def test_the_wrong_kind_of_input_loses_nothing(autojump_clock: Clock) -> None:
    """A voice message where a picture is wanted: it says so, and goes on where it was."""
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await opens(ann, "Seedream 4.5 Edit")
        await ann.presses("Create")
        await ann.says("make it blue")
        await ann.sends("voice")
        assert "no picture" in ann.sees()
        await ann.sends("photo")
        await ann.presses("Done")
        await ann.presses("✨ Create")
        await ann.waits(30)
        assert ann.sees().startswith("(photo)\nSeedream 4.5 Edit\nmake it blue")


async def test_start_in_the_middle_of_a_job(autojump_clock: Clock) -> None:
    """The menu comes at once, and progress and result all the same."""
    async with running_bot(kie=KieSandbox(durations=Durations(video=60.0))) as bot:
        ann = Person(bot)
        await opens(ann, "Kling 3.0 Turbo")
        await ann.presses("Create")
        await ann.says("a cat jumps")
        status = len(ann.messages()) - 1
        began = trio.current_time()
        await ann.says("/start")
        assert trio.current_time() - began < 1
        assert "50 AI models" in ann.sees()
        await ann.waits(30)
        assert "🎨 In the making" in ann.sees(status)
        await ann.waits(60)
        assert "✅ Done" in ann.sees(status)
        assert ann.sees().startswith("(video)")


async def test_again_and_with_another_prompt(autojump_clock: Clock) -> None:
    """The same job once more; then one with the rest as it was."""
    kie = KieSandbox()
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann, "a cat")
        await ann.waits(20)
        await ann.presses("Again")
        await ann.waits(20)
        await ann.presses("Change the prompt")
        await ann.says("a dog")
        await ann.waits(20)
        assert ann.sees().startswith("(photo)\nZ-Image\na dog")
        assert [task.request["input"]["prompt"] for task in kie.tasks.all()] == ["a cat", "a cat", "a dog"]


async def test_the_history_sends_again(autojump_clock: Clock) -> None:
    """By Telegram's own copy of the file: the provider is not asked, and an hour or a month is the same."""
    kie = KieSandbox()
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await ann.says("/history")
        assert "not made anything yet" in ann.sees()
        for prompt in ("a cat", "a dog"):
            await asks_for_a_picture(ann, prompt)
            await ann.waits(20)
        await ann.says("/history")
        assert "1 of 2" in ann.sees()
        assert "a dog" in ann.sees()
        await ann.presses("▶️")
        assert "a cat" in ann.sees()
        await ann.presses("Send it again")
        assert ann.sees().startswith("(photo)\nZ-Image\na cat")
        assert created(kie) == 2
        assert bot.logs.errors() == []


async def test_a_job_is_cancelled_while_it_waits(autojump_clock: Clock) -> None:
    """Where the provider has no room, Cancel takes it back: nothing is created, and nothing comes."""
    kie = KieSandbox()
    kie.faults.order(FaultKind.CODE, code=429, count=None, call="createTask")
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(5)
        await ann.presses("Cancel")
        assert "Cancelled" in ann.sees()
        messages = len(ann.messages())
        kie.faults.clear()
        await ann.waits(SOON)
        assert len(ann.messages()) == messages
        assert created(kie) == 0


async def test_cancelling_in_the_middle_of_a_draft(autojump_clock: Clock) -> None:
    """/cancel leaves it; what is typed afterwards is a search again, and an old button of the draft says so."""
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await opens(ann, "Z-Image")
        await ann.presses("Create")
        await ann.says("/cancel")
        await ann.says("kling")
        assert "Kling 3.0 Turbo" in ann.labels()
        await ann.presses("Options")
        assert "finished" in ann.alert
        assert ann.waits_for_nothing


async def test_whoever_has_blocked_the_bot_gets_no_result(autojump_clock: Clock) -> None:
    """The job ends as not delivered; when they are back, the history has it."""
    async with running_bot(kie=KieSandbox(durations=Durations(image=30.0))) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        messages = len(ann.messages())
        await ann.blocks()
        await ann.waits(SOON)
        assert len(ann.messages()) == messages
        await ann.unblocks()
        await ann.says("/history")
        assert "made, but not delivered" in ann.sees()
        assert [row.job.state for row in bot.inbox.jobs.values()] == ["failed"]


async def test_limits_are_told_in_words(autojump_clock: Clock) -> None:
    """Two at once; in 24 hours so many, with the time of the next."""
    async with running_bot(kie=KieSandbox(durations=Durations(image=60.0)), jobs_per_day=3) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await asks_for_a_picture(ann)
        await opens(ann, "Z-Image")
        await ann.presses("Create")
        assert "2 things in the making" in ann.sees() + ann.alert
        await ann.waits(100)
        await asks_for_a_picture(ann)
        await ann.waits(100)
        await opens(ann, "Z-Image")
        await ann.presses("Create")
        assert "in 24 hours" in ann.sees() + ann.alert
        assert len(bot.inbox.jobs) == 3


# What goes wrong at the provider.


@pytest.mark.parametrize(
    ("fault", "settings", "words"),
    [
        (FaultKind.CODE, {"code": 402}, "no credit left"),
        (FaultKind.CODE, {"code": 422, "message": "prompt is forbidden"}, "prompt is forbidden"),
        (FaultKind.CODE, {"code": 429, "count": None}, "no room"),
        (FaultKind.CODE, {"code": 455, "count": None}, "maintenance"),
        (FaultKind.CODE, {"code": 401}, "not set up"),
        (FaultKind.FAILS, {"code": 501, "message": "the model has failed"}, "the model has failed"),
        (FaultKind.NO_URLS, {}, "could not get hold of the result"),
        (FaultKind.RESULT_GONE, {}, "could not get hold of the result"),
        (FaultKind.LONG, {"delay": 4000.0}, "not ready in time"),
    ],
)
async def test_what_the_provider_refuses_is_told_in_words(
    fault: FaultKind, settings: dict[str, object], words: str, autojump_clock: Clock
) -> None:
    """Once, in the end, with a way on; and nothing is made twice."""
    kie = KieSandbox()
    kie.faults.order(fault, **settings)
    async with running_bot(kie=kie, deadlock=HOURS) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        messages = len(ann.messages())
        await ann.waits(LONG_ENOUGH)
        assert words in ann.sees()
        assert "Again" in " ".join(ann.labels())
        assert len(ann.messages()) <= messages + 1
        assert created(kie) <= 1


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        (FaultKind.CODE, {"code": 429, "call": "createTask"}),
        (FaultKind.CODE, {"code": 455, "call": "createTask"}),
        (FaultKind.SLOW, {"call": "createTask", "delay": 8.0}),
        (FaultKind.HTML, {"call": "recordInfo", "count": 3}),
        (FaultKind.CUT_BEFORE, {"call": "recordInfo", "count": 3}),
        (FaultKind.CUT_AFTER, {"call": "createTask"}),
        (FaultKind.CODE_AFTER, {"call": "createTask"}),
        (FaultKind.CALLBACK_EARLY, {}),
        (FaultKind.CALLBACK_TWICE, {}),
        (FaultKind.CALLBACK_NEVER, {}),
        (FaultKind.CALLBACK_FORGED, {}),
        (FaultKind.UNSEEN, {"delay": 60.0}),
        (FaultKind.STRANGE_STATE, {}),
        (FaultKind.RESULT_404, {}),
        (FaultKind.RESULT_403, {}),
    ],
)
async def test_what_the_provider_gets_wrong_is_not_noticed(
    fault: FaultKind, settings: dict[str, object], autojump_clock: Clock
) -> None:
    """The picture comes all the same, once, and is made once. Also where the create's answer was cut off: its callback
    names the job."""
    kie = KieSandbox()
    kie.faults.order(fault, **settings)
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        messages = len(ann.messages())
        await ann.waits(SOON)
        assert ann.sees().startswith("(photo)\nZ-Image\na cat on a bicycle")
        assert len(ann.messages()) == messages + 1
        assert created(kie) == 1


@pytest.mark.parametrize("fault", [FaultKind.CUT_AFTER, FaultKind.CUT_BEFORE, FaultKind.HANG])
async def test_a_create_of_which_nothing_is_known_is_told_so(fault: FaultKind, autojump_clock: Clock) -> None:
    """Its answer is cut off and no callback comes: it may have been made, and it is not made again by itself."""
    kie = KieSandbox()
    kie.faults.order(fault, call="createTask")
    kie.faults.order(FaultKind.CALLBACK_NEVER)
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(LONG_ENOUGH)
        assert "I can't tell what has become of it" in ann.sees()
        assert created(kie) == (fault is FaultKind.CUT_AFTER)
        kie.faults.clear()
        await ann.presses("Again")
        await ann.waits(20)
        assert ann.sees().startswith("(photo)")


async def test_a_file_that_is_too_large_for_telegram_comes_as_a_link(autojump_clock: Clock) -> None:
    """60 MB: neither by its address nor uploaded."""
    kie = KieSandbox()
    kie.faults.order(FaultKind.RESULT_TOO_LARGE)
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(60)
        assert "Telegram does not take this file" in ann.sees()
        assert "/files/" in str(ann.messages()[-1]["entities"])
        assert "Again" in " ".join(ann.labels())


async def test_what_telegram_does_not_fetch_is_uploaded(autojump_clock: Clock) -> None:
    """Telegram refuses the address, and the picture comes as a picture all the same."""
    refused = {"status": 400, "description": "Bad Request: failed to get HTTP URL content"}
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        bot.sandbox.faults.order(TelegramFault.ERROR, method="sendPhoto", **refused)
        await ann.waits(20)
        assert ann.sees().startswith("(photo)\nZ-Image")


async def test_a_result_whose_answer_is_lost_is_found_and_not_sent_again(autojump_clock: Clock) -> None:
    """The send is in doubt, is looked for, and is there."""
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        messages = len(ann.messages())
        bot.sandbox.faults.order(TelegramFault.CUT_AFTER, method="sendPhoto")
        await ann.waits(60)
        assert len(ann.messages()) == messages + 1
        assert [row.job.state for row in bot.inbox.jobs.values()] == ["delivered"]
        await ann.says("/history")
        await ann.presses("Send it again")
        assert ann.sees().startswith("(photo)")


async def test_an_outage_in_the_middle_of_a_job(autojump_clock: Clock) -> None:
    """Nobody leads for ten minutes while it is made; then the result comes, once."""
    kie = KieSandbox()
    async with running_bot(kie=kie) as bot:
        ann = Person(bot)
        await asks_for_a_picture(ann)
        await ann.waits(1)
        messages = len(ann.messages())
        async with outage(bot):
            await trio.sleep(600)
        await ann.waits(30)
        assert len(ann.messages()) == messages + 1
        assert ann.sees().startswith("(photo)")
        assert created(kie) == 1


async def test_where_no_provider_is_set_up_cards_say_so(autojump_clock: Clock) -> None:
    """And there is no Create to press."""
    async with running_bot() as bot:
        ann = Person(bot)
        await opens(ann, "Z-Image")
        assert "not set up" in ann.sees()
        assert "Create" not in " ".join(ann.labels())

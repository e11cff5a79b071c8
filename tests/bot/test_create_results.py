"""What becomes of a job as the person sees it: its status, its result or why there is none, and what then."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.bot.catalog import Catalog
from svc.bot.create.allowance import DOUBLE_PRESS
from svc.bot.create.sending import MiB
from svc.bot.menu_bot import MenuBot
from svc.handler.job import FileKind, JobError, ResultFile
from svc.handler.reply import NOTHING, RemoteFile, Reply
from tests.bot.creating_person import CATALOG, Person, Shown, check, result


def waiting(language: str = "en", model: str = "z-image", prompt: str = "a <fox>") -> Person:
    """Somebody who has just asked for something."""
    person = Person(language)
    person.opens(model)
    person.says(prompt)
    return person


def methods(reply: Reply) -> list[list[str]]:
    """The methods of a reply's calls, and of what is made instead."""
    return [[call.method for call in calls] for calls in (reply.calls, *reply.instead)]


# While it is made


def test_the_status_follows_the_job() -> None:
    """One message, edited: queued, handed in, in the making, with time and percent."""
    person = waiting()
    status = max(person.messages)
    seen = []
    for state, seconds, progress in (
        ("wanted", 1, None), ("submitting", 2, None), ("running", 3, None), ("running", 14, 0.0),
        ("running", 44, 0.256), ("running", 100, 0.9), ("running", 700, None),
    ):  # fmt: skip
        person.job_goes(state, progress=progress, submitted_at=person.now)  # type: ignore[arg-type]
        person.now += seconds
        (call,) = person.sees_progress()
        person.now -= seconds
        assert (call.method, call.params["message_id"]) == ("editMessageText", status)
        seen.append(person.messages[status].text.splitlines()[-1])
        assert ("✖️ Cancel" in person.messages[status].buttons) is (state == "wanted")
    assert seen == [
        "⏳ In the queue…",
        "⏳ Handed to the model…",
        "🎨 In the making: 1 s",
        "🎨 In the making: 10 s",
        "🎨 In the making: 25 %, 40 s",
        "🎨 In the making: 90 %, 1 min 30 s",
        "🎨 In the making: 11 min",
    ]


def test_the_time_does_not_change_more_often_than_every_few_seconds() -> None:
    """An edit costs a turn at flood control: of two minutes, at most seventeen."""
    person = waiting()
    person.job_goes("running", submitted_at=person.now)
    texts = set()
    for _ in range(120):
        person.now += 1
        person.sees_progress()
        texts.add(person.latest().text)
    assert len(texts) <= 17


@pytest.mark.parametrize("state", ["ready", "delivered", "failed", "cancelled", "unknown"])
def test_a_job_that_is_over_shows_no_progress(state: str) -> None:
    """A late tick would undo what the result has said."""
    person = waiting()
    person.job_goes(state)  # type: ignore[arg-type]
    assert person.sees_progress() == ()


def test_without_a_status_message_there_is_no_progress() -> None:
    """It may not be known which message it was."""
    person = waiting()
    person.job_goes("running", status_message_id=None)
    assert person.sees_progress() == ()


# Stopping


def test_a_job_that_waits_can_be_stopped() -> None:
    """It is not made, which is said, and can be asked for again."""
    person = waiting()
    stopped = person.presses("✖️ Cancel")
    assert stopped is not None
    assert "Cancelled" in stopped.text
    assert person.job().state == "cancelled"
    assert "🔁 Again" in stopped.buttons


@pytest.mark.parametrize(
    ("state", "alert", "line"),
    [
        ("submitting", "can't be stopped", "Handed to the model"),
        ("running", "can't be stopped", "In the making"),
        ("delivered", "over already", "done"),
        ("unknown", "over already", "unknown"),
    ],
)
def test_later_it_says_how_it_stands(state: str, alert: str, line: str) -> None:
    """Nothing is cancelled any more."""
    person = waiting()
    person.job_goes(state)  # type: ignore[arg-type]
    shown = person.presses("✖️ Cancel")
    assert shown is not None
    assert alert in str(person.alert)
    assert line in shown.text
    assert person.job().state == state


# The result


def test_the_result_comes_with_its_words_and_buttons() -> None:
    """The status says that it is done, and the file is a message of its own, with a caption."""
    person = waiting()
    person.now += 42
    reply = person.job_ends("ready", result())
    assert methods(reply) == [["editMessageText", "sendPhoto"], ["sendPhoto"], ["sendDocument"], ["sendMessage"]]
    edit, send = reply.calls
    assert "Done in 42 s" in edit.params["text"]
    assert edit.params["reply_markup"] == {"inline_keyboard": []}
    assert send.params["photo"] == "https://files/1.png"
    assert send.params["caption"] == "<b>Z-Image</b>\na &lt;fox&gt;"
    assert list(person.latest().buttons) == ["🔁 Again", "✏️ Change the prompt", "🗂 Another model", "🏠 Menu"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (result("https://f/a.png", "photo", 4 * MiB), ["sendPhoto url", "sendPhoto", "sendDocument", "sendMessage"]),
        (result("https://f/a.png", "photo", None), ["sendPhoto url", "sendPhoto", "sendDocument", "sendMessage"]),
        (result("https://f/a.webp", "photo", 1), ["sendPhoto url", "sendPhoto", "sendDocument", "sendMessage"]),
        (result("https://f/a.png", "photo", 6 * MiB), ["sendPhoto", "sendDocument", "sendMessage"]),
        (result("https://f/a.png", "photo", 11 * MiB), ["sendDocument", "sendMessage"]),
        (result("https://f/a.png", "photo", 51 * MiB), ["sendMessage"]),
        (result("https://f/a.mp4", "video", 19 * MiB), ["sendVideo url", "sendVideo", "sendDocument", "sendMessage"]),
        (result("https://f/a.mp4", "video", 21 * MiB), ["sendVideo", "sendDocument", "sendMessage"]),
        (result("https://f/a.mov", "video", 1), ["sendDocument", "sendMessage"]),
        (result("https://f/a.mp4", "video", 60 * MiB), ["sendMessage"]),
        (result("https://f/a.gif", "video", 1), ["sendAnimation url", "sendAnimation", "sendDocument", "sendMessage"]),
        (result("https://f/a.gif", "photo", 1), ["sendAnimation url", "sendAnimation", "sendDocument", "sendMessage"]),
        (result("https://f/a.mp3", "audio", 1), ["sendAudio url", "sendAudio", "sendDocument", "sendMessage"]),
        (result("https://f/a.wav", "audio", 1), ["sendDocument", "sendMessage"]),
        (result("https://f/a.zip", "document", 1), ["sendDocument url", "sendDocument", "sendMessage"]),
        (result("https://f/a.json", "document", 1), ["sendDocument", "sendMessage"]),
    ],
)
def test_a_file_comes_in_the_best_way_that_telegram_takes(file: ResultFile, expected: list[str]) -> None:
    """By its address, else uploaded, else as a document, else as a link: by kind, type and size."""
    person = waiting()
    person.job_goes("running", status_message_id=None)
    reply = person.job_ends("ready", file)
    calls = [call for calls in (reply.calls, *reply.instead) for call in calls]
    seen = []
    for call in calls:
        sent = call.params.get(call.method.removeprefix("send").lower())
        seen.append(f"{call.method} url" if sent == file.url else call.method)
        if isinstance(sent, RemoteFile):
            assert sent.url == file.url
            assert sent.name == f"Z-Image{PurePosixPath(file.name).suffix}"
            assert sent.most == (10 if call.method == "sendPhoto" else 50) * MiB
    assert seen == expected
    assert f'<a href="{file.url}">' in calls[-1].params["text"]


def test_a_status_that_is_gone_keeps_nobody_from_the_result() -> None:
    """Telegram refuses the edit of a deleted message: what comes instead is the file alone, in every case."""
    for file in (result(), result("https://f/a.mp4", "video", 60 * MiB)):
        reply = waiting().job_ends("ready", file)
        assert reply.calls[0].method == "editMessageText"
        assert reply.instead
        assert not any(call.method == "editMessageText" for calls in reply.instead for call in calls)
    reply = waiting().job_ends("failed", error="failed")
    assert methods(reply) == [["editMessageText", "sendMessage"], ["sendMessage"]]


def test_an_address_that_is_no_plain_one_is_escaped() -> None:
    """It cannot break out of the link."""
    person = waiting()
    reply = person.job_ends("ready", ResultFile('https://f/?a="><b>&c', "document", "<x>", 60 * MiB))
    assert 'href="https://f/?a=&quot;&gt;&lt;b&gt;&amp;c">&lt;x&gt;</a>' in reply.calls[-1].params["text"]


def test_a_long_prompt_is_cut_in_the_caption() -> None:
    """1,024 characters at most, tags apart; the whole prompt is with the job."""
    person = waiting(model="seedream/5-pro-text-to-image", prompt="<&>" * 1300)
    person.job_ends("ready", result())
    shown = person.latest()
    assert len(shown.text) < 1024
    assert shown.text.endswith("…")
    assert len(person.orders[0].input["prompt"]) == 3900


def test_several_results_come_one_by_one() -> None:
    """Only one message can be sent at a time: the first comes by itself, each has a button for the next."""
    person = waiting()
    person.job_ends("ready", *(result(f"https://f/{number}.png") for number in range(3)))
    assert "1 of 3" in person.latest().text
    person.presses("2 of 3")
    assert person.latest().params["photo"] == "https://f/1.png"
    assert "2 of 3" in person.latest().text
    person.presses("3 of 3")
    assert person.latest().params["photo"] == "https://f/2.png"
    assert not any("of 3" in label for label in person.latest().buttons)


def test_a_result_comes_whatever_was_pressed_in_between() -> None:
    """/start in the middle: the status and the result are the job's, not the menu's."""
    person = waiting()
    status = max(person.messages)
    person.says("/start")
    reply = person.job_ends("ready", result())
    assert reply.calls[0].params["message_id"] == status
    assert person.latest().method == "sendPhoto"


def test_the_language_is_the_one_chosen_since() -> None:
    """Ordered in Russian; English was chosen while it was made."""
    person = waiting("ru")
    person.sees_progress()
    assert "В очереди" in person.latest().text
    person.state["language"] = "en"
    person.sees_progress()
    assert "In the queue" in person.latest().text


def test_who_has_blocked_the_bot_gets_nothing() -> None:
    """No status, no result."""
    person = waiting()
    person.state["blocked"] = True
    assert person.sees_progress() == ()
    assert person.bot.finished(person.job_goes("ready", results=(result(),)), person.known()) == NOTHING


# No result


@pytest.mark.parametrize(
    "error", ["input", "credits", "busy", "maintenance", "not_set_up", "failed", "too_slow", "no_result"]
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_failure_is_told_in_words(error: JobError, language: str) -> None:
    """A new message, since nobody notices an edit; the provider's own words where they help."""
    person = waiting(language)
    reply = person.job_ends("failed", error=error, error_text="<nsfw> " + "x" * 900)
    assert methods(reply)[0] == ["editMessageText", "sendMessage"]
    shown = person.latest()
    assert shown.text.startswith("😔 Z-Image")
    assert ("<nsfw>" in shown.text) is (error in ("input", "failed"))
    assert len(shown.text) < 700
    assert any("again" in data for data in shown.buttons.values())


def test_what_cannot_be_told_is_not_made_again_by_itself() -> None:
    """It says that it may have been made, and leaves it to the person."""
    person = waiting()
    person.job_ends("unknown", error="lost")
    assert "may have been made" in person.latest().text
    assert "press Again" in person.latest().text
    assert len(person.orders) == 1


def test_an_operator_may_cancel() -> None:
    """The person is told who did."""
    person = waiting()
    person.job_ends("cancelled", error="cancelled")
    assert "whoever runs this bot" in person.latest().text


def test_a_success_without_a_file_is_a_failure_in_words() -> None:
    """The engine should not call it ready; if it does, nobody is left waiting."""
    person = waiting()
    person.job_ends("ready")
    assert "could not get hold of the result" in str(person.latest().text)


WORDS = st.text(max_size=5000)


@given(WORDS, WORDS, WORDS, st.text(max_size=300), st.sampled_from(["photo", "video", "audio", "document"]))
def test_whatever_the_words_are_telegram_takes_them(
    title: str, prompt: str, reason: str, name: str, kind: FileKind
) -> None:
    """Titles, prompts, reasons and names of files, of any length and with any characters: escaped, and cut."""
    person = waiting()
    context = {**person.job().context, "title": title, "prompt": prompt}
    file = ResultFile(f"https://f/{name}", kind, name, 60 * MiB)
    for state, changes in (
        ("wanted", {}), ("running", {}), ("ready", {"results": (file, result())}),
        ("failed", {"error": "failed", "error_text": reason}), ("unknown", {}), ("cancelled", {}),
    ):  # fmt: skip
        job = msgspec.structs.replace(person.job(), state=state, context=context, **changes)
        person.jobs = [job]
        person.sees_progress()
        reply = person.bot.finished(job, person.known())
        for calls in (reply.calls, *reply.instead):
            for call in calls:
                check(call)
        person.says("/history")


# Again


def done(language: str = "en", model: str = "z-image") -> Person:
    """Somebody who has a result."""
    person = waiting(language, model)
    person.job_ends("ready", result())
    return person


def test_again_orders_the_same_with_a_status_of_its_own() -> None:
    """The result stays where it is."""
    person = done()
    photo = person.latest()
    status = person.presses("🔁 Again")
    assert status is not None
    assert status.method == "sendMessage"
    assert person.orders[1].input == person.orders[0].input
    assert person.orders[1].context == person.orders[0].context
    assert person.orders[1].status_message_id is None
    assert photo in person.messages.values()
    assert person.job().status_message_id == max(person.messages)


def test_two_quick_presses_on_again_order_one() -> None:
    """The second is told that it is on its way; a later one, and one on something else, are meant."""
    person = done()
    first = person.latest()
    person.presses("🔁 Again", on=first)
    assert person.presses("🔁 Again", on=first) is None
    assert person.alert == "⏳ In the queue…"
    assert len(person.orders) == 2
    person.now += DOUBLE_PRESS
    person.presses("🔁 Again", on=first)
    assert len(person.orders) == 3


def test_again_after_a_failure_keeps_the_words() -> None:
    """A message below is the new job's status."""
    person = waiting()
    person.job_ends("failed", error="busy")
    words = person.latest()
    status = person.presses("🔁 Again")
    assert status is not None
    assert status.method == "sendMessage"
    assert words in person.messages.values()


def test_another_prompt_with_the_rest_as_it_was() -> None:
    """Asked for, and ordered at once where nothing else is needed."""
    person = Person()
    person.opens("z-image")
    person.presses("Options")
    person.presses("Aspect")
    person.presses("9:16")
    person.says("a fox")
    person.job_ends("ready", result())
    asked = person.presses("Change the prompt")
    assert asked is not None
    assert asked.method == "sendMessage"
    person.says("a cat")
    assert person.orders[1].input == {"prompt": "a cat", "aspect_ratio": "9:16"}


def test_another_prompt_for_the_same_picture() -> None:
    """The file is still there; the draft shows it before it is ordered."""
    person = Person()
    person.opens("hailuo/2-3-image-to-video-pro")
    person.sends_photo("fox", caption="it runs")
    person.presses("✨ Create")
    person.job_ends("ready", result("https://f/a.mp4", "video"))
    person.presses("Change the prompt")
    person.says("it sleeps")
    person.presses("✨ Create")
    assert person.orders[1].input == {**person.orders[0].input, "prompt": "it sleeps"}


def test_what_needs_no_prompt_has_none_to_change() -> None:
    """An upscaled picture can be made again only."""
    person = Person()
    person.opens("recraft/crisp-upscale")
    person.sends_photo("fox")
    person.job_ends("ready", result())
    assert list(person.latest().buttons) == ["🔁 Again", "🗂 Another model", "🏠 Menu"]


def test_buttons_of_a_job_that_nobody_remembers() -> None:
    """Words over the chat, or below where Telegram takes no answer any more."""
    person = done()
    person.jobs.clear()
    for label in ("Again", "Change the prompt"):
        assert person.presses(label) is None
        assert "don't remember" in str(person.alert)
    data = person.latest().buttons["🔁 Again"]
    late = person.presses_data(data, max(person.messages), age=200)
    assert late is not None
    assert "don't remember" in late.text
    assert "🏠 Menu" in late.buttons


@pytest.mark.parametrize("label", ["Again", "Change the prompt"])
def test_a_button_of_a_model_that_is_gone_says_so(label: str) -> None:
    """And shows the menu, below the result, which stays."""
    person = done()
    photo = person.latest()
    person.bot = MenuBot(Catalog(tuple(model for model in CATALOG.models if model.model_id != "z-image")))
    shown = person.presses(label)
    assert shown is not None
    assert "not offered any more" in shown.text
    assert "category:image" in shown.buttons.values()
    assert photo in person.messages.values()
    assert len(person.orders) == 1


def test_somebody_elses_job_is_nobodys() -> None:
    """The id in a button's data is no permission."""
    person = done()
    person.jobs = [msgspec.structs.replace(person.job(), user_id=6)]
    assert person.presses("Again") is None
    assert "don't remember" in str(person.alert)
    assert len(person.orders) == 1


def test_an_order_that_the_model_does_not_take_any_more() -> None:
    """The catalogue has changed: words, and no order that would fail."""
    person = done()
    person.job_goes("delivered", input={"prompt": "a", "aspect_ratio": "7:5"})
    assert person.presses("Again") is None
    assert "model has changed" in str(person.alert)
    person.presses("Change the prompt")
    person.says("a cat")
    assert person.orders[1].input == {"prompt": "a cat", "aspect_ratio": "1:1"}


def test_again_is_subject_to_the_limits() -> None:
    """As many at once as anybody may have."""
    person = done()
    for _ in range(2):
        person.presses("Again")
        person.now += DOUBLE_PRESS
    assert len(person.orders) == 3
    assert person.presses("Again") is None
    assert "2 things in the making" in str(person.alert)
    assert len(person.orders) == 3


def test_another_model_leads_to_its_category() -> None:
    """Below the result, which stays."""
    person = done()
    photo: Shown = person.latest()
    shown = person.presses("Another model")
    assert shown is not None
    assert shown.method == "sendMessage"
    assert any(data.startswith("model:") for data in shown.buttons.values())
    assert photo in person.messages.values()

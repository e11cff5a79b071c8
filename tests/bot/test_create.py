"""Creating as people do it: what is asked, what comes of each answer, and what the provider is given in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.bot.catalog import Catalog, Model
from svc.bot.create.allowance import DOUBLE_PRESS
from svc.bot.create.draft import MAX_DRAFT
from svc.bot.create.values import check_input
from svc.bot.languages import texts_for
from svc.bot.texts import ENGLISH, RUSSIAN
from svc.handler.job import Job
from svc.handler.known import Creating
from svc.handler.reply import MAX_STATE
from telegram_client.updates import CallbackQuery, Chat, File, Message, Update
from tests.bot.creating_person import CATALOG, SET_UP, Person

IMAGE = "z-image"
EDIT = "seedream/4.5-edit"
ANIMATE = "hailuo/2-3-image-to-video-pro"
AVATAR = "infinitalk/from-audio"
SPEECH = "elevenlabs/text-to-speech-turbo-2-5"
UPSCALE = "topaz/image-upscale"
VIDEO = "wan/2-7-text-to-video"


def files(*names: str) -> list[dict[str, str]]:
    return [{"file_id": name} for name in names]


def a_running_job() -> Job:
    """A job of the same person's."""
    other = Person(creating=SET_UP)
    other.opens(IMAGE)
    other.says("another")
    return other.job_goes("running")


# Only a prompt


def test_a_prompt_is_enough() -> None:
    """Create, a text, and it is ordered with the defaults; the answer is the status, with a way to stop it."""
    person = Person()
    asked = person.opens(IMAGE)
    assert asked is not None
    assert "Describe what you would like to see" in asked.text
    assert "1000 characters at most" in asked.text
    assert list(asked.buttons) == ["🎛 Options", "✖️ Cancel"]
    status = person.says("  a fox <in> snow  ")
    assert status is not None
    assert (status.method, list(status.buttons)) == ("sendMessage", ["✖️ Cancel"])
    assert "a fox <in> snow" in status.text
    assert "In the queue" in status.text
    (order,) = person.orders
    assert (order.provider, order.model, order.user_id) == ("kie", IMAGE, 5)
    assert order.input == {"prompt": "a fox <in> snow", "aspect_ratio": "1:1"}
    assert order.status_message_id is None
    assert order.context["title"] == "Z-Image"
    assert "draft" not in person.state
    assert "asking" not in person.state


def test_options_can_be_changed_first() -> None:
    """An option with many values has a page of its own; what is chosen is what is ordered."""
    person = Person()
    person.opens(IMAGE)
    options = person.presses("Options")
    assert options is not None
    assert list(options.buttons) == ["Aspect ratio: 1:1", "✖️ Cancel"]
    values = person.presses("Aspect ratio")
    assert values is not None
    assert list(values.buttons) == ["✓ 1:1", "4:3", "3:4", "16:9", "9:16", "⬅️ Back"]
    person.presses("16:9")
    assert "Aspect ratio: 16:9" in person.latest().buttons
    person.says("a fox")
    assert person.orders[0].input == {"prompt": "a fox", "aspect_ratio": "16:9"}


def test_a_short_option_turns_by_a_press() -> None:
    """Without a page of its own; from the last value to the first."""
    person = Person()
    person.opens("seedream/5-lite-text-to-image")
    person.presses("Options")
    seen = []
    for _ in range(4):
        seen.append(next(label for label in person.latest().buttons if label.startswith("Quality")))
        person.presses("Quality")
    assert seen == ["Quality: basic", "Quality: high", "Quality: ultra", "Quality: basic"]


def test_what_has_no_default_can_be_left_to_the_model() -> None:
    """It is not told then; neither is what was chosen and taken back."""
    person = Person()
    person.opens("gpt-image-2-text-to-image")
    person.presses("Options")
    assert {"Aspect ratio: —", "Resolution: —"} <= person.latest().buttons.keys()
    for expected in ("1K", "2K", "4K", "—", "1K"):
        person.presses("Resolution")
        assert f"Resolution: {expected}" in person.latest().buttons
    person.presses("Aspect ratio")
    person.presses("Leave it to the model")
    person.says("a fox")
    assert person.orders[0].input == {"prompt": "a fox", "resolution": "1K"}


def test_a_default_can_be_left_to_the_model() -> None:
    """Taken back where the model need not be told."""
    person = Person()
    person.opens("kling/v2-5-turbo-text-to-video-pro")
    person.presses("Options")
    person.presses("More")
    person.presses("Closeness")
    person.presses("Leave it")
    person.says("a fox")
    assert person.orders[0].input == {"prompt": "a fox", "aspect_ratio": "16:9", "duration": "5"}


def test_rare_options_stand_behind_more() -> None:
    """A seed and what to avoid are typed; a number that does not fit is said, and asked for again."""
    person = Person()
    person.opens(VIDEO)
    person.presses("Options")
    assert not any("Seed" in label for label in person.latest().buttons)
    person.presses("More options")
    person.presses("Seed")
    assert "from 0 to 2147483647" in person.latest().text
    assert "not a number" in person.says("many").text  # type: ignore[union-attr]
    assert "between 0 and 2147483647" in person.says("-5").text  # type: ignore[union-attr]
    person.says("42")
    assert "Seed: 42" in person.latest().buttons
    person.presses("What to avoid")
    person.says("blur")
    person.presses("Seconds")
    person.says("7")
    assert "Seconds: 7" in person.latest().buttons
    person.says("a fox")
    told = person.orders[0].input
    assert (told["seed"], told["negative_prompt"], told["duration"], told["prompt"]) == (42, "blur", 7, "a fox")


def test_a_file_for_a_model_that_needs_none_is_taken_along() -> None:
    """A picture with words under it, where the model takes pictures: both are used, and nothing is asked twice."""
    person = Person()
    person.opens("nano-banana-2")
    received = person.sends_photo("fox", caption="make it blue")
    assert received is not None
    assert "Got it" in received.text
    person.presses("Done")
    assert "make it blue" in person.latest().text
    assert "Pictures: 1 file" in person.latest().buttons
    person.presses("✨ Create")
    told = person.orders[0].input
    assert (told["image_input"], told["prompt"]) == (files("fox"), "make it blue")


def test_a_text_after_files_needs_no_done() -> None:
    """Whoever writes has sent all files that there are."""
    person = Person()
    person.opens("nano-banana-2")
    person.sends_photo("fox")
    person.says("make it blue")
    assert person.orders[0].input["image_input"] == files("fox")


# Files


def test_a_picture_and_then_the_words() -> None:
    """Files first; when all is there, the draft with its options, and Create makes its message the status."""
    person = Person()
    asked = person.opens(ANIMATE)
    assert asked is not None
    assert "Send me a picture" in asked.text
    person.sends_photo("fox")
    assert "what is to happen in the video" in person.latest().text
    draft = person.says("it runs")
    assert draft is not None
    assert "press Create" in draft.text
    assert "Picture: 1 file" in draft.text
    assert {"Seconds: 6", "Resolution: 768P", "✏️ Picture", "✏️ Prompt", "✨ Create"} <= draft.buttons.keys()
    status = person.presses("✨ Create")
    assert status is not None
    assert status.method == "editMessageText"
    (order,) = person.orders
    assert order.input == {
        "image_url": {"file_id": "fox"}, "prompt": "it runs", "duration": "6", "resolution": "768P"
    }  # fmt: skip
    assert order.status_message_id == status.params["message_id"]
    assert order.seconds == 3600


def test_words_under_a_picture_are_the_prompt() -> None:
    """One message gives both."""
    person = Person()
    person.opens(ANIMATE)
    draft = person.sends_photo("fox", caption="it runs")
    assert draft is not None
    assert "it runs" in draft.text
    assert "✨ Create" in draft.buttons


def test_an_album_is_several_pictures_and_one_answer() -> None:
    """Each of its messages comes by itself; the first is answered, all are taken, up to the model's limit."""
    person = Person()
    person.opens(EDIT)
    assert person.sends_photo("p0", album="a", caption="as one") is not None
    for number in range(1, 16):
        assert person.sends_photo(f"p{number}", album="a") is None
    person.presses("Done")
    assert "Pictures: 14 files" in person.latest().text
    person.presses("✨ Create")
    assert person.orders[0].input["image_urls"] == files(*(f"p{number}" for number in range(14)))
    assert person.orders[0].input["prompt"] == "as one"


def test_words_under_a_later_picture_of_an_album_are_taken() -> None:
    """They come with whichever picture somebody has put them under."""
    person = Person()
    person.opens(EDIT)
    person.sends_photo("p0", album="a")
    assert person.sends_photo("p1", album="a", caption="as one") is None
    person.presses("Done")
    assert "as one" in person.latest().text
    assert "✨ Create" in person.latest().buttons


def test_pictures_can_be_taken_back() -> None:
    """And others sent; the text stays."""
    person = Person()
    person.opens(EDIT)
    person.sends_photo("wrong", caption="as one")
    asked = person.presses("Remove")
    assert asked is not None
    assert "Send me pictures" in asked.text
    person.sends_photo("right")
    person.presses("Done")
    person.presses("✨ Create")
    assert person.orders[0].input["image_urls"] == files("right")
    assert person.orders[0].input["prompt"] == "as one"


def test_a_file_of_an_option_can_be_taken_back() -> None:
    """Then it is not told."""
    person = Person()
    person.opens(VIDEO)
    person.presses("Options")
    person.presses("More")
    person.presses("Recording")
    person.sends(voice=File("v", 9))
    person.presses("Recording: 1 file")
    person.presses("Remove")
    person.presses("Back")
    assert "Recording: —" in person.latest().buttons
    person.says("a fox")
    assert "audio_url" not in person.orders[0].input


def test_of_an_album_one_picture_is_taken_where_one_is_needed() -> None:
    """The first, and the others change nothing and are not answered."""
    person = Person()
    person.opens(ANIMATE)
    person.sends_photo("first", album="a")
    assert person.sends_photo("second", album="a") is None
    assert person.draft() == {"image_url": {"file_id": "first"}}
    person.says("it runs")
    assert "✨ Create" in person.latest().buttons


def test_one_picture_more_than_the_model_takes_is_said() -> None:
    """The list stays as it was."""
    person = Person()
    person.opens("grok-imagine/image-to-image")
    for number in range(5):
        person.sends_photo(str(number))
    assert "first 5" in person.sends_photo("too many").text  # type: ignore[union-attr]
    assert person.draft()["image_urls"] == files("0", "1", "2", "3", "4")


def test_a_voice_message_a_picture_and_words() -> None:
    """An avatar speaks: three things are asked for, one after the other."""
    person = Person()
    person.opens(AVATAR)
    person.sends(document=File("face", 5000, "image/png"))
    assert "voice message" in person.latest().text
    person.sends(voice=File("speech", 5000, "audio/ogg"))
    assert "look and move" in person.latest().text
    person.says("friendly")
    person.presses("✨ Create")
    assert person.orders[0].input == {
        "image_url": {"file_id": "face"},
        "audio_url": {"file_id": "speech"},
        "prompt": "friendly",
        "resolution": "480p",
    }


@pytest.mark.parametrize(
    ("model_id", "field", "sent", "taken"),
    [
        (UPSCALE, "image_url", {"photo": (File("s", 9), File("l", 99))}, "l"),
        (UPSCALE, "image_url", {"photo": (File("s", 9), File("l", 21 * 2**20))}, "s"),
        (UPSCALE, "image_url", {"document": File("d", 99, "image/jpeg")}, "d"),
        ("topaz/video-upscale", "video_url", {"video": File("v", 99, "video/mp4")}, "v"),
        ("topaz/video-upscale", "video_url", {"video_note": File("n", 99)}, "n"),
        ("topaz/video-upscale", "video_url", {"animation": File("g", 9), "document": File("g2", 9, "video/mp4")}, "g"),
        ("elevenlabs/audio-isolation", "audio_url", {"voice": File("v", 99, "audio/ogg")}, "v"),
        ("elevenlabs/audio-isolation", "audio_url", {"audio": File("a", 99, "audio/mpeg")}, "a"),
        ("elevenlabs/audio-isolation", "audio_url", {"document": File("d", 99, "audio/flac")}, "d"),
    ],
)
def test_files_come_in_many_kinds(model_id: str, field: str, sent: dict[str, Any], taken: str) -> None:
    """A picture as a photo or as a file, a video as a note, a recording as a voice message."""
    person = Person()
    person.opens(model_id)
    person.sends(**sent)
    if not person.orders:
        assert person.draft() == {field: {"file_id": taken}}
        person.presses("✨ Create")
    assert person.orders[0].input[field] == {"file_id": taken}


def test_a_file_starts_a_model_that_takes_nothing_else() -> None:
    """There is nothing to choose: what would be a press on Create more is said before. The rest of an album is left."""
    person = Person()
    asked = person.opens("recraft/remove-background")
    assert asked is not None
    assert "It starts as soon as you send it." in asked.text
    person.sends_photo("fox", album="a")
    person.sends_photo("hare", album="a")
    assert [order.input for order in person.orders] == [{"image": {"file_id": "fox"}}]
    assert "draft" not in person.state


@pytest.mark.parametrize(
    ("model_id", "sent", "words"),
    [
        (UPSCALE, {"voice": File("v", 9)}, "no picture"),
        (UPSCALE, {"sticker": File("s", 9)}, "no picture"),
        (UPSCALE, {"document": File("d", 9, "application/pdf")}, "no picture"),
        (UPSCALE, {"document": File("d", 21 * 2**20, "image/png")}, "20 MB"),
        ("topaz/video-upscale", {"video": File("v", 30 * 2**20)}, "20 MB"),
        ("topaz/video-upscale", {"photo": (File("p", 9),)}, "no video"),
        ("elevenlabs/audio-isolation", {"video": File("v", 9)}, "no recording"),
        (IMAGE, {"photo": (File("p", 9),)}, "I need a text"),
        (IMAGE, {"sticker": File("s", 9)}, "I need a text"),
    ],
)
def test_what_is_no_use_is_said_and_asked_for_again(model_id: str, sent: dict[str, Any], words: str) -> None:
    """The question stays open."""
    person = Person()
    asked = person.opens(model_id)
    assert asked is not None
    again = person.sends(**sent)
    assert again is not None
    assert words in again.text
    assert asked.text in again.text
    assert person.state["asking"] == "draft"
    assert "given" not in person.state["draft"]


def test_an_album_that_is_no_use_is_answered_once() -> None:
    """Not once for each of its files."""
    person = Person()
    person.opens(UPSCALE)
    pdf = File("d", 9, "application/pdf")
    assert person.sends(document=pdf, album="a") is not None
    assert person.sends(document=pdf, album="a") is None


def test_words_where_a_picture_is_asked_for_are_kept() -> None:
    """They are the prompt: nobody has to write them twice."""
    person = Person()
    person.opens(ANIMATE)
    again = person.says("it runs")
    assert again is not None
    assert "Got the text" in again.text
    person.sends_photo("fox")
    person.presses("✨ Create")
    assert person.orders[0].input["prompt"] == "it runs"


def test_a_prompt_that_is_too_long_is_said_with_both_numbers() -> None:
    """Counted as the model does."""
    person = Person()
    person.opens(IMAGE)
    again = person.says("x" * 1001)
    assert again is not None
    assert "1001 characters, and the model takes 1000 characters" in again.text
    assert person.orders == []


def test_an_optional_prompt_may_be_skipped() -> None:
    """Where a picture is enough for the model."""
    person = Person()
    person.opens("grok-imagine/image-to-image")
    person.sends_photo("fox")
    person.presses("Done")
    person.presses("Skip")
    person.presses("✨ Create")
    assert person.orders[0].input == {"image_urls": files("fox")}


def test_a_prompt_can_be_replaced_before_creating() -> None:
    """By writing another one over the draft, or by its button."""
    person = Person()
    person.opens(ANIMATE)
    person.sends_photo("fox", caption="it runs")
    person.says("it sleeps")
    person.presses("✏️ Picture")
    person.sends_photo("cat")
    person.presses("✨ Create")
    assert person.orders[0].input["prompt"] == "it sleeps"
    assert person.orders[0].input["image_url"] == {"file_id": "cat"}


def test_a_text_for_a_model_that_takes_none_is_said() -> None:
    """It has no use for it, and shows what there is."""
    person = Person()
    person.opens(UPSCALE)
    person.sends_photo("fox")
    again = person.says("larger!")
    assert again is not None
    assert "no use for a text" in again.text
    assert "✨ Create" in again.buttons


# Ways out


def test_cancel_leaves_the_draft() -> None:
    """Nothing is asked any more: the next text is a search."""
    person = Person()
    person.opens(IMAGE)
    left = person.presses("✖️ Cancel")
    assert left is not None
    assert "nothing was made" in left.text
    assert person.state == {}


@pytest.mark.parametrize("command", ["/cancel", "/start", "/menu"])
def test_commands_leave_the_draft(command: str) -> None:
    """As somebody expects who is lost."""
    person = Person()
    person.opens(IMAGE)
    person.says(command)
    assert person.state == {}
    person.says("a fox")
    assert person.orders == []


def test_an_old_button_of_a_finished_draft_says_so() -> None:
    """The status that has taken its place stays; of two quick presses on Create the second is told how it stands."""
    person = Person()
    person.opens(ANIMATE)
    draft = person.sends_photo("fox", caption="it runs")
    assert draft is not None
    data = draft.buttons["✨ Create"]
    status = person.presses("✨ Create")
    assert status is not None
    assert person.presses_data(data, status.params["message_id"]) is None
    assert person.alert == "⏳ In the queue…"
    person.now += DOUBLE_PRESS
    assert person.presses_data(data, status.params["message_id"]) is None
    assert person.alert is not None
    assert "finished" in person.alert
    assert len(person.orders) == 1
    late = person.presses_data(data, status.params["message_id"], age=200)
    assert late is not None
    assert "finished" in late.text


def test_a_second_draft_takes_the_place_of_the_first() -> None:
    """Buttons of the first do nothing to it."""
    person = Person()
    person.opens(IMAGE)
    first = person.presses("Options")
    assert first is not None
    data = first.buttons["Aspect ratio: 1:1"]
    person.opens("gpt-image-2-text-to-image")
    assert person.presses_data(data, person._next) is None
    assert "finished" in str(person.alert)


def test_a_button_that_nobody_knows_shows_the_draft() -> None:
    """Another version of the bot may have made it."""
    person = Person()
    asked = person.opens(IMAGE)
    assert asked is not None
    number = person.state["draft"]["number"]
    for act in ("dance", "ask:colour", "set:aspect_ratio:7:7", "turn:prompt", "skip:prompt", "remove:prompt"):
        shown = person.presses_data(f"draft:{number}:{act}", 1)
        assert shown is not None
        assert "Aspect ratio: 1:1" in shown.buttons


def test_a_model_that_is_gone_in_the_middle_says_so() -> None:
    """And asks for nothing any more."""
    person = Person()
    person.opens(IMAGE)
    person.bot = type(person.bot)(Catalog(tuple(model for model in CATALOG.models if model.model_id != IMAGE)))
    shown = person.says("a fox")
    assert shown is not None
    assert "not offered any more" in shown.text
    assert person.state == {}


# What keeps somebody from creating


def test_where_it_is_not_set_up_it_says_so() -> None:
    """Also to an old button."""
    person = Person(creating=Creating())
    model = next(model for model in CATALOG.models if model.model_id == IMAGE)
    shown = person.presses_data(f"create:{model.key}", 1)
    assert shown is not None
    assert "not set up here" in shown.text


@pytest.mark.parametrize(("language", "words"), [("en", "is resting for now"), ("ru", "сейчас отдыхает")])
@pytest.mark.parametrize("paused", [("model", IMAGE), ("provider", "kie")])
def test_a_model_that_an_operator_has_paused_rests(paused: tuple[str, str], language: str, words: str) -> None:
    """Its card says so, and so does Create; what was begun before stays, and can be ordered after the pause."""
    person = Person(language)
    person.opens(IMAGE)
    person.creating = replace(SET_UP, paused=frozenset({paused}))
    refused = person.says("a fox")
    assert refused is not None
    assert words in refused.text
    assert person.orders == []
    person.creating = SET_UP
    person.presses(texts_for(language).creating.buttons.create)
    assert [order.model for order in person.orders] == [IMAGE]

    person.creating = replace(SET_UP, paused=frozenset({paused}))
    answer = person.opens(IMAGE)
    assert answer is not None
    assert words in answer.text
    card = person.says(f"/start {next(model.key for model in CATALOG.models if model.model_id == IMAGE)}")
    assert card is not None
    assert words in card.text


def test_other_models_do_not_rest() -> None:
    """A pause is of the model that it names."""
    person = Person(creating=replace(SET_UP, paused=frozenset({("model", EDIT), ("provider", IMAGE)})))
    person.opens(IMAGE)
    person.says("a fox")
    assert len(person.orders) == 1


def test_so_many_at_once() -> None:
    """Said before anything is asked for; free again when one is over."""
    person = Person(creating=Creating(frozenset({"kie"}), per_user=2))
    for _ in range(2):
        person.opens(IMAGE)
        person.says("a fox")
    refused = person.opens(IMAGE)
    assert refused is not None
    assert "2 things in the making" in refused.text
    assert list(refused.buttons) == ["⬅️ Back", "🏠 Menu"]
    person.job_goes("running")
    assert "2 things" in person.opens(IMAGE).text  # type: ignore[union-attr]
    person.job_goes("ready")
    assert "Describe" in person.opens(IMAGE).text  # type: ignore[union-attr]


def test_a_refusal_in_the_end_keeps_the_draft() -> None:
    """Two drafts were begun before either was ordered: the text of the second is not lost."""
    person = Person(creating=Creating(frozenset({"kie"}), per_user=1))
    person.opens(IMAGE)
    person.jobs.append(a_running_job())
    shown = person.says("a fox")
    assert shown is not None
    assert "1 thing in the making" in shown.text
    assert person.draft() == {"prompt": "a fox"}
    person.jobs.clear()
    person.presses("✨ Create")
    assert person.orders[0].input["prompt"] == "a fox"


def test_so_many_a_day_and_when_the_next_is_possible() -> None:
    """Counted over 24 hours; what was cancelled cost nothing."""
    person = Person(creating=Creating(frozenset({"kie"}), per_user=2, per_day=3))
    for number in range(4):
        person.opens(IMAGE)
        person.says("a fox")
        person.job_goes("cancelled" if number == 0 else "delivered")
        person.now += 3600
    refused = person.opens(IMAGE)
    assert refused is not None
    assert "made 3 in 24 hours" in refused.text
    assert "in 21 h" in refused.text
    person.now += 21 * 3600 + 1
    assert "Describe" in person.opens(IMAGE).text  # type: ignore[union-attr]


def test_in_a_group_the_button_leads_to_the_private_chat() -> None:
    """There it opens the model's card; a button to create that came into a group all the same says where it works."""
    person = Person()
    model = next(model for model in CATALOG.models if model.model_id == IMAGE)
    group = Chat(-7, "supergroup")
    card = person.bot.decide(
        Update(1, message=Message(1, group, person.user, int(person.now), text=f"/start {model.key}")), person.known()
    )
    (call,) = card.calls
    assert call.params["reply_markup"]["inline_keyboard"][0] == [
        {"text": "✨ Create", "url": f"https://t.me/the_bot?start={model.key}"}
    ]
    query = CallbackQuery("q", person.user, Message(1, group, date=1, text="card"), f"create:{model.key}")
    edit, _ = person.bot.decide(Update(2, callback_query=query), person.known()).calls
    assert "private chat" in edit.params["text"]


# By construction


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.model_id)
def test_every_model_is_created_by_its_dialogue(model: Model, language: str) -> None:
    """Answer what is asked, press on: a job comes out whose input the model takes. Every option's page is looked at on
    the way."""
    person = Person(language)
    texts = ENGLISH if language == "en" else RUSSIAN
    words = texts.creating.buttons
    person.opens(model.model_id)
    for field in model.needed:
        part = field.media
        if part is None:
            person.says("a fox in snow")
        else:
            person.sends(**sample(part))
            if field.several and (field.limit or 2) > 1:
                person.presses(words.done)
    if not person.orders:
        _look_at_options(person, model, texts)
        person.presses(words.create)
    (order,) = person.orders
    check_input(model, order.input)
    assert order.context["language"] == language
    assert {field.name for field in model.needed} <= order.input.keys()


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.model_id)
def test_every_option_can_be_set_by_its_buttons(model: Model) -> None:
    """To each of its values, and still the model takes what comes out."""
    person = Person()
    person.opens(model.model_id)
    if model.options:
        person.presses("Options")
        _look_at_options(person, model, ENGLISH)


def sample(part: str) -> dict[str, Any]:
    """A file of that kind, as a message has it."""
    return {"photo": (File("f", 9),)} if part == "image" else {part: File("f", 9)}


def _look_at_options(person: Person, model: Model, texts: Any) -> None:
    number = person.state["draft"]["number"]
    for field in model.options:
        person.presses_data(f"draft:{number}:ask:{field.name}", 1)
        for label, data in list(person.messages[1].buttons.items()):
            person.presses_data(data, 1)
            assert person.messages[1].buttons, label
    assert len(msgspec.json.encode(person.state)) < MAX_DRAFT


@given(
    st.text(min_size=1, max_size=4096), st.sampled_from([IMAGE, EDIT, ANIMATE, SPEECH, UPSCALE, "gemini-omni-video"])
)
def test_any_text_is_taken_or_refused_in_words(text: str, model_id: str) -> None:
    """Whatever somebody writes at any question: no error, nothing over a limit."""
    person = Person()
    person.opens(model_id)
    if not text.lstrip().startswith("/"):
        assert person.says(text) is not None
        person.sends_photo("fox", caption=text[:1024])
    assert len(msgspec.json.encode(person.state)) <= MAX_STATE


def test_more_than_can_be_remembered_is_said() -> None:
    """Texts as long as Telegram takes them, of characters that take most room: the draft stays as it was."""
    person = Person()
    person.opens("google/imagen4-ultra")
    number = person.state["draft"]["number"]
    person.presses_data(f"draft:{number}:ask:negative_prompt", 1)
    person.says('"' * 4000)
    before = person.draft()
    person.presses_data(f"draft:{number}:ask:negative_prompt", 1)
    shown = person.says("\x01" * 4000)
    assert shown is not None
    assert "more than I can keep in mind" in shown.text
    assert person.draft() == before
    person.says("a fox")
    assert person.orders[0].input["negative_prompt"] == '"' * 4000

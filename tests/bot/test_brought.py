"""What somebody sends before a model is chosen is offered to what can be made of it, and need not be sent again."""

from __future__ import annotations

from typing import Any

import pytest

from svc.bot.create.files import MAX_FILE
from svc.bot.texts import ENGLISH
from svc.handler.known import Creating
from telegram_client.updates import File
from tests.bot.creating_person import CATALOG, Person, Shown

WORDS = "a cat among the stars"


def test_a_description_becomes_the_prompt() -> None:
    """Of the model that is picked then; it starts when Create is pressed, since options are to be chosen before."""
    person = Person()
    person.says(WORDS)
    person.presses("Make a picture")
    person.presses("▶️")
    person.presses("Z-Image")
    person.presses("✨ Create")
    assert person.draft() == {"prompt": WORDS}
    assert person.orders == []
    person.presses("✨ Create")
    assert person.orders[0].input["prompt"] == WORDS


@pytest.mark.parametrize(
    ("sent", "task", "title", "given"),
    [
        ({"photo": (File("fox"),)}, "Bring it to life", "Kling 2.6 Animate", {"image_urls": [{"file_id": "fox"}]}),
        ({"photo": (File("fox"),)}, "Change", "Qwen 2 Edit", {"image_url": {"file_id": "fox"}}),
        ({"video": File("run")}, "Larger", None, {"video_url": {"file_id": "run"}}),
        ({"voice": File("hum")}, "talk", "InfiniteTalk", {"audio_url": {"file_id": "hum"}}),
    ],
)
def test_a_file_is_taken_along(sent: dict[str, Any], task: str, title: str | None, given: dict[str, Any]) -> None:
    """To the field of the model that takes its kind; where there is one only, its card comes at once."""
    person = Person()
    person.sends(**sent)
    person.presses(task)
    if title is not None:
        person.presses(title)
    person.presses("✨ Create")
    assert person.draft() == given
    assert "brought" not in person.state


def test_what_stands_under_a_file_is_taken_along() -> None:
    """As the prompt, if it is one that the model takes."""
    person = Person()
    person.sends_photo("fox", caption="it runs away")
    person.presses("Bring it to life")
    person.presses("Kling 2.6 Animate")
    person.presses("✨ Create")
    assert person.draft() == {"image_urls": [{"file_id": "fox"}], "prompt": "it runs away"}


def test_a_file_is_all_that_some_models_take() -> None:
    """Then Create starts at once."""
    person = Person()
    person.sends_photo("fox")
    person.presses("Remove the background")
    person.presses("✨ Create")
    assert [order.input for order in person.orders] == [{"image": {"file_id": "fox"}}]


@pytest.mark.parametrize("text", ["/menu", "kling", "hello"])
def test_it_is_forgotten_with_the_next_message(text: str) -> None:
    """Whoever has gone on to something else would be surprised to find it in a draft."""
    person = Person()
    person.says(WORDS)
    person.says(text)
    assert person.state == {}


def test_a_model_that_has_no_use_for_it_asks_as_ever() -> None:
    """A recording is nothing for a picture, and this text is longer than the model takes."""
    person = Person()
    person.sends(voice=File("hum"), caption="word " * 300)
    person.presses_data("create:" + next(m.key for m in CATALOG.models if m.title == "Z-Image"), max(person.messages))
    assert "given" not in person.state["draft"]
    assert "Describe what" in person.latest().text


@pytest.mark.parametrize("text", ["hello", "Hi!", "Привет", "start"])
def test_who_greets_gets_the_menu(text: str) -> None:
    """There is no model of that name to look for."""
    assert _said(Person().says(text)).text.startswith("👋")


@pytest.mark.parametrize("text", ["kling 3.0 turbo", "nano banana pro", "make a video", "midjourney", "two words"])
def test_a_text_that_names_something_is_a_search(text: str) -> None:
    """As is a short one that names nothing: it may be a name that is not offered."""
    assert "🔎" in _said(Person().says(text)).text


def test_where_nothing_can_be_created_nothing_is_offered() -> None:
    """A description is looked up, and of a picture it is said that nothing can be made."""
    person = Person(creating=Creating())
    assert "🔎" in _said(person.says(WORDS)).text
    assert _said(person.sends_photo("fox")).text == ENGLISH.creating.not_set_up
    assert person.state == {}


def test_a_file_that_a_bot_cannot_fetch_is_refused_at_once() -> None:
    """Not when everything else has been chosen."""
    said = _said(Person().sends(video=File("v", MAX_FILE + 1, "video/mp4")))
    assert said.text == ENGLISH.creating.file_too_large


def _said(shown: Shown | None) -> Shown:
    assert shown is not None
    return shown

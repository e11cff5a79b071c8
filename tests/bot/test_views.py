"""Every view in both languages, as text files to look at (tests/bot/snapshots)."""

from __future__ import annotations

from typing import Any

import pytest

from svc.bot.menu_bot import bot
from svc.handler.known import Known
from telegram_client.updates import File, InlineQuery, Update, User
from tests.bot.snapshots import check_snapshot, draw_reply, draw_row
from tests.bot.updates import knows, pressed, says, wrote

LANGUAGES = pytest.mark.parametrize("language", ["en", "ru"])


def key(title: str) -> str:
    """What stands for a model in buttons."""
    return next(model.key for model in bot.catalog.models if model.title == title)


def rows_of(card: dict[str, Any]) -> list[Any]:
    """The rows of buttons under an inline card."""
    return list(card["reply_markup"]["inline_keyboard"])


PRESSES = {
    "menu": "menu",
    "category": "category:image",
    "category-last-page": "category:image:3",
    "category-of-three": "category:audio",
    "category-gone": "category:three-d",
    "vendor": "vendor:Black Forest Labs",
    "vendor-gone": "vendor:Nobody",
    "search": "search",
    "found-page-2": "found:2:video",
    "card": f"model:{key('Nano Banana 2')}:category:image:1",
    "card-of-many-inputs": f"model:{key('InfiniteTalk')}:found:1:говорить",
    "card-of-a-video": f"model:{key('Seedance 2.5')}:category:video:1",
    "card-of-speech": f"model:{key('ElevenLabs Multilingual 2')}",
    "card-without-options": f"model:{key('Kling AI Avatar Pro')}",
    "card-gone": "model:00000000:category:image:1",
    "help": "help",
    "settings": "settings",
    "language": "lang",
    "language-english": "lang:en",
    "language-russian": "lang:ru",
    "unknown-press": "nonsense",
}

WRITTEN = {
    "start": "/start",
    "start-model": f"/start {key('Z-Image')}",
    "start-category": "/start video",
    "start-nothing": "/start nothing",
    "start-gone": "/start 0badbad0",
    "search-words": "/search kling",
    "typed": "sedream",
    "typed-russian": "клинг",
    "typed-far": "midjourney <b>",
    "typed-no-word": "🦄",
    "cancel": "/cancel",
    "unknown-command": "/strat",
}


@LANGUAGES
@pytest.mark.parametrize("name", PRESSES)
def test_what_a_button_shows(name: str, language: str) -> None:
    """The message changes in place, and where it cannot a new one comes."""
    check_snapshot(f"{language}/{name}", draw_reply(says(pressed(PRESSES[name], language=language))))


@LANGUAGES
@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_text_is_answered(name: str, language: str) -> None:
    """One message."""
    check_snapshot(f"{language}/{name}", draw_reply(says(wrote(WRITTEN[name], language=language))))


@LANGUAGES
@pytest.mark.parametrize(
    ("name", "update", "known"),
    [
        ("pointer", wrote(sticker=File("f")), knows()),
        ("brought-picture", wrote(photo=(File("f"),)), knows()),
        ("brought-video", wrote(video=File("f")), knows()),
        ("brought-recording", wrote(voice=File("f")), knows()),
        ("brought-words", wrote("a cat among the stars"), knows()),
        ("task", pressed("task:image-to-video:1"), knows()),
        ("outage", wrote("/start"), knows(age=7200.0)),
        ("cancelled", wrote("/cancel"), knows({"asking": "draft"})),
        ("card-not-set-up", pressed(f"model:{key('Z-Image')}"), knows(set_up=False)),
        ("card-in-a-group", pressed(f"model:{key('Z-Image')}", kind="group"), knows()),
        ("menu-pressed-on-a-photo", pressed("menu", text=None, photo=(File("f"),)), knows()),
        ("menu-pressed-late", pressed("menu"), knows(age=200.0)),
    ],
)
def test_what_is_shown_in_other_situations(name: str, update: Update, known: Known, language: str) -> None:
    """Out of the blue, after an outage, where creating is not set up, in a group."""
    state = {"language": language, **known.state}
    reply = says(update, knows(state, age=known.age, set_up=bool(known.creating.providers)))
    check_snapshot(f"{language}/{name}", draw_reply(reply))


@LANGUAGES
def test_what_inline_mode_offers(language: str) -> None:
    """A card for each model that fits, as it will stand in the chat."""
    update = Update(1, inline_query=InlineQuery("i", User(5, language), "imagen ultra"))
    (call,) = says(update).calls
    lines = []
    for each in call.params["results"]:
        sent = each["input_message_content"]["message_text"]
        lines.append("\n".join([f"{each['title']} | {each['description']}", sent, *map(draw_row, rows_of(each))]))
    check_snapshot(f"{language}/inline", "\n\n".join(lines) + "\n")

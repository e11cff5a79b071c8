"""Inline mode: "@bot kling" in any chat."""

from __future__ import annotations

from typing import Any

from svc.bot.menu_bot import bot
from svc.bot.views.inline_cards import CACHED_FOR, PER_PAGE
from telegram_client.updates import InlineQuery, Update, User
from tests.bot.updates import ME, buttons, knows, says, shown, wrote


def asked(query: str, offset: str = "", language: str = "en", **known: Any) -> dict[str, Any]:
    """The answer to somebody who types the bot's name and `query`."""
    update = Update(1, inline_query=InlineQuery("i", User(5, language), query, offset))
    (call,) = says(update, knows(**known)).calls
    assert call.method == "answerInlineQuery"
    assert call.repeatable
    return dict(call.params)


def test_a_query_is_answered_with_cards() -> None:
    """For a short while, and for this person only, since the language is theirs."""
    answer = asked("клинг")
    assert {name: answer[name] for name in ("inline_query_id", "cache_time", "is_personal", "next_offset")} == {
        "inline_query_id": "i",
        "cache_time": CACHED_FOR,
        "is_personal": True,
        "next_offset": "",
    }
    assert all("Kling" in each["title"] for each in answer["results"])


def test_a_card_opens_its_model_in_the_bot() -> None:
    """The link under it is a /start that shows the same card."""
    card = asked("z-image")["results"][0]
    ((button,),) = card["reply_markup"]["inline_keyboard"]
    name, _, payload = button["url"].removeprefix("https://t.me/").partition("?start=")
    assert (card["type"], card["title"], name) == ("article", "Z-Image", ME.username)
    opened = shown(says(wrote(f"/start {payload}")))
    assert opened.params["text"] == card["input_message_content"]["message_text"]
    assert f"create:{payload}" in {each["callback_data"] for each in buttons(opened)}


def test_all_pages_together_are_the_whole_catalogue() -> None:
    """Each page names the next, until there is none; each model comes once."""
    seen, offset = list[str](), ""
    while True:
        answer = asked("", offset)
        assert 0 < len(answer["results"]) <= PER_PAGE
        seen += [each["id"] for each in answer["results"]]
        offset = answer["next_offset"]
        if not offset:
            break
    assert seen == [model.key for model in bot.catalog.models]


def test_what_is_not_found_offers_the_nearest() -> None:
    """An empty list would look broken."""
    assert asked("midjourney")["results"]
    assert asked("🦄")["results"]


def test_the_language_is_the_persons() -> None:
    """Of the app, or as they have chosen in their chat with the bot, whose memory is read here too."""
    russian = asked("kling", language="ru")["results"][0]["description"]
    assert russian == asked("kling", state={"language": "ru"})["results"][0]["description"]
    assert russian != asked("kling")["results"][0]["description"]


def test_without_a_name_the_cards_have_no_link() -> None:
    """Until Telegram has told who the bot is."""
    assert all("reply_markup" not in each for each in asked("kling", me=None)["results"])


def test_a_strange_offset_is_the_first_page() -> None:
    """Only the bot gives them, but anybody can send them."""
    assert asked("", "nonsense")["results"] == asked("")["results"] == asked("", "-1")["results"]

"""A crawler that presses every button which is reachable from /start, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import pytest

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN
from svc.bot.menu_bot import bot
from svc.bot.texts import ENGLISH, RUSSIAN, Texts
from svc.handler.reply import Call
from telegram_client.updates import CallbackQuery, Chat, Message, Update, User
from tests.bot.updates import PERSON, buttons, knows, says, shown, wrote

MOST_VIEWS = 5000

SAID = (
    "/start",
    "kling",
    "видео",
    "midjourney",
    "🦄",
    "/help",
    "/settings",
    "/search",
    "/history",
    "/strat",
    "/cancel",
)


@dataclass
class Crawler:
    """Presses each button once, with the memory that the way to it has left. `views` are what is shown, by what was
    said or pressed."""

    language: str
    views: dict[str, Call] = field(default_factory=dict)

    def crawl(self) -> None:
        """Begin with the answers to what is said."""
        todo: list[tuple[str, bool, Mapping[str, Any]]] = [(text, True, {}) for text in SAID]
        known = set(SAID)
        while todo:
            name, said, state = todo.pop()
            # A new id each time, as Telegram gives them: a draft is called by it.
            update = self._update(name, len(self.views) + 1, said=said)
            reply = says(update, knows(state))
            expected = ["sendMessage"] if said else ["editMessageText", "answerCallbackQuery"]
            assert [call.method for call in reply.calls] == expected, name
            self.views[name] = shown(reply)
            assert len(self.views) < MOST_VIEWS
            new = {each["callback_data"] for each in buttons(self.views[name])} - known
            known |= new
            # A change of the language is what the other crawl is for.
            kept = state if reply.state is None or name.startswith("lang:") else reply.state
            todo += [(data, False, kept) for data in sorted(new)]

    def _update(self, name: str, update_id: int, *, said: bool) -> Update:
        if said:
            return msgspec.structs.replace(wrote(name, language=self.language), update_id=update_id)
        query = CallbackQuery("q", User(PERSON, self.language), Message(9, Chat(PERSON), text="menu"), name)
        return Update(update_id, callback_query=query)


@cache
def crawled(language: str) -> Mapping[str, Call]:
    """Everything that can be reached."""
    crawler = Crawler(language)
    crawler.crawl()
    return crawler.views


LANGUAGES = pytest.mark.parametrize("texts", [ENGLISH, RUSSIAN], ids=["en", "ru"])


@LANGUAGES
def test_there_is_no_dead_end(texts: Texts) -> None:
    """From every view the menu is reached by pressing on."""
    views = crawled(texts.language)
    leads = {name: {each["callback_data"] for each in buttons(call)} for name, call in views.items()}
    home = {"menu"}
    while more := {name for name, to in leads.items() if name not in home and to & home}:
        home |= more
    assert set(views) - home == set()


@LANGUAGES
def test_what_the_bot_offers_it_knows(texts: Texts) -> None:
    """No button leads to what is gone or unknown."""
    gone = texts.gone.split("{")[0]
    for name, call in crawled(texts.language).items():
        assert not call.params["text"].startswith(gone), name


@LANGUAGES
def test_every_model_has_its_card_with_the_way_back(texts: Texts) -> None:
    """Back leads to the page that the card was opened from."""
    views = crawled(texts.language)
    cards = {name: call for name, call in views.items() if name.startswith("model:")}
    assert {name.split(":")[1] for name in cards} == {model.key for model in bot.catalog.models}
    for name, call in cards.items():
        _, key, *back = name.split(":", 2)
        offered = {each["callback_data"] for each in buttons(call)}
        assert {f"create:{key}", *back} <= offered
        assert all(name in {each["callback_data"] for each in buttons(views[page])} for page in back if page in views)


@LANGUAGES
def test_all_buttons_are_in_the_language(texts: Texts) -> None:
    """The way back is called the same everywhere."""
    other = RUSSIAN if texts is ENGLISH else ENGLISH
    words = {other.buttons.back, other.buttons.menu, other.creating.buttons.create, other.creating.buttons.cancel}
    for name, call in crawled(texts.language).items():
        if not name.startswith("lang:"):
            assert words.isdisjoint(each["text"] for each in buttons(call)), name


@LANGUAGES
async def test_telegram_accepts_every_view(texts: Texts) -> None:
    """All that is reachable, as edits of one message in the sandbox: none is refused."""
    telegram = Sandbox().telegram
    telegram.user_sends_text(PERSON, "/start", language_code=texts.language)
    views = crawled(texts.language)
    message_id = telegram.call(DEMO_TOKEN, "sendMessage", views["/start"].params).body["result"]["message_id"]
    for name, call in views.items():
        edit = {**call.params, "chat_id": PERSON, "message_id": message_id}
        answer = telegram.call(DEMO_TOKEN, "editMessageText", edit)
        assert answer.status == 200 or "not modified" in answer.body["description"], (name, answer.body)

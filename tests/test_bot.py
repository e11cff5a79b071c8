"""What the bot says: the catalog, the handlers, every page of the menu, in both languages, and through the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from string import Formatter
from typing import Any

import pytest

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN
from svc.bot.catalog import Catalog, CatalogError, Model, load_catalog, parse_catalog
from svc.bot.handlers import apology, make_decide
from svc.bot.menu import MAX_DATA, MAX_TEXT, main_menu, page
from svc.bot.texts import ENGLISH, RUSSIAN, Texts, texts_for
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import CallbackQuery, Chat, Message, Update, User

CATALOG = load_catalog()
decide = make_decide(CATALOG)
LANGUAGES = pytest.mark.parametrize("texts", [ENGLISH, RUSSIAN], ids=["en", "ru"])
HEADER = "model_id,title,vendor,category,task,inputs"


def wrote(text: str | None, *, language: str | None = "en", kind: str = "private", user: int | None = 5) -> Update:
    """An update in which a user wrote; `text` None is a photo or the like."""
    sender = None if user is None else User(user, language)
    return Update(1, message=Message(1, Chat(5 if kind == "private" else -7, kind), sender, text))


def pressed(data: str | None, *, language: str | None = "en", message: bool = True) -> Update:
    """An update in which a user pressed a button."""
    shown = Message(9, Chat(5), User(424242), "menu") if message else None
    return Update(1, callback_query=CallbackQuery("q", User(5, language), shown, data))


def buttons(keyboard: dict[str, Any]) -> list[dict[str, str]]:
    return [button for row in keyboard["inline_keyboard"] for button in row]


def reachable(texts: Texts, catalog: Catalog = CATALOG) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every page that pressing buttons leads to from the menu, by its name."""
    found: dict[str, tuple[str, dict[str, Any]]] = {"menu": main_menu(catalog, texts)}
    todo = ["menu"]
    while todo:
        for button in buttons(found[todo.pop()][1]):
            name = button["callback_data"]
            if name not in found:
                shown = page(name, catalog, texts)
                assert shown is not None, f"{button['text']} leads nowhere"
                found[name] = shown
                todo.append(name)
    return found


# The catalog


def test_the_catalog_has_fifty_models() -> None:
    """The number that the greeting names, each with an id of its own and no field empty."""
    assert len(CATALOG) == 50
    assert len({model.model_id for model in CATALOG.models}) == 50
    for model in CATALOG.models:
        assert all((model.model_id, model.title, model.vendor, model.category, model.task, model.inputs))


def test_every_model_is_in_one_category_and_with_one_vendor() -> None:
    """Both ways of looking lead to all of them."""
    by_category = [model for name in CATALOG.categories for model in CATALOG.in_category(name)]
    by_vendor = [model for name in CATALOG.vendors for model in CATALOG.by_vendor(name)]
    assert len(by_category) == len(by_vendor) == 50
    assert set(by_category) == set(by_vendor) == set(CATALOG.models)
    assert CATALOG.categories == ("image", "video", "audio", "music", "enhance", "avatar")
    assert list(CATALOG.vendors) == sorted(CATALOG.vendors, key=str.casefold)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no model"),
        (["a,A,V,image,t"], "line 2: its columns"),
        (["a,A,V,image,t,p,more"], "line 2: its columns"),
        (["a,A,V,image,t,p", ",B,V,image,t,p"], "line 3: an empty field"),
        (["a, ,V,image,t,p"], "line 2: an empty field"),
        (["a,A,,image,t,p"], "line 2: an empty field"),
        (["a,A,V,,t,p"], "line 2: an empty field"),
        (["a,A,V,image,t,p", "b,B,V,image,t,p", "a,C,V,image,t,p"], "line 4: a comes twice"),
    ],
)
def test_a_bad_row_is_named(rows: list[str], reason: str) -> None:
    """CatalogError says which line and why."""
    with pytest.raises(CatalogError, match=reason):
        parse_catalog("\n".join([HEADER, *rows]))


def test_another_header_is_refused() -> None:
    """A file of other columns is no catalog."""
    with pytest.raises(CatalogError, match="columns"):
        parse_catalog("id,name\na,b")


def test_a_good_row_is_trimmed() -> None:
    """Spaces around a field do not count."""
    (model,) = parse_catalog(f'{HEADER}\n a ,"A, B" , V ,image,t,p').models
    assert (model.model_id, model.title, model.vendor) == ("a", "A, B", "V")


# /start and other messages


@pytest.mark.parametrize(
    "text",
    [
        "/start",
        "/start ",
        "/start deep-link_payload",
        "/start@some_bot",
        "/start@some_bot payload",
        "/START",
        "/start\nx",
    ],
)
@pytest.mark.parametrize("kind", ["private", "group", "supergroup"])
def test_every_form_of_start_gets_the_menu(text: str, kind: str) -> None:
    """One message with the menu, into the chat that it came from, announced and confirmed in the log."""
    reply = decide(wrote(text, kind=kind))
    greeting, keyboard = main_menu(CATALOG, ENGLISH)
    chat_id = 5 if kind == "private" else -7
    assert reply.calls == (Call("sendMessage", {"chat_id": chat_id, "text": greeting, "reply_markup": keyboard}),)
    assert "50" in greeting
    assert (reply.before, reply.after) == ("START", "MAIN_MENU_SENT")
    assert reply.fields == {"user_id": 5, "models": 50}


def test_a_start_without_a_sender_gets_the_menu() -> None:
    """An anonymous admin writes as the group: its id stands for the user's."""
    reply = decide(wrote("/start", kind="group", user=None))
    assert len(reply.calls) == 1
    assert reply.fields["user_id"] == -7


@pytest.mark.parametrize("text", ["hello", "/help", "/startle", "/starts", "start", " /start", "", None])
def test_anything_else_in_private_is_pointed_to_start(text: str | None) -> None:
    """A text, an unknown command, a photo: one message that says what to do."""
    reply = decide(wrote(text))
    assert reply.calls == (Call("sendMessage", {"chat_id": 5, "text": ENGLISH.pointer}),)
    assert (reply.before, reply.after) == (None, None)


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
@pytest.mark.parametrize("text", ["hello", "see /start", "", None])
def test_chatter_of_a_group_is_left_alone(kind: str, text: str | None) -> None:
    """People talk to each other there: only a command is meant for a bot."""
    assert decide(wrote(text, kind=kind)) == NOTHING
    assert decide(wrote("/help", kind=kind)).calls[0].params == {"chat_id": -7, "text": ENGLISH.pointer}


def test_what_the_bot_does_not_read_gets_nothing() -> None:
    """An edited message, a reaction, a kind of tomorrow: no reply."""
    assert decide(Update(1)) == NOTHING
    assert NOTHING.calls == ()


# Languages


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("ru", RUSSIAN),
        ("uk", RUSSIAN),
        ("be", RUSSIAN),
        ("kk", RUSSIAN),
        ("ru-RU", RUSSIAN),
        ("RU", RUSSIAN),
        ("uk-UA", RUSSIAN),
        ("en", ENGLISH),
        ("en-US", ENGLISH),
        ("de", ENGLISH),
        ("run", ENGLISH),
        ("", ENGLISH),
        ("-", ENGLISH),
        (None, ENGLISH),
    ],
)
def test_the_language_is_the_users(code: str | None, texts: Texts) -> None:
    """Russian for those who are likely to read it, English for all others, in every kind of reply."""
    assert texts_for(code) is texts
    assert decide(wrote("/start", language=code)).calls[0].params["text"] == texts.greeting.format(count=50)
    assert decide(wrote("hi", language=code)).calls[0].params["text"] == texts.pointer
    assert decide(pressed("help", language=code)).calls[1].params["text"] == texts.help
    assert decide(pressed("gone", language=code)).calls[0].params["text"] == texts.unknown_press


def test_both_languages_say_everything() -> None:
    """Every field is filled in, different, and with the same things to fill in; every category has a name."""
    for each in fields(Texts):
        english, russian = getattr(ENGLISH, each.name), getattr(RUSSIAN, each.name)
        assert english
        assert russian
        if isinstance(english, str):
            assert set(_names(english)) == set(_names(russian))
            if each.name not in {"category", "vendor"}:
                assert english != russian
    assert set(ENGLISH.categories) == set(RUSSIAN.categories) >= set(CATALOG.categories)


def _names(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(text) if name)


@LANGUAGES
def test_a_category_without_a_translation_keeps_its_name(texts: Texts) -> None:
    """A category added to the file alone has a button all the same."""
    assert texts.category_title("three-d") == "Three-d"


# The menu


@LANGUAGES
def test_the_menu_has_a_button_for_every_category_search_and_help(texts: Texts) -> None:
    """One each, with the number of models, and nothing else."""
    _, keyboard = main_menu(CATALOG, texts)
    *categories, search, help_ = buttons(keyboard)
    assert [button["callback_data"] for button in categories] == [f"category:{name}" for name in CATALOG.categories]
    for name, button in zip(CATALOG.categories, categories, strict=True):
        assert button["text"] == f"{texts.categories[name]} ({len(CATALOG.in_category(name))})"
    assert search == {"text": texts.search_button, "callback_data": "search"}
    assert help_ == {"text": texts.help_button, "callback_data": "help"}


def test_the_menu_shows_only_categories_that_are_present() -> None:
    """A catalog of one category has one such button."""
    small = Catalog(CATALOG.in_category("music"))
    assert [button["callback_data"] for button in buttons(main_menu(small, ENGLISH)[1])] == [
        "category:music",
        "search",
        "help",
    ]
    assert page("category:video", small, ENGLISH) is None


@LANGUAGES
def test_every_page_is_reached_by_its_button_and_leads_back(texts: Texts) -> None:
    """From the menu every category, vendor and the help are reached; Back on each returns to the menu."""
    pages = reachable(texts)
    assert len(pages) == 1 + len(CATALOG.categories) + 1 + len(CATALOG.vendors) + 1
    for name, (_, keyboard) in pages.items():
        if name != "menu":
            assert {"text": texts.back_button, "callback_data": "menu"} in buttons(keyboard)
    assert page("menu", CATALOG, texts) == main_menu(CATALOG, texts)


@LANGUAGES
def test_every_model_is_shown(texts: Texts) -> None:
    """On its category's page and on its vendor's, by title."""
    pages = reachable(texts)
    text_of_vendors = [text for name, (text, _) in pages.items() if name.startswith("vendor:")]
    for model in CATALOG.models:
        assert model.title in pages[f"category:{model.category}"][0]
        assert any(f"• {model.title} — {model.vendor}" in text for text in text_of_vendors)


@LANGUAGES
def test_every_page_is_within_telegrams_limits(texts: Texts) -> None:
    """Callback data 64 bytes, text 4096 characters and not empty, button texts not empty, at most 100 buttons."""
    for text, keyboard in reachable(texts).values():
        assert 0 < len(text) <= MAX_TEXT == 4096
        assert len(buttons(keyboard)) <= 100
        for button in buttons(keyboard):
            assert button["text"].strip()
            assert 1 <= len(button["callback_data"].encode()) <= MAX_DATA == 64


def test_a_catalog_of_any_size_stays_within_the_limits() -> None:
    """A list too long is cut, a vendor's name too long still has its page."""
    vendor = "Общество с очень длинным названием и ещё одним словом"
    large = Catalog(tuple(Model(f"m{n}", f"Model {n} " * 5, vendor, "image", "t", "p") for n in range(200)))
    pages = reachable(RUSSIAN, large)
    assert len(pages) == 5
    for text, keyboard in pages.values():
        assert len(text) <= 4096
        assert all(len(button["callback_data"].encode()) <= 64 for button in buttons(keyboard))
    assert pages["category:image"][0].endswith("…")


# Presses


@pytest.mark.parametrize("name", reachable(ENGLISH))
def test_a_press_is_answered_and_shows_its_page(name: str) -> None:
    """The spinner ends, and the message that was pressed becomes the page; both may be repeated without harm."""
    shown = page(name, CATALOG, ENGLISH)
    assert shown is not None
    answer, edit = decide(pressed(name)).calls
    assert answer == Call("answerCallbackQuery", {"callback_query_id": "q"})
    assert edit.method == "editMessageText"
    assert edit.params == {"chat_id": 5, "message_id": 9, "text": shown[0], "reply_markup": shown[1]}
    assert answer.repeatable
    assert edit.repeatable


@pytest.mark.parametrize(
    "data",
    [None, "", "nonsense", "category:", "category:gone", "vendor:", "vendor:Nobody", "menus", ":", "category", "😀"],
)
def test_an_unknown_press_is_answered_with_an_alert(data: str | None) -> None:
    """A button of an older menu, or a modified app: an answer that says so, and no other call."""
    (answer,) = decide(pressed(data)).calls
    assert answer.method == "answerCallbackQuery"
    assert answer.params == {"callback_query_id": "q", "text": ENGLISH.unknown_press, "show_alert": True}


def test_a_press_whose_message_is_gone_is_answered_with_an_alert() -> None:
    """Too old for Telegram to say which message it was on."""
    (answer,) = decide(pressed("menu", message=False)).calls
    assert answer.params == {"callback_query_id": "q", "text": ENGLISH.too_old, "show_alert": True}


@LANGUAGES
def test_alerts_are_short_enough(texts: Texts) -> None:
    """Telegram takes 200 characters in the answer to a press."""
    assert len(texts.too_old) <= 200
    assert len(texts.unknown_press) <= 200


# Replies


def test_only_a_replys_last_call_may_be_a_send() -> None:
    """What cannot be repeated comes last: a failure after it would send it again."""
    send, edit = Call("sendMessage", {}), Call("editMessageText", {})
    for calls in ((send, Call("sendPhoto", {})), (send, edit)):
        with pytest.raises(ValueError, match="only the last call"):
            Reply(calls)
    assert len(Reply((edit, Call("answerCallbackQuery", {}), send)).calls) == 3


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        ("answerCallbackQuery", True),
        ("editMessageText", True),
        ("editMessageReplyMarkup", True),
        ("deleteMessage", True),
        ("setMyCommands", True),
        ("sendChatAction", True),
        ("getMe", True),
        ("sendMessage", False),
        ("sendPhoto", False),
        ("copyMessage", False),
        ("forwardMessage", False),
        ("answerWebAppQuery", False),
        ("answerInlineQueryX", False),
    ],
)
def test_a_call_knows_whether_it_may_be_repeated(method: str, repeatable: bool) -> None:
    """Only what changes nothing the second time; anything not known to be harmless is not."""
    assert Call(method, {}).repeatable is repeatable


@pytest.mark.parametrize(
    ("update", "chat_id", "texts"),
    [
        (wrote("/start", language="ru"), 5, RUSSIAN),
        (wrote("/start", kind="group", user=None), -7, ENGLISH),
        (pressed("menu", language="uk"), 5, RUSSIAN),
    ],
)
def test_an_apology_goes_where_the_update_came_from(update: Update, chat_id: int, texts: Texts) -> None:
    """One message, in the user's language."""
    assert apology(update) == Call("sendMessage", {"chat_id": chat_id, "text": texts.apology})


def test_where_there_is_nobody_there_is_no_apology() -> None:
    """A press without its message, or an update of another kind."""
    assert apology(pressed("menu", message=False)) is None
    assert apology(Update(1)) is None


# As Telegram sees it


@LANGUAGES
async def test_telegram_accepts_every_page(texts: Texts) -> None:
    """Start, then every button of every page, as calls to the sandbox: none is refused, the message is the page."""
    telegram = Sandbox().telegram
    language = "ru" if texts is RUSSIAN else "en"
    telegram.user_sends_text(5, "/start", language_code=language)
    (start,) = decide(wrote("/start", language=language)).calls
    menu_id = telegram.call(DEMO_TOKEN, start.method, start.params).body["result"]["message_id"]
    pages = reachable(texts)
    others = [(name, shown) for name, shown in pages.items() if name != "menu"]
    for name, (text, keyboard) in [*others, ("menu", pages["menu"])]:
        update = telegram.user_presses(5, 5, menu_id, name)
        assert update is not None
        press = CallbackQuery(update.body["id"], User(5, language), Message(menu_id, Chat(5)), name)
        statuses = [
            telegram.call(DEMO_TOKEN, call.method, call.params).status
            for call in decide(Update(1, callback_query=press)).calls
        ]
        assert statuses == [200, 200]
        assert telegram.messages(5)[-1]["text"] == text
        assert telegram.messages(5)[-1]["reply_markup"] == keyboard
    assert all(press.answered for press in telegram.presses(5))


@LANGUAGES
async def test_telegram_accepts_every_other_reply(texts: Texts) -> None:
    """The pointer, the apology and both alerts."""
    telegram = Sandbox().telegram
    language = "ru" if texts is RUSSIAN else "en"
    telegram.user_sends_text(5, "hi", language_code=language)
    sorry = apology(wrote("hi", language=language))
    assert sorry is not None
    for call in (*decide(wrote("hi", language=language)).calls, sorry):
        assert telegram.call(DEMO_TOKEN, call.method, call.params).status == 200
    message_id = telegram.messages(5)[-1]["message_id"]
    for message in (None, Message(message_id, Chat(5))):
        update = telegram.user_presses(5, 5, message_id, "gone")
        assert update is not None
        press = CallbackQuery(update.body["id"], User(5, language), message, "gone")
        (call,) = decide(Update(1, callback_query=press)).calls
        assert telegram.call(DEMO_TOKEN, call.method, call.params).status == 200
    assert [press.text for press in telegram.presses(5)] == [texts.too_old, texts.unknown_press]

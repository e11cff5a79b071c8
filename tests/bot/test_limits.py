"""Telegram's limits hold by construction, whatever the catalogue holds and whatever is typed."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from svc.bot.catalog import Catalog, Field, Model
from svc.bot.menu_bot import MenuBot
from svc.bot.view import (
    MAX_BUTTON,
    MAX_DATA,
    MAX_ROWS,
    MAX_TEXT,
    View,
    button,
    callback_data,
    cut,
    escape,
    fit,
    in_rows,
    keyboard,
    token,
    units,
)
from svc.handler.reply import Call
from telegram_client.updates import InlineQuery, Update, User
from tests.bot.updates import buttons, knows, pressed, says, shown, wrote

SHORT = st.text(min_size=1, max_size=20).filter(str.strip)
WORDS = st.one_of(SHORT, SHORT.map(lambda text: text * 10))
FIELDS = st.builds(
    lambda name, choices: Field(name, "choice", "string", choices=tuple(choices) * 10),
    WORDS,
    st.lists(SHORT, min_size=1, max_size=3),
)
MODELS = st.builds(Model, WORDS, WORDS, WORDS, WORDS, WORDS, st.just("prompt"), st.lists(FIELDS, max_size=3).map(tuple))


def several(model: Model, count: int) -> Catalog:
    """A catalogue of `count` models that differ by their ids only."""
    return Catalog(tuple(replace(model, model_id=f"{number} {model.model_id}") for number in range(count)))


COUNTS = st.integers(1, 20)


class Shown(HTMLParser):
    """What Telegram shows of a text, and whether its tags are in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text, self.open = "", list[str]()
        self.feed(markup)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in {"b", "i", "code", "a"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check(call: Call) -> None:
    """The text and the buttons of a message are such as Telegram takes."""
    text, rows = call.params["text"], call.params["reply_markup"]["inline_keyboard"]
    assert 0 < units(Shown(text).text.strip()) <= MAX_TEXT == 4096
    assert 0 < len(rows) <= MAX_ROWS
    for row in rows:
        assert 0 < len(row) <= 8
        for each in row:
            assert 0 < units(each["text"].strip()) <= MAX_BUTTON
            assert "url" in each or 0 < len(each["callback_data"].encode()) <= MAX_DATA == 64


@given(MODELS, COUNTS, st.sampled_from(["en", "ru"]), st.text(max_size=200))
def test_every_view_of_any_catalogue_is_within_the_limits(model: Model, count: int, language: str, typed: str) -> None:
    """Menu, categories, makers, cards, search: with names of any length, in any letters, with any tags in them."""
    catalog = several(model, count)
    bot, model = MenuBot(catalog), catalog.models[0]
    presses = [
        "menu",
        callback_data("category", token(model.category)),
        callback_data("vendor", token(model.vendor)),
        callback_data("model", model.key, "category", token(model.category), 9999),
        callback_data("found", 1, typed),
        "search",
        "model:gone",
    ]
    updates = [pressed(data, language=language) for data in presses]
    for update in (*updates, wrote(typed, language=language), wrote("/start", language=language)):
        check(shown(bot.decide(update, knows())))


@given(MODELS, COUNTS, st.text(max_size=200))
def test_inline_cards_of_any_catalogue_are_within_the_limits(model: Model, count: int, typed: str) -> None:
    """Ids 64 bytes and each once, 50 results at most, texts as everywhere."""
    update = Update(1, inline_query=InlineQuery("i", User(5), typed))
    (call,) = MenuBot(several(model, count)).decide(update, knows()).calls
    results = call.params["results"]
    assert 0 < len(results) <= 50
    assert len({each["id"] for each in results}) == len(results)
    for each in results:
        assert 0 < len(each["id"].encode()) <= 64
        assert each["title"].strip()
        assert 0 < units(Shown(each["input_message_content"]["message_text"]).text) <= MAX_TEXT


@given(MODELS, COUNTS)
def test_every_model_is_reached_from_its_category_and_its_maker(model: Model, count: int) -> None:
    """By the buttons of their pages, whatever the names are."""
    catalog = several(model, count)
    bot, model = MenuBot(catalog), catalog.models[-1]
    for data in (callback_data("category", token(model.category)), callback_data("vendor", token(model.vendor))):
        keys = set()
        for number in range(1, 4):
            call = shown(bot.decide(pressed(f"{data}:{number}"), knows()))
            keys |= {each["callback_data"].split(":")[1] for each in buttons(call) if "model:" in each["callback_data"]}
        assert model.key in keys


@given(st.lists(st.text()))
def test_callback_data_takes_anything(parts: list[str]) -> None:
    """64 bytes at most, whatever the id."""
    assert len(callback_data("model", *parts).encode()) <= 64


@given(st.text(), st.integers(1, 50))
def test_what_is_cut_fits_and_is_the_beginning(text: str, most: int) -> None:
    """In UTF-16 units, as Telegram counts, with an ellipsis for what is left out, and no half emoji."""
    short = cut(text, most)
    assert units(short) <= most
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert escape(text, most) == html.escape(short, quote=False)


@given(st.text(max_size=200), st.integers(1, 100))
def test_markup_that_is_too_long_loses_its_tags_and_not_its_sense(text: str, most: int) -> None:
    """No tag is cut in two."""
    markup = f"<b>{escape(text)}</b> &amp; more"
    fitting = fit(markup, most)
    assert units(html.unescape(re.sub(r"<[^<>]*>", "", fitting))) <= most
    Shown(fitting)


@given(WORDS, WORDS)
def test_tokens_are_short_and_tell_names_apart(one: str, other: str) -> None:
    """Plain and short names stand for themselves, so that old buttons keep working."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,24}", token(one))
    assert one == other or token(one) != token(other)
    assert token("image") == "image"


def test_a_keyboard_has_no_empty_rows_and_is_not_too_long() -> None:
    """Telegram takes 100 buttons."""
    rows = keyboard([(), *in_rows([button("x", "menu")] * 200, 2)])["inline_keyboard"]
    assert len(rows) == MAX_ROWS
    assert sum(map(len, rows)) <= 100
    assert all(rows)


def test_a_button_always_has_a_text() -> None:
    """Of one line."""
    assert button(" \n ", "menu")["text"] == "…"
    assert button("a\n b", "menu")["text"] == "a b"


def test_what_people_type_is_shown_as_they_typed_it() -> None:
    """Their tags are not ours."""
    text = shown(says(wrote("<b>midjourney</b> <a&href='x'>"))).params["text"]
    assert "“<b>midjourney</b> <a&href='x'>”" in Shown(text).text


def test_a_view_shows_no_previews() -> None:
    """And says that it is HTML, since it always is."""
    params = View("x").params()
    assert params["parse_mode"] == "HTML"
    assert params["link_preview_options"] == {"is_disabled": True}

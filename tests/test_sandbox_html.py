"""Texts with tags and entities, read as Telegram reads them; its refusals are those of TDLib's parse_html."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.answers import ApiAnswer
from sandbox.html_text import HtmlRefused, parse_html, utf16_length
from sandbox.telegram import DEMO_TOKEN, Telegram
from sandbox.texts import written
from tests.manual_clock import ManualClock

USER = 7
PARSED: list[tuple[str, str, list[tuple[Any, ...]]]] = [
    ("plain", "plain", []),
    ("<b>bold</b>", "bold", [("bold", 0, 4)]),
    ("<STRONG>bold</strong>", "bold", [("bold", 0, 4)]),
    ("<i>a</i><em>b</em>", "ab", [("italic", 0, 1), ("italic", 1, 1)]),
    ("<u>a</u><ins>b</ins>", "ab", [("underline", 0, 1), ("underline", 1, 1)]),
    ("<s>a</s><del>b</del><strike>c</strike>", "abc", [("strikethrough", n, 1) for n in range(3)]),
    ('<span class="tg-spoiler">a</span><tg-spoiler>b</tg-spoiler>', "ab", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
    ("<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
    ("😀<b>x</b>", "😀x", [("bold", 2, 1)]),
    ("<b></b>x", "x", []),
    ("<b>x</>", "x", [("bold", 0, 1)]),
    ('<a href="https://example.com/?a=1&amp;b=2">x</a>', "x", [("text_link", 0, 1, "https://example.com/?a=1&b=2")]),
    ("<a href='no link'>x</a>", "x", []),
    ("<a>https://example.com</a>", "https://example.com", [("text_link", 0, 19, "https://example.com")]),
    ("<code>a</code>", "a", [("code", 0, 1)]),
    ("<pre>a</pre>", "a", [("pre", 0, 1)]),
    ('<pre><code class="language-python">a</code></pre>', "a", [("pre", 0, 1, "python")]),
    ('<code class="language-python">a</code>', "a", [("code", 0, 1)]),
    ("<blockquote>a</blockquote>", "a", [("blockquote", 0, 1)]),
    ("<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", 0, 1)]),
    ('<tg-emoji emoji-id="5">👍</tg-emoji>', "👍", [("custom_emoji", 0, 2, "5")]),
    ("&lt;b&gt; &amp;amp; &quot;", '<b> &amp; "', []),
    ("&#65;&#x42;&nbsp;&unknown;", "AB&nbsp;&unknown;", []),
    ("a > b & c", "a > b & c", []),
]
REFUSED = [
    ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
    ("<b><i>x</i>", 'Can\'t find end tag corresponding to start tag "b"'),
    ("x</b>", "Unexpected end tag at byte offset 1"),
    ("я</b>", "Unexpected end tag at byte offset 2"),
    ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
    ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
    ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
    ("a < b > c", 'Unsupported start tag "" at byte offset 2'),
    ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
    ("<!-- x -->", 'Unsupported start tag "!--" at byte offset 0'),
    ("1 <", "Unclosed start tag at byte offset 2"),
    ("<b", "Unclosed start tag at byte offset 0"),
    ('<a href="x', "Unclosed start tag at byte offset 0"),
    ("<a href=>x</a>", None),
    ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
    ('<a ="x">x</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
    ("<a href=x_y>x</a>", "Unexpected end of name token at byte offset 8"),
    ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
    ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ("<b>x</b x>", "Unclosed end tag at byte offset 4"),
    ('<tg-emoji emoji-id="x">👍</tg-emoji>', "Invalid custom emoji identifier specified"),
]


@pytest.fixture
def telegram() -> Telegram:
    telegram = Telegram(now=ManualClock())
    telegram.user_sends_text(USER, "/start")
    return telegram


def send(telegram: Telegram, text: str, **params: Any) -> ApiAnswer:
    return telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": USER, "text": text, **params})


def shape(entity: dict[str, Any]) -> tuple[Any, ...]:
    """The entity without the names of its fields."""
    more = [entity[name] for name in ("url", "language", "custom_emoji_id") if name in entity]
    return (entity["type"], entity["offset"], entity["length"], *more)


@pytest.mark.parametrize(("source", "text", "entities"), PARSED)
def test_tags_become_entities(source: str, text: str, entities: list[tuple[Any, ...]]) -> None:
    """Offsets and lengths are counted in UTF-16 units of the text without tags."""
    found, shapes = parse_html(source)
    assert (found, [shape(entity) for entity in shapes]) == (text, entities)


@pytest.mark.parametrize(("source", "why"), REFUSED)
def test_what_is_no_html_of_telegrams_is_refused_in_its_words(telegram: Telegram, source: str, why: str | None) -> None:
    """The words come behind "can't parse entities", and nothing is sent."""
    answer = send(telegram, source, parse_mode="HTML")
    if why is None:
        assert answer.status == 200
    else:
        assert answer.body["description"] == f"Bad Request: can't parse entities: {why}"
        assert len(telegram.messages(USER)) == 1


@given(st.text())
def test_an_escaped_text_is_the_text_itself(text: str) -> None:
    """What a bot has escaped comes out as it was, whatever it holds."""
    escaped = html.escape(text, quote=False)
    assert parse_html(escaped) == (text, [])
    assert parse_html(f"<b>{escaped}</b>")[0] == text


@given(st.text(alphabet="<>/&;=\"' abpi#x5") | st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Entities lie within the text."""
    try:
        parsed, entities = parse_html(text)
    except HtmlRefused:
        return
    assert all(entity["offset"] >= 0 for entity in entities)
    assert all(entity["offset"] + entity["length"] <= utf16_length(parsed) for entity in entities)


def test_a_message_has_the_text_without_tags_and_its_entities(telegram: Telegram) -> None:
    """In the answer, in the chat, and trimmed: entities move along."""
    message = send(telegram, "  <b>A &amp; B</b>  ", parse_mode="HTML").body["result"]
    assert (message["text"], message["entities"]) == ("A & B", [{"type": "bold", "offset": 0, "length": 5}])
    assert telegram.messages(USER)[-1] == message


def test_4096_characters_are_counted_without_tags(telegram: Telegram) -> None:
    assert send(telegram, f"<b>{'&amp;' * 4096}</b>", parse_mode="HTML").status == 200
    assert send(telegram, f"<b>{'x' * 4097}</b>", parse_mode="HTML").status == 400


def test_a_text_of_tags_only_is_empty(telegram: Telegram) -> None:
    answer = send(telegram, "<b> </b>", parse_mode="HTML")
    assert answer.body["description"] == "Bad Request: message text is empty"


def test_an_unknown_parse_mode_is_refused(telegram: Telegram) -> None:
    assert send(telegram, "x", parse_mode="BBCode").body["description"] == "Bad Request: unsupported parse_mode"


def test_entities_may_be_given_instead_of_tags(telegram: Telegram) -> None:
    """Cut where the text ends, as JSON or natively."""
    given = [{"type": "bold", "offset": 2, "length": 9}]
    for entities in (given, json.dumps(given)):
        message = send(telegram, "  ab", entities=entities).body["result"]
        assert message["entities"] == [{"type": "bold", "offset": 0, "length": 2}]


def test_an_edit_to_other_tags_changes_the_message(telegram: Telegram) -> None:
    """The same text with other entities is another content; with the same ones it is not modified."""
    target = {"chat_id": USER, "message_id": send(telegram, "x").body["result"]["message_id"], "parse_mode": "HTML"}
    edit = {**target, "text": "<b>x</b>"}
    assert telegram.call(DEMO_TOKEN, "editMessageText", edit).status == 200
    assert telegram.messages(USER)[-1]["entities"] == [{"type": "bold", "offset": 0, "length": 1}]
    answer = telegram.call(DEMO_TOKEN, "editMessageText", edit)
    assert "message is not modified" in answer.body["description"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start", [("bot_command", 0, 6)]),
        ("/start@sandbox_bot now", [("bot_command", 0, 18)]),
        ("hi /help", [("bot_command", 3, 5)]),
        ("a/b", []),
        ("@sandbox_bot kling", [("mention", 0, 12)]),
        ("me@example.com", []),
        ("see https://example.com/x #tag", [("url", 4, 21), ("hashtag", 26, 4)]),
        ("😀 /start", [("bot_command", 3, 6)]),
        ("#1", []),
    ],
)
def test_what_a_person_types_has_the_entities_that_are_found_in_it(
    text: str, found: list[tuple[str, int, int]]
) -> None:
    assert [shape(entity) for entity in written(text).entities] == found

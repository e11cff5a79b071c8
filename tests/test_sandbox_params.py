"""Whatever a client sends, the sandbox answers it: parameters of any shape, in any encoding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.answers import MethodFailed
from sandbox.methods import METHODS as BOT_METHODS
from sandbox.params import MAX_DEPTH, Params, Upload, read_params
from sandbox.telegram import DEMO_TOKEN, Telegram

USER = 7
METHODS = sorted({*BOT_METHODS, "getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo"})
NAMES = [
    "chat_id",
    "from_chat_id",
    "text",
    "caption",
    "entities",
    "parse_mode",
    "message_id",
    "message_thread_id",
    "reply_parameters",
    "reply_markup",
    "inline_query_id",
    "results",
    "button",
    "media",
    "photo",
    "video",
    "file_id",
    "url",
    "commands",
    "scope",
    "menu_button",
    "allowed_updates",
    "offset",
    "limit",
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([USER, str(USER), 1, "1", "photo", "article", "html", "http://127.0.0.1/x"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("inline_keyboard", "keyboard", "force_reply", "text", "callback_data", "command", "type", "id"),
                    *("media", "offset", "length", "message_id", "title", "input_message_content", "message_text"),
                )
            )
            | st.text(),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    content_type=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126)).map(lambda text: f"multipart/form-data;{text}"),
    body=st.binary() | st.text().map(lambda text: f"--b\r\nContent-Disposition: {text}\r\n\r\nx\r\n--b--".encode()),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126)),
)
def test_any_bytes_are_parameters_or_a_bad_request(content_type: str, body: bytes, query: str) -> None:
    try:
        params = read_params(query, content_type, body)
    except MethodFailed:
        return
    assert isinstance(params, dict)


@given(method=st.sampled_from(METHODS), params=st.dictionaries(st.sampled_from(NAMES), anything))
def test_any_method_answers_any_parameters(method: str, params: dict[str, Any]) -> None:
    telegram = Telegram(now=lambda: 1_700_000_000.0)
    telegram.user_sends_text(USER, "/start")
    telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": USER, "text": "hi"})
    answer = telegram.call(DEMO_TOKEN, method, params)
    assert answer.body["ok"] is (answer.status == 200)
    assert json.dumps(answer.body)


def test_too_many_levels_are_refused_however_they_come() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    for text in (f'{{"x":{deep}}}', f'{{"x":{"[" * 100_000}'):
        with pytest.raises(MethodFailed):
            read_params("", "application/json", text.encode())
    with pytest.raises(ValueError, match="levels"):
        Params({"x": f"[{deep}]"}).json("x")


def test_the_bodys_parameters_win_over_the_querys() -> None:
    assert read_params("a=1&b=2", "application/json", b'{"b": 3}') == {"a": "1", "b": 3}


def test_a_form_has_texts_and_files() -> None:
    """A file comes as it is: bytes that look like line ends or boundaries belong to it."""
    content = b"\r\n--x\r\n\0\xff--bound\r\n"
    body = (
        b'preamble\r\n--bound\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n7\r\n'
        b'--bound\r\ncontent-disposition: form-data; name="photo"; filename="a \xd1\x8f.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--bound--\r\n"
    )
    params = read_params("", 'multipart/form-data; boundary="bound"', body)
    assert params == {"chat_id": "7", "photo": Upload("a \u044f.png", content, "image/png")}


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MethodFailed):
        read_params("", content_type, b"x")

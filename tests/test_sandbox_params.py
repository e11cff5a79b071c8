"""Whatever a client sends, the sandbox answers it: parameters of any shape, in any encoding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.answers import MethodFailed
from sandbox.params import MAX_DEPTH, Params, read_params
from sandbox.telegram import DEMO_TOKEN, Telegram

USER = 7
METHODS = [
    "getMe",
    "sendMessage",
    "forwardMessage",
    "pinChatMessage",
    "editMessageText",
    "editMessageReplyMarkup",
    "deleteMessage",
    "answerCallbackQuery",
    "sendChatAction",
    "setMyCommands",
    "getUpdates",
    "setWebhook",
    "deleteWebhook",
    "getWebhookInfo",
]
NAMES = [
    "chat_id",
    "from_chat_id",
    "text",
    "message_id",
    "reply_markup",
    "url",
    "commands",
    "allowed_updates",
    "offset",
    "limit",
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([USER, str(USER), 1, "1"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["inline_keyboard", "keyboard", "force_reply", "text", "callback_data", "command"])
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

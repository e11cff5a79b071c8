"""Inline keyboards: read from a request, checked as Telegram checks them."""

from __future__ import annotations

from typing import Any

from sandbox.answers import (
    BUTTON_DATA_INVALID,
    BUTTON_TEXT_EMPTY,
    BUTTON_WITHOUT_ACTION,
    KEYBOARD_NOT_ROWS,
    MARKUP_NOT_JSON,
    MARKUP_NOT_OBJECT,
    MethodFailed,
)
from sandbox.params import Params

MAX_CALLBACK_DATA = 64
"""Bytes of UTF-8 (Bot API documentation, InlineKeyboardButton)."""

Markup = dict[str, Any]

# A button must do something; these are the ways that the documentation lists.
_ACTIONS = (
    "callback_data",
    "url",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)


def read_markup(params: Params) -> Markup | None:
    """The `reply_markup` that the message will show: an inline keyboard, or None.

    Keyboards of other kinds (reply keyboards, force_reply) are accepted and not shown.
    Raises Refused for what Telegram would not take.
    """
    try:
        markup = params.json("reply_markup")
    except ValueError:
        raise MethodFailed(MARKUP_NOT_JSON) from None
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise MethodFailed(MARKUP_NOT_OBJECT)
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise MethodFailed(KEYBOARD_NOT_ROWS)
    checked = [[_check_button(button) for button in row] for row in rows if row]
    return {"inline_keyboard": checked} if checked else None


def _check_button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise MethodFailed(KEYBOARD_NOT_ROWS)
    if not isinstance(button.get("text"), str) or not button["text"].strip():
        raise MethodFailed(BUTTON_TEXT_EMPTY)
    if not any(action in button for action in _ACTIONS):
        raise MethodFailed(BUTTON_WITHOUT_ACTION)
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode(errors="surrogatepass")) <= MAX_CALLBACK_DATA:
            raise MethodFailed(BUTTON_DATA_INVALID)
    return button

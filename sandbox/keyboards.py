"""Keyboards: read from a request, checked as Telegram checks them."""

from __future__ import annotations

from typing import Any

from sandbox.answers import (
    BUTTON_DATA_INVALID,
    BUTTON_TEXT_EMPTY,
    BUTTON_WITHOUT_ACTION,
    KEYBOARD_NOT_ROWS,
    MARKUP_NOT_JSON,
    MARKUP_NOT_OBJECT,
    REPLY_KEYBOARD_NOT_ROWS,
    MethodFailed,
    Refusal,
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
    """The `reply_markup` of a request, of one kind: a dictionary with one key; or None.

    The kind is the first that is there of: a reply keyboard, an inline keyboard, remove_keyboard, force_reply. An empty
    object and a keyboard without buttons are none (get_reply_markup in Client.cpp, read in 2026-11).
    Raises MethodFailed for what Telegram would not take.
    """
    try:
        markup = params.json("reply_markup")
    except ValueError:
        raise MethodFailed(MARKUP_NOT_JSON) from None
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise MethodFailed(MARKUP_NOT_OBJECT)
    keyboard = [row for row in _rows(markup, "keyboard", REPLY_KEYBOARD_NOT_ROWS) if row]
    inline = _rows(markup, "inline_keyboard", KEYBOARD_NOT_ROWS)
    inline = [[_check_button(button) for button in row] for row in inline if row]
    kinds = {
        "keyboard": keyboard,
        "inline_keyboard": inline,
        "remove_keyboard": markup.get("remove_keyboard") is True,
        "force_reply": markup.get("force_reply") is True,
    }
    return next(({kind: value} for kind, value in kinds.items() if value), None)


def is_inline(markup: Markup | None) -> bool:
    """Whether a message may show this and be edited later: an inline keyboard, or nothing at all."""
    return markup is None or "inline_keyboard" in markup


def _rows(markup: Markup, kind: str, refusal: Refusal) -> list[list[Any]]:
    rows = markup.get(kind, [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise MethodFailed(refusal)
    return rows


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

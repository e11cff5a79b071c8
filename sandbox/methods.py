"""The Bot API methods by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sandbox import bot_settings
from sandbox.answers import WRONG_ACTION, ApiAnswer, MethodFailed, ok
from sandbox.chats import chat_of
from sandbox.edits import edit_message_caption, edit_message_media, edit_message_reply_markup, edit_message_text
from sandbox.media import SEND_METHODS
from sandbox.media_methods import get_file, send_file, send_media_group
from sandbox.messages import (
    copy_message,
    delete_message,
    forward_message,
    pin_chat_message,
    send_message,
    send_message_draft,
)
from sandbox.params import Params
from sandbox.queries import answer_callback_query, answer_inline_query, answer_question
from sandbox.state import BotState

Method = Callable[[BotState, Params, float], ApiAnswer]
"""`(bot, parameters, Unix time) -> answer`; raises MethodFailed."""

ACTION_SHOWN = 5.0
"""Seconds at most that apps show it (Bot API documentation, sendChatAction)."""

_CHAT_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_chat_action(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Show "typing..." or the like until the next message, for a few seconds at most."""
    chat = chat_of(bot, params)
    action = params.text("action")
    if action not in _CHAT_ACTIONS:
        raise MethodFailed(WRONG_ACTION)
    chat.action = action
    chat.action_until = now + ACTION_SHOWN
    return ok(True)


METHODS: dict[str, Method] = {
    "getMe": bot_settings.get_me,
    "sendMessage": send_message,
    **{name: partial(send_file, kind, name) for name, kind in SEND_METHODS.items()},
    "sendMediaGroup": send_media_group,
    "sendMessageDraft": send_message_draft,
    "sendChatAction": send_chat_action,
    "forwardMessage": forward_message,
    "copyMessage": copy_message,
    "pinChatMessage": pin_chat_message,
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageMedia": edit_message_media,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "getFile": get_file,
    "answerCallbackQuery": answer_callback_query,
    "answerInlineQuery": answer_inline_query,
    "answerPreCheckoutQuery": partial(answer_question, name="pre_checkout_query_id"),
    "answerShippingQuery": partial(answer_question, name="shipping_query_id"),
    "setMyCommands": bot_settings.set_my_commands,
    "getMyCommands": bot_settings.get_my_commands,
    "deleteMyCommands": bot_settings.delete_my_commands,
    "setChatMenuButton": bot_settings.set_chat_menu_button,
    "getChatMenuButton": bot_settings.get_chat_menu_button,
    **{f"setMy{what}": partial(bot_settings.set_my_text, what) for what in bot_settings.TEXTS},
    **{f"getMy{what}": partial(bot_settings.get_my_text, what) for what in bot_settings.TEXTS},
}
"""All but those by which a bot gets its updates (updates.py)."""

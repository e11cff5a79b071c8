"""Where a call acts: the chat, the message and the place in a chat that its parameters name.

Order and words of the refusals are those of Client.cpp of tdlib/telegram-bot-api and of MessageTopic.cpp of TDLib (read
in 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.answers import (
    CHAT_ID_EMPTY,
    CHAT_NOT_FOUND,
    NEVER_STARTED,
    NO_MESSAGE_ID,
    REPLY_NOT_FOUND,
    REPLY_NOT_JSON,
    THREAD_NOT_FOUND,
    TOPIC_REQUIRED,
    MethodFailed,
    Refusal,
)
from sandbox.params import Params
from sandbox.state import BotState, ChatState, StoredMessage


def chat_of(bot: BotState, params: Params, name: str = "chat_id") -> ChatState:
    """The chat that a call names. Raises MethodFailed where the bot may not act."""
    if not params.text(name):
        raise MethodFailed(CHAT_ID_EMPTY)
    chat_id = params.integer(name)
    chat = bot.chats.get(chat_id)
    if chat is None:
        # Ids of users are positive: any of them may be a user who has not pressed "Start" yet.
        raise MethodFailed(NEVER_STARTED if chat_id > 0 else CHAT_NOT_FOUND)
    if chat.refusal is not None:
        raise MethodFailed(chat.refusal)
    return chat


def message_of(chat: ChatState, params: Params, not_found: Refusal) -> StoredMessage:
    """The message that a call names. Raises MethodFailed with `not_found` where there is none."""
    message_id = params.integer("message_id")
    if not message_id:
        raise MethodFailed(NO_MESSAGE_ID)
    message = chat.messages.get(message_id)
    if message is None:
        raise MethodFailed(not_found)
    return message


def place_in(chat: ChatState, params: Params) -> dict[str, Any]:
    """What a new message says of its place: the thread, the topic of direct messages, what it replies to."""
    return {**_thread(chat, params), **_direct_messages_topic(chat, params), **_reply(chat, params)}


def thread_fields(chat: ChatState, thread_id: int) -> dict[str, Any]:
    """What a message in this thread says of it."""
    return {"message_thread_id": thread_id, **({"is_topic_message": True} if chat.info.get("is_forum") else {})}


def _thread(chat: ChatState, params: Params) -> dict[str, Any]:
    thread_id = params.integer("message_thread_id")
    if not thread_id:
        return {}
    if thread_id not in chat.threads:
        raise MethodFailed(THREAD_NOT_FOUND)
    return thread_fields(chat, thread_id)


def _direct_messages_topic(chat: ChatState, params: Params) -> dict[str, Any]:
    topic_id = params.integer("direct_messages_topic_id")
    if not chat.info.get("is_direct_messages"):
        return {}
    if not topic_id:
        raise MethodFailed(TOPIC_REQUIRED)
    return {"direct_messages_topic": {"topic_id": topic_id}}


def _reply(chat: ChatState, params: Params) -> dict[str, Any]:
    try:
        parameters = params.json("reply_parameters")
    except ValueError:
        raise MethodFailed(REPLY_NOT_JSON) from None
    if parameters is None:
        parameters = {
            "message_id": params.integer("reply_to_message_id"),
            "allow_sending_without_reply": params.flag("allow_sending_without_reply"),
        }
    if not isinstance(parameters, Mapping):
        raise MethodFailed(REPLY_NOT_JSON)
    wanted = Params(parameters)
    message_id = wanted.integer("message_id")
    if not message_id:
        return {}
    message = chat.messages.get(message_id)
    if message is not None:
        # As in Telegram, one step only: what the other message itself replies to is left out.
        return {"reply_to_message": {key: value for key, value in message.body.items() if key != "reply_to_message"}}
    if wanted.flag("allow_sending_without_reply"):
        return {}
    raise MethodFailed(REPLY_NOT_FOUND)

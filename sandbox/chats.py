"""Where a call acts: the chat, the message and the place in a chat that its parameters name.

Order and words of the refusals are those of Client.cpp of tdlib/telegram-bot-api and of MessageTopic.cpp of TDLib (read
in 2026-11).
"""

from __future__ import annotations

from typing import Any

from sandbox.answers import (
    CHAT_ID_EMPTY,
    CHAT_NOT_FOUND,
    NEVER_STARTED,
    NO_MESSAGE_ID,
    THREAD_NOT_FOUND,
    TOPIC_REQUIRED,
    MethodFailed,
    Refusal,
)
from sandbox.params import Params
from sandbox.replies import read_reply
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


def place_in(bot: BotState, chat: ChatState, params: Params) -> dict[str, Any]:
    """What a new message says of its place: the thread, the topic of direct messages, what it replies to.

    A reply without a `message_thread_id` goes where the message is that it replies to.
    """
    reply = read_reply(bot, chat, params)
    thread_id = _thread_id(chat, params)
    if reply is None:
        replied = {}
    elif reply.chat is not chat or thread_id not in (0, reply.thread_id):
        replied = reply.from_elsewhere()
    else:
        thread_id = reply.thread_id
        replied = reply.inside()
    thread = thread_fields(chat, thread_id) if thread_id else {}
    return {**thread, **_direct_messages_topic(chat, params), **replied}


def thread_fields(chat: ChatState, thread_id: int) -> dict[str, Any]:
    """What a message in this thread says of it."""
    return {"message_thread_id": thread_id, **({"is_topic_message": True} if chat.info.get("is_forum") else {})}


def _thread_id(chat: ChatState, params: Params) -> int:
    """The thread that the call names, 0 for none."""
    thread_id = max(params.integer("message_thread_id"), 0)
    if thread_id and thread_id not in chat.threads:
        raise MethodFailed(THREAD_NOT_FOUND)
    return thread_id


def _direct_messages_topic(chat: ChatState, params: Params) -> dict[str, Any]:
    topic_id = params.integer("direct_messages_topic_id")
    if not chat.info.get("is_direct_messages"):
        return {}
    if not topic_id:
        raise MethodFailed(TOPIC_REQUIRED)
    return {"direct_messages_topic": {"topic_id": topic_id}}

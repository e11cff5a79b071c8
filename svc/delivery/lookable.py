"""Which sends can be looked for should it not be known what became of them: pure, decided before the update is begun.

A message is found by its id, of which only bounds are known, and told from others by a probe
(telegram_client/probes.py). So it must be one message, of a kind that the bot may edit the keyboard of, in a chat whose
sequence of ids is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from svc.handler.job import Job
from svc.handler.reply import Call
from telegram_client.message_ids import SHARED, MessageIds, sequence_of
from telegram_client.updates import Chat, Message, Update

# Their messages' keyboards can be edited by the bot (TDLib's `MessagesManager::can_edit_message`). Not so an invoice's,
# and sendMediaGroup makes several messages.
_METHODS = frozenset(
    {
        "sendAnimation",
        "sendAudio",
        "sendContact",
        "sendDice",
        "sendDocument",
        "sendGame",
        "sendLocation",
        "sendMessage",
        "sendPhoto",
        "sendPoll",
        "sendSticker",
        "sendVenue",
        "sendVideo",
        "sendVideoNote",
        "sendVoice",
    }
)
_CHAT_TYPES = frozenset({"private", "group", "supergroup"})
# A message sent with one of these is another chat's, or in somebody else's name.
_ELSEWHERE = ("business_connection_id", "direct_messages_topic_id")


def can_be_looked_for(send: Call, chat_id: int, cause: Update | Job | None) -> bool:
    """Whether the message of `send` can be looked for; `chat_id` is the chat whose order its update is in, and `cause`
    that update, or the job of whose end it tells.
    """
    params = send.params
    return (
        _is_such_a_chat(chat_id, cause)
        and is_recognisable(send)
        and params.get("chat_id") == chat_id
        and isinstance(params.get("chat_id"), int)
        and not any(name in params for name in _ELSEWHERE)
    )


def _is_such_a_chat(chat_id: int, cause: Update | Job | None) -> bool:
    """Whether it is a private chat, a group or a supergroup. Of a job's chat only the id is known, which a supergroup's
    and a channel's do not tell apart.
    """
    if isinstance(cause, Job):
        return sequence_of(chat_id) == SHARED
    chat = _chat_of(cause) if cause is not None else None
    return chat is not None and chat.id == chat_id and chat.type in _CHAT_TYPES


def is_recognisable(send: Call) -> bool:
    """Whether a probe of its message would say that it is the bot's own."""
    markup = send.params.get("reply_markup")
    inline = markup is None or (isinstance(markup, Mapping) and "inline_keyboard" in markup)
    return send.method in _METHODS and inline


def note_cause(message_ids: MessageIds, cause: Update | Job) -> None:
    """An update, or a job, tells of a message: what is sent from now on has a greater id."""
    if isinstance(cause, Job):
        if cause.status_message_id is not None:
            message_ids.note(cause.chat_id, cause.status_message_id)
    elif (message := _message_of(cause)) is not None:
        message_ids.note(message.chat.id, message.message_id)


def _chat_of(update: Update) -> Chat | None:
    message = _message_of(update)
    if message is not None:
        return message.chat
    return update.my_chat_member.chat if update.my_chat_member is not None else None


def _message_of(update: Update) -> Message | None:
    press = update.callback_query
    return update.message or update.edited_message or (press.message if press is not None else None)

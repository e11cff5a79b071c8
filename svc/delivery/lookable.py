"""Which sends can be looked for should it not be known what became of them: pure, decided before the update is begun.

A message is found by its id, of which only bounds are known, and told from others by a probe
(telegram_client/probes.py). So it must be one message, of a kind that the bot may edit the keyboard of, in a chat whose
sequence of ids is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from svc.handler.reply import Call
from telegram_client.message_ids import MessageIds
from telegram_client.updates import Message, Update

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


def can_be_looked_for(send: Call, chat_id: int, update: Update | None) -> bool:
    """Whether the message of `send` can be looked for; `chat_id` is the chat whose order its update is in."""
    message = _message_of(update) if update is not None else None
    chat = message.chat if message is not None else None
    if chat is None or chat.id != chat_id or chat.type not in _CHAT_TYPES:
        return False
    params = send.params
    return (
        is_recognisable(send)
        and params.get("chat_id") == chat_id
        and isinstance(params.get("chat_id"), int)
        and not any(name in params for name in _ELSEWHERE)
    )


def is_recognisable(send: Call) -> bool:
    """Whether a probe of its message would say that it is the bot's own."""
    markup = send.params.get("reply_markup")
    inline = markup is None or (isinstance(markup, Mapping) and "inline_keyboard" in markup)
    return send.method in _METHODS and inline


def note_update(message_ids: MessageIds, update: Update) -> None:
    """An update tells of a message: what is sent from now on has a greater id."""
    message = _message_of(update)
    if message is not None:
        message_ids.note(message.chat.id, message.message_id)


def _message_of(update: Update) -> Message | None:
    return update.message or (update.callback_query.message if update.callback_query else None)

"""What a message is for this bot: a command, a text, a file, or something that it leaves alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from svc.handler.known import Me
from telegram_client.updates import Message

_COMMAND = re.compile(r"\s*/(\w{1,64})(?:@(\w+))?(?:\s+(.*?))?\s*", re.DOTALL)
WORDS = {
    "menu": "menu",
    "меню": "menu",
    "cancel": "cancel",
    "отмена": "cancel",
    "help": "help",
    "помощь": "help",
}
"""What counts as a command without the slash: people write it when they are lost."""

_CONTENTS = (
    "video", "animation", "audio", "voice", "video_note", "document", "sticker", "paid_media", "story",
    "location", "venue", "contact", "poll", "dice", "game", "checklist",
)  # fmt: skip

NO_BOTS = frozenset({1087968824, 136817688})
"""Telegram's accounts for those who write as their group or channel. They are marked as bots; people stand behind."""


@dataclass(frozen=True)
class Command:
    """A command. `to` is the bot that it names behind an @, None if it names none."""

    name: str
    argument: str = ""
    to: str | None = None


@dataclass(frozen=True)
class Typed:
    """A text that is no command."""

    text: str


@dataclass(frozen=True)
class File:
    """Whatever else a person sends: a photo, a voice message, a sticker, a place, ...; with or without a caption."""


Incoming = Command | Typed | File


def read_message(message: Message) -> Incoming | None:
    """What `message` is; None: nothing that a bot answers."""
    if message.chat.type == "channel" or message.is_automatic_forward or _is_by_a_bot(message):
        return None
    command = _COMMAND.fullmatch(message.text or message.caption or "")
    if command is not None:
        name, to, argument = command.groups()
        return Command(name.lower(), argument or "", to)
    # In a group people talk to each other: only a command is meant for a bot there.
    if message.chat.type != "private":
        return None
    if message.text is not None:
        word = WORDS.get(message.text.strip().lower())
        return Command(word) if word is not None else Typed(message.text)
    return File() if has_content(message) else None


def read_for(me: Me | None, message: Message) -> Incoming | None:
    """What `message` is, if it is one that this bot answers."""
    incoming = read_message(message)
    return incoming if incoming is not None and is_for(me, message, incoming) else None


def is_for(me: Me | None, message: Message, incoming: Incoming) -> bool:
    """Whether it is meant for this bot: not a command that names another one, nor a card that is ours, sent inline."""
    if isinstance(incoming, Command) and incoming.to is not None:
        return me is not None and incoming.to.lower() == me.username.lower()
    return message.via_bot is None or (me is not None and message.via_bot.id != me.id)


def has_content(message: Message) -> bool:
    """Whether it brings something that a person sends besides a text. What brings neither is a service message:
    somebody joined, something was pinned."""
    return bool(message.photo) or any(getattr(message, kind) is not None for kind in _CONTENTS)


def where(message: Message) -> dict[str, int]:
    """The parameters that send an answer to the chat of `message`, and to its topic if it is in one."""
    place = {"chat_id": message.chat.id}
    if message.direct_messages_topic is not None:
        place["direct_messages_topic_id"] = message.direct_messages_topic.topic_id
    elif message.is_topic_message and message.message_thread_id is not None:
        place["message_thread_id"] = message.message_thread_id
    return place


def _is_by_a_bot(message: Message) -> bool:
    # Two bots that answer each other never stop.
    return message.sender is not None and message.sender.is_bot and message.sender.id not in NO_BOTS

"""Updates as Telegram sends them, and what of a reply is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from svc.bot.menu_bot import bot
from svc.handler.known import Creating, Known, Me
from svc.handler.reply import Call, Reply
from telegram_client.updates import CallbackQuery, Chat, Message, Update, User

ME = Me(77, "menu_bot")
NOW = 1_790_000_000.0
PERSON = 5
GROUP = -7
CHATS = {"private": Chat(PERSON), "group": Chat(GROUP, "group"), "supergroup": Chat(GROUP, "supergroup")}
CHATS["channel"] = Chat(-9, "channel")


def knows(
    state: Mapping[str, Any] | None = None, *, age: float = 0.0, me: Me | None = ME, set_up: bool = True
) -> Known:
    """What the bot knows, where creating is set up unless it is said that it is not."""
    creating = Creating(frozenset({"kie"} if set_up else ()))
    return Known(me=me, state=state or {}, now=NOW, age=age, creating=creating)


def wrote(text: str | None = None, *, language: str | None = "en", kind: str = "private", **fields: Any) -> Update:
    """A person wrote; `fields` are other ones of the message."""
    message: dict[str, Any] = {
        "message_id": 1,
        "chat": CHATS[kind],
        "sender": User(PERSON, language),
        "date": int(NOW),
        "text": text,
    }
    return Update(1, message=Message(**(message | fields)))


def edited(text: str, *, message_id: int = 1, kind: str = "private") -> Update:
    """A person changed a message of theirs to `text`."""
    message = Message(message_id, CHATS[kind], User(PERSON, "en"), date=int(NOW) - 60, edit_date=int(NOW), text=text)
    return Update(1, edited_message=message)


def pressed(data: str | None, *, language: str | None = "en", kind: str = "private", **fields: Any) -> Update:
    """A person pressed a button of a message of the bot's; `fields` are other ones of that message."""
    message: dict[str, Any] = {"message_id": 9, "chat": CHATS[kind], "sender": User(ME.id, is_bot=True), "text": "menu"}
    return Update(1, callback_query=CallbackQuery("q", User(PERSON, language), Message(**(message | fields)), data))


def says(update: Update, known: Known | None = None) -> Reply:
    """What the bot does about it."""
    return bot.decide(update, known or knows())


def shown(reply: Reply) -> Call:
    """The call that shows a view."""
    (call,) = [call for call in reply.calls if call.method in ("sendMessage", "editMessageText")]
    return call


def buttons(call: Call) -> Iterator[Mapping[str, str]]:
    """The buttons under it, in order."""
    for row in call.params.get("reply_markup", {}).get("inline_keyboard", ()):
        yield from row

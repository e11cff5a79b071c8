"""decide(): the one entry, from an update to a reply. Pure: the worker makes the calls."""

from __future__ import annotations

import re
from collections.abc import Callable

from svc.bot.catalog import Catalog
from svc.bot.menu import main_menu, page
from svc.bot.texts import texts_for
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import CallbackQuery, Message, Update

Decide = Callable[[Update], Reply]

# "/start", "/start payload" (a deep link), "/start@some_bot" (in groups).
_START = re.compile(r"/start(@\w+)?(\s|$)", re.IGNORECASE)


def make_decide(catalog: Catalog) -> Decide:
    """The bot as one function, over `catalog`."""

    def decide(update: Update) -> Reply:
        if update.callback_query is not None:
            return _press(update.callback_query, catalog)
        if update.message is not None:
            return _message(update.message, catalog)
        return NOTHING

    return decide


def apology(update: Update) -> Call | None:
    """What a user is told whose update could not be handled; None where there is nobody to tell."""
    message = update.message or (update.callback_query.message if update.callback_query else None)
    if message is None:
        return None
    sender = update.callback_query.sender if update.callback_query else message.sender
    return _send(message.chat.id, texts_for(sender.language_code if sender else None).apology)


def _message(message: Message, catalog: Catalog) -> Reply:
    texts = texts_for(message.sender.language_code if message.sender else None)
    text = message.text or ""
    if _START.match(text):
        greeting, keyboard = main_menu(catalog, texts)
        return Reply(
            (Call("sendMessage", {"chat_id": message.chat.id, "text": greeting, "reply_markup": keyboard}),),
            before="START",
            after="MAIN_MENU_SENT",
            fields={"user_id": message.sender.id if message.sender else message.chat.id, "models": len(catalog)},
        )
    # In a group people talk to each other: only a command is meant for a bot there.
    if message.chat.type != "private" and not text.startswith("/"):
        return NOTHING
    return Reply((_send(message.chat.id, texts.pointer),))


def _press(press: CallbackQuery, catalog: Catalog) -> Reply:
    texts = texts_for(press.sender.language_code)
    if press.message is None:
        return Reply((_answer(press, texts.too_old),))
    shown = page(press.data or "", catalog, texts)
    if shown is None:
        return Reply((_answer(press, texts.unknown_press),))
    text, keyboard = shown
    edit = {
        "chat_id": press.message.chat.id,
        "message_id": press.message.message_id,
        "text": text,
        "reply_markup": keyboard,
    }
    return Reply((_answer(press), Call("editMessageText", edit)))


def _answer(press: CallbackQuery, text: str | None = None) -> Call:
    params = {"callback_query_id": press.id}
    return Call("answerCallbackQuery", params | ({"text": text, "show_alert": True} if text else {}))


def _send(chat_id: int, text: str) -> Call:
    return Call("sendMessage", {"chat_id": chat_id, "text": text})

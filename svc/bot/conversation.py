"""Messages and presses: the route that answers them, the request that it is given, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from svc.bot.asking import Asked, asked_by_edit, asked_by_message, asked_by_press
from svc.bot.catalog import Catalog
from svc.bot.incoming import has_content, read_for, where
from svc.bot.languages import texts_for
from svc.bot.memory import Memory, read_memory
from svc.bot.outage import answer_late, is_late, written_at
from svc.bot.request import Press, Request
from svc.bot.routes import SENT_FILE
from svc.bot.showing import answer_press, show
from svc.bot.texts import Texts
from svc.bot.views.gone import gone
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Reply
from telegram_client.updates import CallbackQuery, Message, User

PRESS_EXPIRES = 150.0
"""For how many seconds Telegram takes the answer to a press."""


def answer_message(
    message: Message, catalog: Catalog, known: Known, *, update_id: int = 0, edited: bool = False
) -> Reply:
    """What is said to a message, or to one that has been `edited` just now."""
    memory = read_memory(known.state)
    asked = _asked(message, memory, known, edited=edited)
    follows = message.media_group_id is not None and message.media_group_id == memory.album
    if asked is None or (follows and asked.route is SENT_FILE):
        return NOTHING
    request = Request(
        catalog=catalog,
        texts=_texts(message.sender, memory),
        known=known,
        memory=_noting(message, memory, edited=edited),
        user_id=message.sender.id if message.sender else message.chat.id,
        update_id=update_id,
        where=where(message),
        private=message.chat.type == "private",
        argument=asked.argument,
        message=message,
        follows=follows,
    )
    return _answer(asked, request, memory, written_at(message, known))


def answer_query(query: CallbackQuery, catalog: Catalog, known: Known, *, update_id: int = 0) -> Reply:
    """What a press on a button does."""
    memory = read_memory(known.state)
    texts, message = _texts(query.sender, memory), query.message
    press = Press(
        query.id,
        message.message_id if message else None,
        query.inline_message_id,
        has_text=message is None or message.text is not None or not has_content(message),
        expired=known.age > PRESS_EXPIRES,
    )
    if message is None and query.inline_message_id is None:
        return Reply(answer_press(press, texts.too_old))
    asked = asked_by_press(query.data)
    request = Request(
        catalog=catalog,
        texts=texts,
        known=known,
        memory=msgspec.structs.replace(memory, blocked=False),
        user_id=query.sender.id,
        update_id=update_id,
        where=where(message) if message else {},
        private=message is not None and message.chat.type == "private",
        argument=asked.argument,
        press=press,
    )
    return _answer(asked, request, memory, known.now - known.age)


def _asked(message: Message, memory: Memory, known: Known, *, edited: bool) -> Asked | None:
    incoming = read_for(known.me, message)
    if incoming is None:
        return None
    if edited:
        return None if memory.edited == message.message_id else asked_by_edit(incoming)
    return asked_by_message(incoming, memory.asking, private=message.chat.type == "private")


def _noting(message: Message, memory: Memory, *, edited: bool) -> Memory:
    """Whoever writes has not blocked the bot, and has gone on from what was brought before; an album and an edit are
    answered once."""
    return msgspec.structs.replace(
        memory,
        blocked=False,
        brought=None,
        album=message.media_group_id or memory.album,
        edited=message.message_id if edited else memory.edited,
    )


def _answer(asked: Asked, request: Request, before: Memory, since: float) -> Reply:
    """The route's answer to what has waited `since` then, with what is to be remembered if that has changed."""
    if not asked.route.keeps_question:
        request = replace(request, memory=request.memory.without_question())
    if is_late(request.known, since):
        return answer_late(request, since)
    answer = asked.route.handler(request)
    reply = answer if isinstance(answer, Reply) else show(request, answer or gone(request))
    if reply.state is None and request.memory != before:
        return replace(reply, state=request.memory.state())
    return reply


def _texts(person: User | None, memory: Memory) -> Texts:
    return texts_for(person.language_code if person else None, memory.language)

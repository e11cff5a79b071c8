"""After an outage: one apology with the menu for a chat, instead of answers that nobody waits for any more."""

from __future__ import annotations

import msgspec

from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.views.menu import menu_saying
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Reply
from telegram_client.updates import Message

OUTAGE = 3600.0
"""What was written longer ago than so many seconds is not answered any more."""


KEPT = 24 * 3600.0
"""For how many seconds Telegram keeps what it cannot deliver."""


def written_at(message: Message, known: Known) -> float:
    """When a message was written, as Unix time: it may have waited here, or at Telegram while nobody was here.

    One from before what Telegram keeps has been replayed by an operator, who wants it to be answered.
    """
    arrived = known.now - known.age
    date = message.edit_date or message.date
    return date if arrived - KEPT <= date < arrived else arrived


def is_late(known: Known, since: float) -> bool:
    """Whether it is too late to answer what has been waiting since that Unix time."""
    return known.now - since > OUTAGE


def answer_late(request: Request, since: float) -> Reply:
    """The apology; nothing if the chat has had one since, which was for this message as well."""
    memory = request.memory
    if memory.apologised_at is not None and since <= memory.apologised_at:
        return NOTHING
    memory = msgspec.structs.replace(memory.without_question(), apologised_at=request.known.now)
    return show(request, menu_saying(request, request.texts.outage), memory=memory)

"""After an outage: one apology with the menu for a chat, instead of answers that nobody waits for any more."""

from __future__ import annotations

import msgspec

from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.views.menu import greeting, menu_saying
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Reply

OUTAGE = 3600.0
"""What was written longer ago than so many seconds is not answered any more."""


def is_late(known: Known, written_at: float) -> bool:
    """Whether it is too late to answer what was written at that Unix time."""
    return known.now - written_at > OUTAGE


def answer_late(request: Request, written_at: float) -> Reply:
    """The apology; nothing if the chat has had one since, which was for this message as well."""
    memory = request.memory
    if memory.apologised_at is not None and written_at <= memory.apologised_at:
        return NOTHING
    words = request.texts.outage.format(greeting=greeting(request))
    memory = msgspec.structs.replace(memory.without_question(), apologised_at=request.known.now)
    return show(request, menu_saying(request, words), memory=memory)

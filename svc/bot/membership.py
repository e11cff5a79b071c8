"""Blocked and unblocked: remembered, so that nothing is sent to who does not want it."""

from __future__ import annotations

import msgspec

from svc.bot.memory import read_memory
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Reply
from telegram_client.updates import ChatMemberUpdated

OUT = frozenset({"kicked", "left"})


def note_membership(change: ChatMemberUpdated, known: Known) -> Reply:
    """Nothing is said; the chat's memory has whether the bot may send there."""
    memory = read_memory(known.state)
    blocked = change.new_chat_member.status in OUT
    if blocked == memory.blocked:
        return NOTHING
    return Reply(state=msgspec.structs.replace(memory, blocked=blocked).state())

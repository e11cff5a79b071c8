"""The state of a chat, as other statements read it along."""

from __future__ import annotations

import asyncpg

from svc.storage.inbox import NO_STATE, ChatState


def state_of(chat_id: str) -> str:
    """The join that adds `c.version` and `c.state` to rows of the bot $1; `chat_id` is an expression over them.

    By the whole key, as OFFSET 0 has it: the planner must not read all chats of the bot for each.
    """
    return f"""LEFT JOIN LATERAL (
    SELECT version, state FROM chats WHERE bot_id = $1 AND chat_id = {chat_id} OFFSET 0) AS c ON true"""


def chat_state(row: asyncpg.Record) -> ChatState:
    """What such a row says."""
    return NO_STATE if row["version"] is None else ChatState(row["version"], row["state"].encode())

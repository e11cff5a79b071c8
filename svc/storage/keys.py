"""Names in the database that several modules use: the leader's lock, notification channels and what they carry."""

from __future__ import annotations

from collections.abc import Sequence

NEW_WORK_CHANNEL = "svc_new_work"
RELEASED_CHANNEL = "svc_lock_released"
_ORDERS = "orders"

# Over the 52 bits that a bot's id can have: keeps clear of other users of advisory locks in the database.
_LOCK_CLASS = 0x2A5 << 52

# Of one notification. The server's limit is 8,000 bytes for the text, with which it would fail.
IDS_TOLD = 400
_LONGEST_PAYLOAD = 7999


def lock_key(bot_id: int) -> int:
    """The 64-bit key of a bot's advisory lock."""
    return _LOCK_CLASS | bot_id


def lock_is_held(key: str, pid: str) -> str:
    """The SQL expression for: the session of the server process `pid` holds the lock `key` in this database.

    pg_locks shows the locks of all databases of the server, and a key in two halves.
    """
    return f"""EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = {pid}
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((classid::bigint << 32) | objid::bigint) = {key})"""


def new_work_payload(bot_id: int, update_ids: Sequence[int]) -> str:
    """What is said on NEW_WORK_CHANNEL when these were stored; with too many, only that something was."""
    payload = f"{bot_id}:{','.join(map(str, update_ids))}" if update_ids else str(bot_id)
    fits = len(update_ids) <= IDS_TOLD and len(payload) <= _LONGEST_PAYLOAD
    return payload if fits else str(bot_id)


def orders_payload(bot_id: int) -> str:
    """What is said on NEW_WORK_CHANNEL when an operator has ordered something. A release that does not know the word
    looks for new work.
    """
    return f"{bot_id}:{_ORDERS}"


def new_work_ids(payload: str, bot_id: int) -> list[int] | None:
    """The ids that were told; empty if it was not said which, None if it is about another bot."""
    whose, _, ids = payload.partition(":")
    if whose != str(bot_id):
        return None
    try:
        return [int(each) for each in ids.split(",")] if ids else []
    except ValueError:
        return []

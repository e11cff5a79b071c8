"""Updates as operators ask for them: which are where and why, and one update's whole life.

No instance need run. Every answer costs the same whatever the tables hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from svc.storage.database import Connection, Database
from svc.storage.looks_sql import LOOKED_FOR, MAY_BEGIN

UpdateState = Literal["pending", "processing", "dead", "done"]

PAGE = 5000

LOOKED_AT = 100_000
"""Of so many updates at most it is looked whether they fit, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Updates that fit everything given here; None: whatever it is. The ages, in seconds, count from when an update was
    first received.

    A person is known by the private chat, whose id is theirs, and by what they have sent elsewhere, for as long as that
    is kept: of what is done only the chat is.
    """

    chat: int | None = None
    person: int | None = None
    kind: str | None = None
    older_than: float | None = None
    younger_than: float | None = None


ANYTHING = Filters()

# What an ended term has begun is in doubt, whatever its row says.
_STATE = """CASE WHEN state = 'processing' AND epoch < (SELECT l.epoch FROM leadership l WHERE l.bot_id = $1)
            THEN 'in_doubt' ELSE state END"""
# As it stands in what Telegram sends, byte by byte. Not as jsonb: text that cannot be stored as such may be among it.
_SENT = """position(convert_to('"from":{"id":' || $4::bigint || ',', 'UTF8') IN payload) > 0"""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where updates in one state are, and how they are listed. The order is an index's, and so is the one of a chat."""

    table: str
    state: str
    note: str
    order: str
    order_in_chat: str
    which: str = "true"
    sender: str = f"(chat_id = $4 OR {_SENT})"


_PLACES: dict[UpdateState, _Place] = {
    "pending": _Place("inbox", "state", "last_error", "update_id", "update_id", "state = 'pending'"),
    # The condition is that of the partial index inbox_begun.
    "processing": _Place("inbox", _STATE, "last_error", "update_id", "update_id", "state <> 'pending'"),
    "dead": _Place("dead_updates", "'dead'", "reason", "died_at DESC", "update_id DESC"),
    "done": _Place(
        "processed_updates", "'done'", "outcome", "processed_at DESC", "update_id DESC", sender="chat_id = $4"
    ),
}


def list_sql(state: UpdateState, *, of_chat: bool = False) -> str:
    """The statement. $1 the bot, $2 how many at most, $3 the chat, $4 the person, $5 the kind, $6 the least age, $7 the
    greatest, $8 of how many it is looked at most.
    """
    place = _PLACES[state]
    order = place.order_in_chat if of_chat else place.order
    chat = "chat_id = $3" if of_chat else "$3::bigint IS NULL"
    return f"""
SELECT update_id, chat_id, update_type, received_at, {place.state} AS state, attempts, doubts, {place.note} AS note
FROM (SELECT * FROM {place.table} WHERE bot_id = $1 AND {place.which} AND {chat} ORDER BY {order} LIMIT $8) AS looked_at
WHERE ($4::bigint IS NULL OR {place.sender}) AND ($5::text IS NULL OR update_type = $5)
  AND ($6::float8 IS NULL OR received_at < now() - make_interval(secs => $6))
  AND ($7::float8 IS NULL OR received_at > now() - make_interval(secs => $7))
ORDER BY {order} LIMIT $2
"""


def more_sql(state: UpdateState, *, of_chat: bool = False) -> str:
    """Whether there are more than $2 that could be looked at; $1 the bot, $3 the chat."""
    place = _PLACES[state]
    order = place.order_in_chat if of_chat else place.order
    chat = "chat_id = $3" if of_chat else "$3::bigint IS NULL"
    which = f"bot_id = $1 AND {place.which} AND {chat}"
    return f"SELECT FROM {place.table} WHERE {which} ORDER BY {order} OFFSET $2 LIMIT 1"


REASONS = """
SELECT reason, count(*) AS updates, min(died_at) AS first_died_at, max(died_at) AS last_died_at
FROM (SELECT reason, died_at FROM dead_updates WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $3) AS latest
GROUP BY reason ORDER BY updates DESC, reason LIMIT $2
"""
REASONS_OF = 100_000
"""The reasons are counted of so many dead updates, those that died last."""

SHOW = """
SELECT update_id, chat_id, update_type, received_at, received_by,
       CASE WHEN state = 'processing' AND epoch < (SELECT l.epoch FROM leadership l WHERE l.bot_id = $1) THEN 'in_doubt'
            ELSE state END AS state,
       attempts, doubts, last_error AS note, history, payload, available_at, NULL::timestamptz AS ended_at,
       epoch, repeatable, blamed, aged_from, LOOKED_FOR AS looked_for, MAY_BEGIN AS may_begin, looks, absent,
       CASE state WHEN 'in_doubt' THEN nullif(look_at, 'infinity') END AS look_at
FROM inbox i WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'dead', attempts, doubts, reason, history,
       payload, NULL, died_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM dead_updates WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'done', attempts, doubts, outcome, history,
       NULL, NULL, processed_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM processed_updates WHERE bot_id = $1 AND update_id = $2 AND outcome <> 'dead'
""".replace("LOOKED_FOR", LOOKED_FOR).replace("MAY_BEGIN", MAY_BEGIN)


async def list_updates(
    database: Database, bot_id: int, state: UpdateState, limit: int, filters: Filters = ANYTHING
) -> list[dict[str, Any]]:
    """Those in one state that fit: pending or processing with the oldest first, the others with the latest first.

    Of LOOKED_AT at most it is looked whether they fit: `is_cut_off` says whether there are more.
    """
    chat = _chat_of(state, filters)
    sql = list_sql(state, of_chat=chat is not None)
    args = (limit, chat, filters.person, filters.kind, filters.older_than, filters.younger_than, LOOKED_AT)

    async def work(connection: Connection) -> list[dict[str, Any]]:
        # In pages: each has the deadline of a statement, for which a hundred thousand rows are too many.
        return [dict(row) async for row in connection.cursor(sql, bot_id, *args, prefetch=PAGE)]

    return await database.transaction(work)


async def is_cut_off(database: Database, bot_id: int, state: UpdateState, filters: Filters) -> bool:
    """Whether there are more in this state than could be looked at."""
    chat = _chat_of(state, filters)
    return bool(await database.fetch(more_sql(state, of_chat=chat is not None), bot_id, LOOKED_AT, chat))


def _chat_of(state: UpdateState, filters: Filters) -> int | None:
    """The chat by whose index they are found."""
    return filters.person if state == "done" and filters.chat is None else filters.chat


async def dead_reasons(
    database: Database, bot_id: int, limit: int, *, of_latest: int = REASONS_OF
) -> list[dict[str, Any]]:
    """Why updates are dead, the most frequent reason first: how many of the `of_latest`, and when they died."""
    return [dict(row) for row in await database.fetch(REASONS, bot_id, limit, of_latest)]


async def show_update(database: Database, bot_id: int, update_id: int) -> dict[str, Any] | None:
    """All that is known of one update, with its history; None if there is nothing (any more)."""
    rows = await database.fetch(SHOW, bot_id, update_id)
    if not rows:
        return None
    payload = rows[0]["payload"]
    text = None if payload is None else payload.decode("utf-8", "replace")
    return {**dict(rows[0]), "history": json.loads(rows[0]["history"]), "payload": text}

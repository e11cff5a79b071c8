"""The statements that read the inbox back. $1 is the bot's id.

However much waits, and of however few chats, each looks at a bounded number of rows: a window of ids, the first few of
a chat, or rows by their keys. For each candidate one look at the index tells whether it is the oldest of its chat.
And each returns a bounded number of bytes, but one update at least.
"""

from __future__ import annotations

from svc.storage.chats_sql import state_of
from svc.storage.looks_sql import MAY_BEGIN, NOTHING_OLDER

WINDOW = 2000
"""How many rows a window has."""

READ_BYTES = 8 * 1024 * 1024
"""How many bytes of payloads one statement returns, if it is not for a single one that is larger."""

# An update that nobody has tried is always due. Otherwise a clock that is before the time at which the attempt was put
# off has been set back since (instances of a release before this time was kept leave none: then only the delay counts).
_DUE = "(i.attempts = 0 OR i.available_at <= now() OR now() < i.retried_at - interval '1 minute')"

_FOLLOWED = """(i.chat_id <> 0 AND EXISTS (
        SELECT FROM inbox y WHERE y.bot_id = $1 AND y.chat_id = i.chat_id AND y.update_id > i.update_id))"""

_COLUMNS = f"""i.update_id, i.chat_id, i.update_type, i.payload, i.message_id, i.blamed,
       extract(epoch FROM now() - i.aged_from)::float8 AS age, {_FOLLOWED} AS has_followers, c.version, c.state"""

# Row by row, by the whole key: OFFSET 0 keeps the planner from reading all rows of the bot for the few it is told of.
_CHOSEN_ROWS = f"""chosen CROSS JOIN LATERAL (
    SELECT * FROM inbox WHERE bot_id = $1 AND update_id = chosen.update_id OFFSET 0) AS i {state_of("i.chat_id")}"""

# `found` has the ids and sizes of what may be returned, in `order`; this takes as many of them as there is room for.
_WITHIN_BOUNDS = f"""
    SELECT update_id FROM (
        SELECT update_id, size, sum(size) OVER (ORDER BY {{order}} ROWS UNBOUNDED PRECEDING) AS total
        FROM found ORDER BY {{order}} LIMIT {{limit}}
    ) AS first WHERE total <= {READ_BYTES} OR total = size
"""


def _window(rows: str, order: str) -> str:
    """A window's rows, the first of each chat in it, and of those, in `order`, as many as are wanted and may go.

    One row comes back in any case: `looked` and `last` tell how far the window went, `ready` is one more than $2 if
    there would have been more. OFFSET 0 keeps the look for older ones above the sort: it ends when enough are found.
    """
    return f"""
WITH looked AS MATERIALIZED (
    SELECT i.update_id, i.chat_id, octet_length(i.payload) AS size,
           i.state, {MAY_BEGIN} AND {_DUE} AND i.update_id NOT IN (SELECT unnest($3::bigint[])) AS may
    FROM inbox i WHERE i.bot_id = $1 {rows}
), placed AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY chat_id ORDER BY update_id) AS place FROM looked
), found AS MATERIALIZED (
    SELECT update_id, size
    FROM (SELECT * FROM placed WHERE may AND (place = 1 OR chat_id = 0 OR state = 'in_doubt')
          ORDER BY {order} OFFSET 0) AS i
    WHERE {NOTHING_OLDER} LIMIT $2 + 1
), chosen AS MATERIALIZED ({_WITHIN_BOUNDS.format(order=order, limit="$2")})
SELECT all_of_it.*, {_COLUMNS}
FROM (SELECT (SELECT count(*) FROM looked) AS looked, (SELECT max(update_id) FROM looked) AS last,
             (SELECT count(*) FROM found) AS ready) AS all_of_it
LEFT JOIN ({_CHOSEN_ROWS}) ON true
ORDER BY i.{order}
"""


# $2 is how many to return, $3 what to leave out, $4 the size of the window, $5 the id behind which it begins.
BACKFILL = _window("AND ($5::bigint IS NULL OR i.update_id > $5) ORDER BY i.update_id LIMIT $4", "update_id")
NEWEST = _window("ORDER BY i.update_id DESC LIMIT $4", "update_id DESC")

# Whoever asks by key knows that they are due, so the clock is not asked.
FETCH = f"""
WITH found AS MATERIALIZED (
    SELECT i.update_id, octet_length(i.payload) AS size
    FROM (SELECT $1::bigint AS bot_id, id FROM unnest($2::bigint[]) AS id OFFSET 0) AS w
    JOIN inbox i ON i.bot_id = w.bot_id AND i.update_id = w.id
    WHERE {MAY_BEGIN} AND {NOTHING_OLDER}
), chosen AS MATERIALIZED ({_WITHIN_BOUNDS.format(order="update_id", limit="ALL")})
SELECT {_COLUMNS}
FROM {_CHOSEN_ROWS}
ORDER BY i.update_id
"""

# Of each chat the oldest ones, up to the first that has to wait. The very first may be in flight: then whoever leads,
# who is the one that asks, is at it.
FOLLOWERS = f"""
WITH oldest AS MATERIALIZED (
    SELECT i.*, row_number() OVER (PARTITION BY i.chat_id ORDER BY i.update_id) AS place
    FROM unnest($2::bigint[]) AS chat CROSS JOIN LATERAL (
        SELECT i.update_id, i.chat_id, i.state, i.epoch, octet_length(i.payload) AS size, {MAY_BEGIN} AS begins,
               {_DUE} AS due
        FROM inbox i WHERE i.bot_id = $1 AND i.chat_id = chat ORDER BY i.update_id LIMIT $3
    ) AS i
), in_line AS MATERIALIZED (
    SELECT *, bool_and(CASE WHEN begins THEN due
                            ELSE place = 1 AND state = 'processing' AND epoch = (SELECT epoch FROM leadership
                                                                                 WHERE bot_id = $1) END)
                  OVER (PARTITION BY chat_id ORDER BY update_id) AS may
    FROM oldest
), found AS MATERIALIZED (
    SELECT update_id, chat_id, size FROM in_line WHERE may AND begins
), chosen AS MATERIALIZED ({_WITHIN_BOUNDS.format(order="chat_id, update_id", limit="ALL")})
SELECT {_COLUMNS}
FROM {_CHOSEN_ROWS}
ORDER BY i.chat_id, i.update_id
"""

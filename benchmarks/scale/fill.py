"""The rows that a scene begins with, made by the server itself. All that the scenes know of the tables stands here.

The indexes of the inbox are in place while the rows go in; those of processed updates but their key are made anew
afterwards, which is quicker. Then everything is vacuumed and analyzed, as autovacuum would do it sooner or later, and
written to disk, so that no scene pays for the filling of its ground.

Ids: processed updates from FIRST_PROCESSED on, pending ones from FIRST_PENDING, both below those of the load.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from sandbox.telegram import DEMO_TOKEN

BOT_ID = int(DEMO_TOKEN.partition(":")[0])
FIRST_PROCESSED = 1
FIRST_PENDING = 50_000_000
FIRST_CHAT = 10_000_000_000
ROWS_A_COMMIT = 250_000
CONNECT_DEADLINE = 10.0
STATEMENT_DEADLINE = 300.0

# $1 is the bot's id in all of them, $2 and $3 are the first and the last id. $4 is the number of chats: which of them
# has written is as good as random, and the same in every run. A /start takes about 400 bytes; the latest came just now,
# the first two hours ago.
PENDING = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_at, received_by)
SELECT $1, id, chat, 'message', convert_to(format(
           '{"update_id":%s,"message":{"message_id":%s,"from":{"id":%s,"is_bot":false,"first_name":"Ann",'
           '"last_name":"of the outage","username":"user_%s","language_code":"en","is_premium":true},'
           '"chat":{"id":%s,"first_name":"Ann","last_name":"of the outage","username":"user_%s","type":"private"},'
           '"date":%s,"text":"/start","entities":[{"offset":0,"length":6,"type":"bot_command"}]}}',
           id, id % 100000, chat, chat, chat, chat, extract(epoch FROM now())::bigint), 'UTF8'),
       now() - make_interval(secs => 7200 * (1 - (id - $5::bigint + 1)::float8 / $6)), 'the instance before'
FROM (SELECT id, $7::bigint + abs(hashint8(id)::bigint) % $4 AS chat FROM generate_series($2::bigint, $3::bigint) AS id)
     AS made
"""

# $4 is how many hours ago the last of them was processed; one hour lies between the first and the last.
PROCESSED = """
INSERT INTO processed_updates
    (bot_id, update_id, processed_at, worker_instance_id, update_type, received_at, outcome, attempts, chat_id,
     received_by, history)
SELECT $1, id, at, 'host-1-abcdef', 'message', at - interval '1 second', 'done', 1, $7::bigint + id % 200000,
       'host-1-abcdef', history
FROM (SELECT id, now() - make_interval(secs => 3600 * ($4 + 1 - (id - $5::bigint + 1)::float8 / $6)) AS at
      FROM generate_series($2::bigint, $3::bigint) AS id) AS made,
     (SELECT jsonb_build_array(jsonb_build_object(
          'at', now(), 'began', now(), 'epoch', 1, 'instance', 'host-1-abcdef', 'event', 'done',
          'calls', jsonb_build_array(jsonb_build_object('method', 'sendMessage', 'outcome', 'ok', 'ms', 41.7))))
          AS history) AS same_for_all
"""

OTHER_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'processed_updates' AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""
# What an update has that was tried and put off until tomorrow; one that nobody has tried is due, whatever it says.
PUT_OFF = {"attempts": "1", "retried_at": "now()", "available_at": "now() + interval '1 day'"}
NEW = {"attempts": "0", "retried_at": "NULL", "available_at": "now()"}
DELETED = "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'processed_updates'"


async def connect(database_url: str) -> asyncpg.Connection[Any]:
    """A connection beside the service, to be closed by the caller."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(
        database_url, timeout=CONNECT_DEADLINE, command_timeout=STATEMENT_DEADLINE
    )
    return connection


async def add_pending(database_url: str, rows: int, chats: int) -> None:
    """Add pending updates of `chats` chats until `rows` are in the inbox, younger than those that are there."""
    connection = await connect(database_url)
    try:
        there = await connection.fetchval("SELECT count(*) FROM inbox WHERE update_id >= $1", FIRST_PENDING)
        first = 1 + await connection.fetchval("SELECT coalesce(max(update_id), $1) FROM inbox", FIRST_PENDING - 1)
        await _fill(connection, PENDING, first, rows - there, chats)
        await _tidy_up(connection, "inbox")
    finally:
        await connection.close(timeout=CONNECT_DEADLINE)


async def add_waiting(database_url: str, rows: int, chats: int) -> None:
    """The same, but none of them may be sent before tomorrow, as after a long pause that Telegram asked for."""
    connection = await connect(database_url)
    try:
        await _set_defaults(connection, PUT_OFF)
        await add_pending(database_url, rows, chats)
        await _set_defaults(connection, NEW)
    finally:
        await connection.close(timeout=CONNECT_DEADLINE)


async def _set_defaults(connection: asyncpg.Connection[Any], values: Mapping[str, str]) -> None:
    for column, value in values.items():
        await connection.execute(f"ALTER TABLE inbox ALTER COLUMN {column} SET DEFAULT {value}")


async def empty_inbox(database_url: str) -> None:
    """Take everything out of the inbox."""
    connection = await connect(database_url)
    try:
        await connection.execute("TRUNCATE inbox")
    finally:
        await connection.close(timeout=CONNECT_DEADLINE)


async def add_processed(database_url: str, rows: int, *, hours_ago: float) -> None:
    """Add `rows` processed updates, the last of them `hours_ago` and the first an hour before it."""
    connection = await connect(database_url)
    try:
        indexes = await connection.fetch(OTHER_INDEXES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['indexname']}")
        await _fill(connection, PROCESSED, FIRST_PROCESSED, rows, hours_ago)
        for index in indexes:
            await connection.execute(index["indexdef"])
        await _tidy_up(connection, "processed_updates")
    finally:
        await connection.close(timeout=CONNECT_DEADLINE)


async def _fill(connection: asyncpg.Connection[Any], sql: str, first: int, rows: int, extra: float) -> None:
    began = time.monotonic()
    for start in range(first, first + rows, ROWS_A_COMMIT):
        end = min(start + ROWS_A_COMMIT, first + rows) - 1
        await connection.execute(sql, BOT_ID, start, end, extra, first, rows, FIRST_CHAT)
    print(f"  {max(0, rows):,} rows made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


async def _tidy_up(connection: asyncpg.Connection[Any], table: str) -> None:
    await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.execute("CHECKPOINT")

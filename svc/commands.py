"""What the small commands do: migrate, check, status. Each prints its findings and returns whether all is well."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import trio

from svc.settings import Settings
from svc.storage.database import Connection, Database, DatabaseRefused, DatabaseUnavailable
from svc.storage.migrate import MigrationError, migrate, pending_migrations
from svc.storage.postgres_lock import PoolerInTheWay, connect_lock, lock_key
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

OLDEST_POSTGRES = 14
CHECK_DEADLINE = 15.0

STATUS = """
SELECT l.epoch, l.instance_id, l.acquired_at,
       extract(epoch FROM now() - l.acquired_at)::float8 AS for_seconds,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                 AND ((classid::bigint << 32) | objid::bigint) = $2) AS held,
       (SELECT count(*) FROM inbox WHERE bot_id = $1) AS waiting,
       (SELECT count(*) FROM inbox WHERE bot_id = $1 AND state = 'in_doubt') AS in_doubt,
       (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM inbox WHERE bot_id = $1) AS oldest_seconds,
       (SELECT count(*) FROM dead_updates WHERE bot_id = $1) AS dead
FROM (VALUES (1)) AS one (row) LEFT JOIN leadership l ON l.bot_id = $1
"""


async def migrate_database(settings: Settings, *, check: bool) -> bool:
    """Apply what is missing and name it; with `check` only name it, and say False if anything is."""
    database = Database(settings.database_url)
    todo = await (pending_migrations(database) if check else migrate(database))
    for migration in todo:
        print(f"{'missing' if check else 'applied'} {migration.name}")
    if not todo:
        print("the database is up to date")
    return not (check and todo)


async def show_status(settings: Settings, *, as_json: bool) -> bool:
    """Say who is ACTIVE, since when and in which epoch, and what waits. Needs no running instance."""
    database = Database(settings.database_url)
    todo = await pending_migrations(database)
    if todo:
        print(f"the database lacks {', '.join(migration.name for migration in todo)}: run svc migrate")
        return False
    rows = await database.fetch(STATUS, settings.bot_id, lock_key(settings.bot_id))
    status = _status(rows[0])
    print(json.dumps(status) if as_json else _status_lines(status))
    return True


async def preflight(settings: Settings) -> bool:
    """Check database, lock address, token and webhook address; one line each. False if any is not fit."""
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]]]] = [
        ("database", _check_database),
        ("lock", _check_lock),
        ("token", _check_token),
        ("webhook", _check_webhook),
    ]
    well = True
    for name, check in checks:
        try:
            with trio.fail_after(CHECK_DEADLINE):
                print(f"ok    {name}: {await check(settings)}")
        except (_NotFit, DatabaseRefused, DatabaseUnavailable, MigrationError, PoolerInTheWay, TelegramError) as error:
            print(f"FAIL  {name}: {error}")
            well = False
        except trio.TooSlowError:
            print(f"FAIL  {name}: no answer within {CHECK_DEADLINE:.0f} s")
            well = False
    return well


class _NotFit(Exception):
    """A check's finding."""


def _status(row: asyncpg.Record) -> dict[str, Any]:
    active = bool(row["held"] and row["instance_id"])
    return {
        "active": row["instance_id"] if active else None,
        "since": row["acquired_at"].isoformat() if active else None,
        "active_seconds": round(row["for_seconds"], 1) if active else None,
        "epoch": row["epoch"],
        "last_active": row["instance_id"],
        "inbox": row["waiting"],
        "oldest_seconds": None if row["oldest_seconds"] is None else round(row["oldest_seconds"], 1),
        "in_doubt": row["in_doubt"],
        "dead": row["dead"],
    }


def _status_lines(status: dict[str, Any]) -> str:
    who = (
        f"{status['active']} since {status['since']} ({status['active_seconds']:.0f} s)"
        if status["active"]
        else f"none (last: {status['last_active'] or 'never any'})"
    )
    oldest = "" if status["oldest_seconds"] is None else f", the oldest for {status['oldest_seconds']:.0f} s"
    return "\n".join(
        [
            f"ACTIVE    {who}",
            f"epoch     {status['epoch'] or 0}",
            f"inbox     {status['inbox']} waiting{oldest}",
            f"in doubt  {status['in_doubt']}",
            f"dead      {status['dead']}",
        ]
    )


async def _check_database(settings: Settings) -> str:
    return await Database(settings.database_url).on_connection(_inspect)


async def _inspect(connection: Connection) -> str:
    version = connection.get_server_version()
    if version.major < OLDEST_POSTGRES:
        raise _NotFit(f"Postgres {version.major} is too old: {OLDEST_POSTGRES} or newer is needed")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise _NotFit("this is a standby: it takes no writes")
    may_create = await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    exists = await connection.fetchval("SELECT to_regclass('inbox') IS NOT NULL")
    if not exists and not may_create:
        raise _NotFit("the user may not create tables in the current schema, and they are not there yet")
    if exists:
        privileges = (
            "SELECT bool_and(has_table_privilege(name, 'SELECT, INSERT, UPDATE, DELETE')) FROM unnest($1::text[]) name"
        )
        tables = ["inbox", "processed_updates", "dead_updates", "leadership", "state_transitions"]
        if not await connection.fetchval(privileges, tables):
            raise _NotFit("the user may not read and write all tables")
    name = await connection.fetchval("SHOW server_version")
    return f"Postgres {name}, rights are sufficient"


async def _check_lock(settings: Settings) -> str:
    session = await connect_lock(
        settings.leader_database_url, settings.bot_id, server_timeout=settings.lease, on_new_work=lambda: None
    )
    session.abandon()
    return "no pooler in the way, the session's timeouts are taken"


async def _check_token(settings: Settings) -> str:
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        me = await api.call("getMe")
    name = me.get("username") if isinstance(me, dict) else None
    return f"the bot is @{name}"


async def _check_webhook(settings: Settings) -> str:
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        info = await api.call("getWebhookInfo")
    found = info.get("url", "") if isinstance(info, dict) else ""
    if settings.webhook_url is None:
        return f"WEBHOOK_URL is not set; Telegram has {found or 'no webhook'}"
    if found != settings.webhook_url:
        raise _NotFit(f"Telegram has {found or 'no webhook'}, WEBHOOK_URL is {settings.webhook_url}")
    error = info.get("last_error_message")
    return f"{found}" + (f"; last error: {error}" if error else "")

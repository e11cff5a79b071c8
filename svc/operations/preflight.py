"""`svc migrate` and `svc check`: each prints its findings and returns whether all is well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from svc.leadership.postgres_lock import PoolerInTheWay, connect_lock
from svc.settings.environment import Settings
from svc.storage.database import Connection, DatabaseRefused, DatabaseUnavailable, open_database
from svc.storage.migrate import OLDEST_POSTGRES, MigrationError, migrate, pending_migrations
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

CHECK_DEADLINE = 15.0


async def migrate_database(settings: Settings, *, check: bool) -> bool:
    """Apply what is missing and name it; with `check` only name it, and say False if anything is."""
    async with open_database(settings.database_url) as database:
        todo = await (pending_migrations(database) if check else migrate(database))
    for migration in todo:
        print(f"{'missing' if check else 'applied'} {migration.name}")
    if not todo:
        print("the database is up to date")
    return not (check and todo)


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
                line = f"ok    {name}: {await check(settings)}"
        except (_NotFit, DatabaseRefused, DatabaseUnavailable, MigrationError, PoolerInTheWay, TelegramError) as error:
            line = f"FAIL  {name}: {error}"
            well = False
        except trio.TooSlowError:
            line = f"FAIL  {name}: no answer within {CHECK_DEADLINE:.0f} s"
            well = False
        # A webhook may have the token in its address.
        print(settings.hide(line))
    return well


class _NotFit(Exception):
    """A check's finding."""


async def _check_database(settings: Settings) -> str:
    async with open_database(settings.database_url) as database:
        return await database.on_connection(_inspect)


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
        answer = await api.call("getWebhookInfo")
    info: dict[str, Any] = answer if isinstance(answer, dict) else {}
    found = info.get("url", "")
    if settings.intake == "polling":
        if found:
            raise _NotFit(f"{found} is set, so nobody can poll: `svc webhook delete`, or INTAKE=webhook")
        return "none is set, as polling needs it"
    if settings.webhook_url is None and not found:
        raise _NotFit("none is set, and no WEBHOOK_URL to set it to: nothing can arrive")
    if settings.webhook_url not in (None, found):
        return f"svc run will set {settings.webhook_url}; now it is {found or 'not set'}"
    error = info.get("last_error_message")
    return f"{found}, {info.get('pending_update_count', 0)} pending" + (f"; last error: {error}" if error else "")

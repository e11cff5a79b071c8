"""`svc check`: is everything there that `svc run` needs? The checks run side by side, one line each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from providers.provider import ProviderError
from svc.leadership.postgres_lock import connect_lock
from svc.operations.printing.document import printable
from svc.operations.printing.ordered_lines import OrderedLines
from svc.operations.providers import kie_credit
from svc.settings.environment import Settings
from svc.storage.database import Connection, DatabaseUnavailable, open_database
from svc.storage.fitness import examine
from svc.storage.migrate import OLDEST_POSTGRES, MigrationError
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

CHECK_DEADLINE = 10.0
"""Seconds that one check may take."""

TABLES = [
    "inbox",
    "processed_updates",
    "dead_updates",
    "chats",
    "jobs",
    "leadership",
    "deciding",
    "instances",
    "state_transitions",
    "pauses",
    "operator_actions",
    "figures",
    "kept_payloads",
]


class NotFit(Exception):
    """A check has found a fault; the message says which."""


Check = tuple[str, Callable[[Settings], Awaitable[str]]]
"""The name of a check, and the function that returns what it found or raises one of EXPECTED."""

EXPECTED = (NotFit, DatabaseUnavailable, MigrationError, TelegramError, ProviderError)


async def preflight(settings: Settings, checks: Sequence[Check] | None = None) -> bool:
    """Check database, lock, token, webhook and provider. False if any has a fault, or no answer within 10 s.

    Each line is printed as soon as it and those before it are known.
    """
    checks = CHECKS if checks is None else checks
    lines = OrderedLines([name for name, _ in checks])
    results: list[bool] = []

    async def run(check: Check) -> None:
        well, line = await _result(check, settings)
        results.append(well)
        # What is set at Telegram may have the token in its address.
        lines.put(check[0], printable(settings.hide(line)))

    async with trio.open_nursery() as nursery:
        for check in checks:
            nursery.start_soon(run, check)
    return all(results)


async def _result(check: Check, settings: Settings) -> tuple[bool, str]:
    name, ask = check
    try:
        with trio.fail_after(CHECK_DEADLINE):
            return True, f"ok    {name}: {await ask(settings)}"
    except EXPECTED as error:
        return False, f"FAIL  {name}: {error}"
    except trio.TooSlowError:
        return False, f"FAIL  {name}: no answer within {CHECK_DEADLINE:.0f} s"


async def check_database(settings: Settings) -> str:
    """The server's version, that it takes writes and keeps them, and the user's rights."""
    warnings = await examine(settings.database_url)
    async with open_database(settings.database_url) as database:
        found = await database.on_connection(_look_at_database)
    return "; ".join([found, *warnings])


async def _look_at_database(connection: Connection) -> str:
    version = connection.get_server_version()
    if version.major < OLDEST_POSTGRES:
        raise NotFit(f"Postgres {version.major} is too old: {OLDEST_POSTGRES} or newer is needed")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise NotFit("this is a standby: it takes no writes")
    may_create = await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    exists = await connection.fetchval("SELECT to_regclass('inbox') IS NOT NULL")
    if not exists and not may_create:
        raise NotFit("the user may not create tables in the current schema, and they are not there yet")
    if exists:
        # Tables that a migration is still to make are left out. Of several privileges at once any one would do.
        privileges = """SELECT bool_and(has_table_privilege(to_regclass(name), privilege))
            FROM unnest($1::text[]) AS name, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege
            WHERE to_regclass(name) IS NOT NULL"""
        if not await connection.fetchval(privileges, TABLES):
            raise NotFit("the user may not read and write all tables")
    name = await connection.fetchval("SHOW server_version")
    return f"Postgres {name}, rights are sufficient"


async def check_lock(settings: Settings) -> str:
    """That a session on the lock's address is a session of its own, with the timeouts that the lease needs."""
    session = await connect_lock(settings.leader_database_url, settings.bot_id, server_timeout=settings.lease)
    session.abandon()
    return "no pooler in the way, the session's timeouts are taken"


async def check_token(settings: Settings) -> str:
    """The name of the token's bot."""
    me = await _ask_telegram(settings, "getMe")
    return f"the bot is @{me.get('username')}"


async def check_webhook(settings: Settings) -> str:
    """That updates can arrive, with the webhook as it is or as `svc run` will set it."""
    info = await _ask_telegram(settings, "getWebhookInfo")
    found = info.get("url", "")
    if settings.intake == "polling":
        if found:
            raise NotFit(f"{found} is set, so nobody can poll: `svc webhook delete`, or INTAKE=webhook")
        return "none is set, as polling needs it"
    if settings.webhook_url is None and not found:
        raise NotFit("none is set, and no WEBHOOK_URL to set it to: nothing can arrive")
    if settings.webhook_url not in (None, found):
        return f"svc run will set {settings.webhook_url}; now it is {found or 'not set'}"
    error = info.get("last_error_message")
    return f"{found}, {info.get('pending_update_count', 0)} pending" + (f"; last error: {error}" if error else "")


async def check_provider(settings: Settings) -> str:
    """That the provider takes the key, and how much its account may spend."""
    if not settings.kie_api_key:
        return "no KIE_API_KEY: nothing can be created"
    credits_left = await kie_credit(settings)
    callbacks = "" if settings.public_url is not None else "; no PUBLIC_URL, so it cannot call back"
    return f"kie takes the key, {credits_left:g} credits are left{callbacks}"


async def _ask_telegram(settings: Settings, method: str) -> dict[str, Any]:
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        answer = await api.call(method)
    return answer if isinstance(answer, dict) else {}


CHECKS: Sequence[Check] = (
    ("database", check_database),
    ("lock", check_lock),
    ("token", check_token),
    ("webhook", check_webhook),
    ("provider", check_provider),
)

"""`svc status`, `svc transitions` and `svc updates`: each asks the database, prints the answer and returns whether it
found what it was asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from svc.operations.inspect_text import history_text, json_text, reasons_text, status_text, updates_text
from svc.operations.life_text import life_text
from svc.reports import updates as reports
from svc.reports.history import transitions
from svc.reports.status import status as ask_for_status
from svc.settings.environment import Settings
from svc.storage.database import Database, open_database
from svc.storage.keys import lock_key
from svc.storage.migrate import pending_migrations
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

TELEGRAM_DEADLINE = 3.0


async def show_status(settings: Settings, *, as_json: bool) -> bool:
    """Print who is ACTIVE, since when and in which epoch, and what waits."""

    async def answer(database: Database) -> bool:
        status = await ask_for_status(database, settings.bot_id, lock_key(settings.bot_id))
        status["webhook"] = await _ask_for_webhook(settings)
        # A webhook that somebody else has set may have the token in its address.
        print(settings.hide(json.dumps(status) if as_json else status_text(status)))
        return True

    return await with_schema(settings, answer)


async def show_transitions(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print the history of states of all instances, and who was ACTIVE when, with the gaps."""

    async def answer(database: Database) -> bool:
        rows = await transitions(database, settings.bot_id, limit)
        print(json_text(rows) if as_json else history_text(rows))
        return True

    return await with_schema(settings, answer)


async def list_updates(settings: Settings, *, state: reports.UpdateState, as_json: bool, limit: int) -> bool:
    """Print the updates in one state."""

    async def answer(database: Database) -> bool:
        rows = await reports.list_updates(database, settings.bot_id, state, limit)
        print(json_text(rows) if as_json else updates_text(rows) or f"no update is {state}")
        return True

    return await with_schema(settings, answer)


async def show_update(settings: Settings, *, update_id: int, as_json: bool) -> bool:
    """Explain one update's life; False if nothing is known of it."""

    async def answer(database: Database) -> bool:
        update = await reports.show_update(database, settings.bot_id, update_id)
        if update is None:
            print(f"nothing is known of update {update_id}")
            return False
        print(json_text(update) if as_json else life_text(update))
        return True

    return await with_schema(settings, answer)


async def list_reasons(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print why updates are dead, and how many for each reason."""

    async def answer(database: Database) -> bool:
        rows = await reports.dead_reasons(database, settings.bot_id, limit)
        print(settings.hide(json_text(rows) if as_json else reasons_text(rows) or "no update is dead"))
        return True

    return await with_schema(settings, answer)


async def with_schema(settings: Settings, answer: Callable[[Database], Awaitable[bool]]) -> bool:
    """The result of `answer`, or False and a line that says why if migrations are missing."""
    async with open_database(settings.database_url) as database:
        missing = await pending_migrations(database)
        if missing:
            names = ", ".join(migration.name for migration in missing)
            print(f"svc: the database lacks {names}: run svc migrate", file=sys.stderr)
            return False
        return await answer(database)


async def _ask_for_webhook(settings: Settings) -> dict[str, Any]:
    """What Telegram says of the webhook, or why that is not known."""
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        try:
            info = await api.call("getWebhookInfo", timeout=TELEGRAM_DEADLINE)
        except TelegramError as error:
            return {"unknown": str(error)}
    names = ("url", "pending_update_count", "last_error_date", "last_error_message")
    return {name: info[name] for name in names if name in info} if isinstance(info, dict) else {}

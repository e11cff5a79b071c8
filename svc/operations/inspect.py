"""`svc status`, `svc transitions`, `svc updates` and `svc actions`: each asks the database, prints the answer and
returns whether it found what it was asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from svc.actions.record import latest_actions
from svc.operations.printing.document import Document, line
from svc.operations.printing.output import answer
from svc.operations.texts.actions import actions_document
from svc.operations.texts.history import history_document
from svc.operations.texts.life import life_document
from svc.operations.texts.status import status_document
from svc.operations.texts.updates import reasons_document, updates_document
from svc.reports import updates as reports
from svc.reports.history import transitions
from svc.reports.jobs import count_jobs
from svc.reports.pauses import pauses
from svc.reports.status import status as ask_for_status
from svc.reports.views import JobsView, PauseView
from svc.reports.waits import waits
from svc.settings.environment import Settings
from svc.storage.database import Database, DatabaseBusy, open_database
from svc.storage.keys import lock_key
from svc.storage.migrate import pending_migrations
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

TELEGRAM_DEADLINE = 3.0


async def show_status(settings: Settings, *, as_json: bool) -> bool:
    """Print who is ACTIVE, since when and in which epoch, and what waits."""

    async def work(database: Database) -> bool:
        status = await whole_status(database, settings)
        # A webhook that somebody else has set may have the token in its address.
        answer(status, status_document, as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def whole_status(database: Database, settings: Settings) -> dict[str, Any]:
    """What the database and Telegram tell. Raises DatabaseUnavailable."""
    status = await ask_for_status(database, settings.bot_id, lock_key(settings.bot_id))
    status["pauses"] = await _in_time(pauses(database, settings.bot_id))
    status["jobs"] = await _in_time(count_jobs(database, settings.bot_id))
    status["webhook"] = await _ask_for_webhook(settings)
    return status


async def _in_time(asked: Coroutine[Any, Any, Sequence[PauseView | JobsView]]) -> list[dict[str, Any]] | None:
    """None: not known, since the answer did not come in time."""
    try:
        return [asdict(view) for view in await asked]
    except DatabaseBusy:
        return None


async def show_transitions(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print the history of states of all instances, and who was ACTIVE when, with the gaps."""

    async def work(database: Database) -> bool:
        rows = await transitions(database, settings.bot_id, limit)
        answer(rows, history_document, as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def list_updates(
    settings: Settings,
    *,
    state: reports.UpdateState,
    as_json: bool,
    limit: int,
    filters: reports.Filters = reports.ANYTHING,
) -> bool:
    """Print the updates in one state that fit all `filters`. Where some could not be looked at, stderr says so."""

    async def work(database: Database) -> bool:
        rows = await reports.list_updates(database, settings.bot_id, state, limit, filters)
        none = f"no update is {state}" if filters == reports.ANYTHING else f"no update that is {state} fits"
        document = _or_none(partial(updates_document, now=datetime.now(UTC)), none)
        answer(rows, document, as_json=as_json, hide=settings.hide)
        if len(rows) < limit and await reports.is_cut_off(database, settings.bot_id, state, filters):
            print(f"svc: only the {reports.LOOKED_AT} {_first(state)} were looked at", file=sys.stderr)
        return True

    return await with_schema(settings, work)


async def show_update(settings: Settings, *, update_id: int, as_json: bool) -> bool:
    """Explain one update's life; False if nothing is known of it."""

    async def work(database: Database) -> bool:
        update = await reports.show_update(database, settings.bot_id, update_id)
        if update is None:
            print(f"nothing is known of update {update_id}")
            return False
        waiting = await waits(database, settings.bot_id, update_id) if update["ended_at"] is None else None
        update["blocked_by"] = asdict(waiting.blocked_by) if waiting else None
        answer(update, life_document, as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def list_reasons(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print why updates are dead, and how many for each reason."""

    async def work(database: Database) -> bool:
        rows = await reports.dead_reasons(database, settings.bot_id, limit)
        answer(rows, _or_none(reasons_document, "no update is dead"), as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def list_actions(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print what operators have done, the latest first."""

    async def work(database: Database) -> bool:
        rows = await latest_actions(database, settings.bot_id, limit)
        answer(rows, _or_none(actions_document, "no operator has done anything"), as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def with_schema(settings: Settings, work: Callable[[Database], Awaitable[bool]]) -> bool:
    """The result of `work`, or False and a line that says why if migrations are missing."""
    async with open_database(settings.database_url) as database:
        if fault := await missing_schema(database):
            print(f"svc: {fault}", file=sys.stderr)
            return False
        return await work(database)


async def missing_schema(database: Database) -> str | None:
    """Which migrations are missing, and what to do; None if none are. Raises DatabaseUnavailable."""
    missing = await pending_migrations(database)
    names = ", ".join(migration.name for migration in missing)
    return f"the database lacks {names}: run svc migrate" if missing else None


def _or_none(
    document_of: Callable[[list[dict[str, Any]]], Document], nothing: str
) -> Callable[[list[dict[str, Any]]], Document]:
    return lambda rows: document_of(rows) if rows else [line(nothing)]


def _first(state: reports.UpdateState) -> str:
    return f"oldest {state} updates" if state in ("pending", "processing") else f"latest {state} updates"


async def _ask_for_webhook(settings: Settings) -> dict[str, Any]:
    """What Telegram says of the webhook, or why that is not known."""
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        try:
            info = await api.call("getWebhookInfo", timeout=TELEGRAM_DEADLINE)
        except TelegramError as error:
            return {"unknown": str(error)}
    names = ("url", "pending_update_count", "last_error_date", "last_error_message")
    return {name: info[name] for name in names if name in info} if isinstance(info, dict) else {}

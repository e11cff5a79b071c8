"""What operators ask and do: `svc status`, `svc transitions`, `svc updates`. Each says whether it found its thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from svc.operations import reports
from svc.settings.environment import Settings
from svc.storage.database import Database, open_database
from svc.storage.keys import lock_key
from svc.storage.migrate import pending_migrations
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError

TELEGRAM_DEADLINE = 3.0


async def show_status(settings: Settings, *, as_json: bool) -> bool:
    """Say who is ACTIVE, since when and in which epoch, and what waits."""

    async def answer(database: Database) -> bool:
        status = await reports.status(database, settings.bot_id, lock_key(settings.bot_id))
        status["webhook"] = await _webhook(settings)
        # A webhook that somebody else has set may have the token in its address.
        print(settings.hide(json.dumps(status) if as_json else _status_lines(status)))
        return True

    return await _asked(settings, answer)


async def show_transitions(settings: Settings, *, as_json: bool, limit: int) -> bool:
    """Print the history of states of all instances, and who was ACTIVE when, with the gaps."""

    async def answer(database: Database) -> bool:
        rows = await reports.transitions(database, settings.bot_id, limit)
        print(_json(rows) if as_json else "\n".join(_history_lines(rows)))
        return True

    return await _asked(settings, answer)


async def list_updates(settings: Settings, *, state: reports.UpdateState, as_json: bool, limit: int) -> bool:
    """Print the updates in one state."""

    async def answer(database: Database) -> bool:
        rows = await reports.list_updates(database, settings.bot_id, state, limit)
        print(_json(rows) if as_json else _table(rows) or f"no update is {state}")
        return True

    return await _asked(settings, answer)


async def show_update(settings: Settings, *, update_id: int, as_json: bool) -> bool:
    """Explain one update's life; False if nothing is known of it."""

    async def answer(database: Database) -> bool:
        update = await reports.show_update(database, settings.bot_id, update_id)
        if update is None:
            print(f"nothing is known of update {update_id}")
            return False
        print(_json(update) if as_json else "\n".join(_life(update)))
        return True

    return await _asked(settings, answer)


async def replay_updates(settings: Settings, *, update_ids: Sequence[int], as_json: bool) -> bool:
    """Put dead updates back into the inbox; False if one of them is not dead."""

    async def answer(database: Database) -> bool:
        replayed = {
            update_id: await reports.replay_update(database, settings.bot_id, update_id) for update_id in update_ids
        }
        words = {True: "replayed", False: "is not dead"}
        print(_json(replayed) if as_json else "\n".join(f"{key} {words[done]}" for key, done in replayed.items()))
        return all(replayed.values())

    return await _asked(settings, answer)


async def _asked(settings: Settings, answer: Callable[[Database], Awaitable[bool]]) -> bool:
    async with open_database(settings.database_url) as database:
        todo = await pending_migrations(database)
        if todo:
            names = ", ".join(migration.name for migration in todo)
            print(f"svc: the database lacks {names}: run svc migrate", file=sys.stderr)
            return False
        return await answer(database)


async def _webhook(settings: Settings) -> dict[str, Any]:
    """What Telegram says of the webhook, or why that is not known."""
    async with BotApi(settings.bot_token, root=settings.telegram_api_root, connections=1) as api:
        try:
            info = await api.call("getWebhookInfo", timeout=TELEGRAM_DEADLINE)
        except TelegramError as error:
            return {"unknown": str(error)}
    names = ("url", "pending_update_count", "last_error_date", "last_error_message")
    return {name: info[name] for name in names if name in info} if isinstance(info, dict) else {}


def _webhook_line(webhook: dict[str, Any]) -> str:
    if "unknown" in webhook:
        return f"not known: {webhook['unknown']}"
    pending = webhook.get("pending_update_count", 0)
    error = f", last error: {webhook['last_error_message']}" if "last_error_message" in webhook else ""
    return f"{webhook.get('url') or 'not set'}, {pending} pending at Telegram{error}"


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
            f"webhook   {_webhook_line(status['webhook'])}",
        ]
    )


def _history_lines(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    if not rows:
        yield "no instance has run yet"
        return
    for row in rows:
        epoch = "" if row["epoch"] is None else f" epoch={row['epoch']}"
        yield (
            f"{_time(row['at'])} {row['instance_id']}: {row['from_state']} -> {row['to_state']}"
            f" ({row['trigger']}: {row['reason']}){epoch} after {row['held']:.1f} s"
        )
    yield ""
    for period in reports.active_periods(rows):
        gap = "" if period.gap is None else f"  nobody for {period.gap:.3f} s before"
        until = f"until {_time(period.end)}: {period.ended_by}" if period.end else "and still"
        yield f"ACTIVE {period.instance} epoch={period.epoch} from {_time(period.start)} {until}{gap}"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    return "\n".join(
        f"{row['update_id']} {row['state']} {row['update_type']} chat={row['chat_id']}"
        f" received={_time(row['received_at'])} attempts={row['attempts']} doubts={row['doubts']}"
        + (f" {row['note']}" if row["note"] else "")
        for row in rows
    )


def _life(update: dict[str, Any]) -> Iterable[str]:
    yield f"update {update['update_id']} ({update['update_type']}, chat {update['chat_id']}): {update['state']}" + (
        f", {update['note']}" if update["note"] else ""
    )
    yield f"{_time(update['received_at'])} received by {update['received_by']}"
    for entry in update["history"]:
        yield from _entry_lines(entry)
    if update["ended_at"] is not None and not update["history"]:
        yield f"{_time(update['ended_at'])} {update['note']}"
    elif update["state"] == "pending":
        yield f"{_time(update['available_at'])} due"
    yield f"{update['attempts']} attempts, {update['doubts']} sends in doubt"
    if update["payload"] is not None:
        yield update["payload"]


def _entry_lines(entry: dict[str, Any]) -> Iterable[str]:
    where = "".join(f" {name}={entry[name]}" for name in ("instance", "epoch", "why") if name in entry)
    if "began" in entry:
        yield f"{_short(entry['began'])} begun{where}"
    for call in entry.get("calls", ()):
        yield f"    {call['method']}: {call['outcome']} in {call['ms']:.0f} ms"
    more = "".join(f" {name}={entry[name]}" for name in ("delay", "error") if name in entry)
    yield f"{_short(entry['at'])} {entry['event']}{'' if 'began' in entry else where}{more}"


def _time(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="milliseconds")


def _short(moment: str) -> str:
    return _time(datetime.fromisoformat(moment))


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

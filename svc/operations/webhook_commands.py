"""`svc webhook set`, `info` and `delete`: each prints what it did and returns whether it succeeded.

Results go to stdout, errors to stderr, one line each. Pending updates are never dropped.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import trio

from svc.handler.bot import BotError, load_bot
from svc.intake.webhook_registration import target_of
from svc.operations.printing.document import Document, Facts, line, printable
from svc.operations.printing.output import answer
from svc.settings.environment import Settings
from telegram_client.client import BotApi, OpenTransport
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError

ATTEMPTS = 3
PAUSE = 1.0
# Seconds. If Telegram asks for a longer pause, the command says so and ends: somebody sits in front of a terminal.
LONGEST_WAIT = 30.0

_TIMES = ("last_error_date", "last_synchronization_error_date")


async def set_webhook(settings: Settings, *, open_transport: OpenTransport | None = None) -> bool:
    """Set the webhook to WEBHOOK_URL with WEBHOOK_SECRET, both of which must be set; False if Telegram refuses, or BOT
    names none, which says what kinds of updates are wanted.
    """
    try:
        target = target_of(settings, load_bot(settings.bot).kinds)
        assert target is not None
        async with _api(settings, open_transport) as api:
            await _ask(api, "setWebhook", target.params)
            print(settings.hide(f"the webhook is set: {target.url}"))
            return True
    except BotError as error:
        _print_error(f"BOT: {error}")
    except Refused as error:
        _print_error(f"{error}; Telegram closes the old webhook first, so the bot may have none now: svc webhook info")
    except TelegramError as error:
        _print_error(str(error))
    return False


async def show_webhook(settings: Settings, *, as_json: bool, open_transport: OpenTransport | None = None) -> bool:
    """Print what Telegram knows of the webhook; with `as_json` its answer as one JSON object."""
    try:
        async with _api(settings, open_transport) as api:
            info = await _ask(api, "getWebhookInfo")
    except TelegramError as error:
        _print_error(str(error))
        return False
    answer(info, webhook_document, as_json=as_json, hide=settings.hide)
    return True


async def delete_webhook(settings: Settings, *, open_transport: OpenTransport | None = None) -> bool:
    """Remove the webhook; its pending updates wait at Telegram for the next one, or for polling."""
    try:
        async with _api(settings, open_transport) as api:
            info = await _ask(api, "getWebhookInfo")
            await _ask(api, "deleteWebhook", {"drop_pending_updates": False})
    except TelegramError as error:
        _print_error(str(error))
        return False
    url = info.get("url") if isinstance(info, dict) else None
    print(settings.hide(f"the webhook is deleted: {url}") if url else "no webhook was set")
    return True


@asynccontextmanager
async def _api(settings: Settings, open_transport: OpenTransport | None) -> AsyncIterator[BotApi]:
    async with BotApi(
        settings.bot_token, root=settings.telegram_api_root, connections=1, open_transport=open_transport
    ) as api:
        yield api


async def _ask(api: BotApi, method: str, params: Mapping[str, Any] | None = None) -> Any:
    """Call a method that is harmless to repeat, up to three times, with the pauses that Telegram asks for.

    Raises TelegramError.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await api.call(method, params)
        except (NotSent, InDoubt) as error:
            wait = error.retry_after or PAUSE
            if wait > LONGEST_WAIT:
                raise
        await trio.sleep(wait)
    return await api.call(method, params)


def webhook_document(info: Any) -> Document:
    """Each field that Telegram has told."""
    if not isinstance(info, dict):
        return [line("Telegram said nothing about the webhook")]
    shown = {"url": "", **info}
    return [Facts([(printable(name), line(_readable(name, value))) for name, value in shown.items()])]


def _readable(name: str, value: Any) -> str:
    if name == "url" and not value:
        return "no webhook is set"
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).astimezone().isoformat(sep=" ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_error(text: str) -> None:
    print(f"svc: {printable(text)}", file=sys.stderr)

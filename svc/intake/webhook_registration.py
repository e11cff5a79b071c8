"""The bot's webhook at Telegram: set once a term by the ACTIVE instance, then watched.

Rule 1: what is sent has been checked (svc/settings), since setWebhook closes the old webhook
first: a call that is refused leaves the bot with none.
Rule 2: pending updates are never dropped.
Rule 3: the webhook is set once a term. What somebody else changes later is said, not fought over: two deployments
with one token would take it from each other every minute.

Telegram tells everything about a webhook but its secret. So where nothing else differs, the same settings are sent
once more in each term: with the same secret that is answered "Webhook is already set" and touches nothing, and a
changed secret is taken over at the moment of the deploy. (Read in the public Bot API server's Client.cpp,
process_set_webhook_query. A hash in the database was rejected: it would be wrong after a setWebhook by hand.)
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
import trio

from svc.observability.errors import describe
from svc.observability.metrics import WebhookHealth
from svc.settings.environment import Settings
from svc.waiting import Backoff
from telegram_client.errors import TelegramError
from telegram_client.sender import Sender

log = structlog.get_logger()

LOOK_EVERY = 60.0
SAY_AGAIN_AFTER = 1800.0
# Telegram's own default, https://core.telegram.org/bots/api#setwebhook.
MAX_CONNECTIONS = 40


@dataclass(frozen=True)
class Target:
    """The webhook as it should be: its address, its secret, and all kinds of updates that Telegram sends unasked.

    The kinds are set too, for a choice that an earlier bot with this token has made would keep messages from this one.
    """

    url: str = field(repr=False)  # it may have the token in it
    secret: str = field(repr=False)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of setWebhook."""
        return {
            "url": self.url,
            "secret_token": self.secret,
            "max_connections": MAX_CONNECTIONS,
            "allowed_updates": [],
            "drop_pending_updates": False,
        }


def target_of(settings: Settings) -> Target | None:
    """The webhook that the settings ask for; None without a WEBHOOK_URL."""
    return None if settings.webhook_url is None else Target(settings.webhook_url, settings.webhook_secret)


class Change(NamedTuple):
    """A setWebhook to make, and why."""

    params: Mapping[str, Any]
    reason: str


def wanted(info: Mapping[str, Any], target: Target, *, secret_known: bool = False) -> Change | None:
    """The call that brings the webhook from `info` (getWebhookInfo's answer) to `target`; None if none is needed.

    Without `secret_known` there is always one, for the secret's sake, unless it would take away a certificate that
    was uploaded by hand for this address: then the rest has to be set by hand too.
    """
    if not secret_known and info.get("has_custom_certificate") and info.get("url") == target.url:
        return None
    reasons = []
    if info.get("url", "") != target.url:
        reasons.append(f"the webhook is {info.get('url') or 'not set'}")
    elif info.get("max_connections", MAX_CONNECTIONS) != MAX_CONNECTIONS:
        reasons.append(f"max_connections is {info.get('max_connections')}")
    if kinds := info.get("allowed_updates"):
        reasons.append(f"it delivers only {' '.join(map(str, kinds))}")
    if not reasons and not secret_known:
        reasons.append("its secret cannot be read back")
    return Change(target.params, ", ".join(reasons)) if reasons else None


async def keep_webhook(sender: Sender, target: Target | None, *, health: WebhookHealth, rng: random.Random) -> None:
    """Set the webhook to `target`, then look at it every minute; until cancelled. Raises nothing.

    `target` None (no WEBHOOK_URL): only looks. `health` shows what it sees, until the end.
    """
    try:
        await _Keeper(sender, target, health, rng).run()
    finally:
        health.show()


class _Keeper:
    def __init__(self, sender: Sender, target: Target | None, health: WebhookHealth, rng: random.Random) -> None:
        self._sender = sender
        self._target = target
        self._health = health
        self._rng = rng
        self._looked = False
        self._last_error: tuple[Any, Any] = (None, None)
        self._difference: str | None = None
        self._said_at = 0.0

    async def run(self) -> None:
        target = self._target
        # Without an address it is set by hand, which may be done a moment after the start.
        await self._until_done(self._look if target is None else lambda: self._set(target))
        await trio.sleep(LOOK_EVERY)
        while True:
            await self._until_done(self._watch)
            await trio.sleep(LOOK_EVERY)

    async def _set(self, target: Target) -> None:
        change = wanted(await self._look(), target)
        if change is not None:
            await self._sender.call("setWebhook", change.params)
            log.info("WEBHOOK_SET", url=target.url, reason=change.reason)

    async def _watch(self) -> None:
        difference = self._differs(await self._look())
        again = trio.current_time() - self._said_at >= SAY_AGAIN_AFTER
        if difference is not None and (difference != self._difference or again):
            log.warning("WEBHOOK_DIFFERS", reason=difference)
            self._said_at = trio.current_time()
        self._difference = difference

    def _differs(self, info: Mapping[str, Any]) -> str | None:
        if self._target is not None:
            change = wanted(info, self._target, secret_known=True)
            return change.reason if change is not None else None
        return None if info.get("url") else "the webhook is not set, nor is WEBHOOK_URL: nothing arrives"

    async def _look(self) -> dict[str, Any]:
        answer = await self._sender.call("getWebhookInfo")
        info: dict[str, Any] = answer if isinstance(answer, dict) else {}
        pending = info.get("pending_update_count", 0)
        error = (info.get("last_error_date"), info.get("last_error_message"))
        self._health.show(pending, error[0] or 0, error[1])
        # A later success never clears the error: at the first look it is news only if something waits.
        is_news = error != self._last_error and error[1] is not None and (self._looked or pending)
        self._looked, self._last_error = True, error
        if is_news:
            log.warning("WEBHOOK_ERROR", error=error[1], at=error[0], pending=pending)
        return info

    async def _until_done(self, work: Callable[[], Awaitable[object]]) -> None:
        attempts = 0
        while True:
            try:
                await work()
                return
            except Exception as error:
                # Whatever it is, the workers go on: this is not worth the period.
                attempts += 1
                retry_after = error.retry_after if isinstance(error, TelegramError) else None
                delay = max(Backoff(1.0, 60.0, self._rng).after(attempts), retry_after or 0)
                unforeseen = not isinstance(error, TelegramError)
                log.warning("WEBHOOK_RETRY", error=describe(error), delay=delay, exc_info=unforeseen)
            await trio.sleep(delay)

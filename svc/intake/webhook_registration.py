"""The bot's webhook at Telegram: registered once a term by the ACTIVE instance, then checked every minute.

Rule 1: only what svc/settings has validated is sent. setWebhook closes the old webhook first, so a call that Telegram
refuses leaves the bot with none.
Rule 2: pending updates are never dropped.
Rule 3: the webhook is set once a term. If somebody else changes it later, that is logged and left alone: two
deployments with one token would otherwise take it from each other every minute.

Telegram tells everything about a webhook except its secret. So where nothing else differs, the same settings are sent
once in each term all the same. If the secret is the same too, Telegram answers "Webhook is already set" and touches
nothing; if it was changed, the new one counts from the deploy on. (From the public Bot API server's Client.cpp,
process_set_webhook_query.) To compare a hash kept in the database would go wrong after a setWebhook by hand.

Where Telegram does not tell what is set (getWebhookInfo fails READ_TRIES times), the settings are sent all the same:
most often they change nothing, and a bot without a webhook hears nothing. A certificate that was uploaded by hand is
lost then; WEBHOOK_DIFFERS or WEBHOOK_ERROR will tell.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from telegram_client.update_kinds import kinds_to_ask_for

log = structlog.get_logger()

CHECK_EVERY = 60.0
WARN_AGAIN_AFTER = 1800.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
# So many failures to read what is set, and it is set unread: without a webhook nothing arrives.
READ_TRIES = 4
# Telegram's own default, https://core.telegram.org/bots/api#setwebhook.
MAX_CONNECTIONS = 40


@dataclass(frozen=True)
class Target:
    """The webhook as it should be: its address, its secret, and the kinds of updates that Telegram is to send: those
    that it sends by default, and `kinds` besides.

    They are set explicitly because Telegram remembers a choice made by an earlier bot with the same token.
    """

    url: str = field(repr=False)  # it may have the token in it
    secret: str = field(repr=False)
    kinds: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of setWebhook."""
        return {
            "url": self.url,
            "secret_token": self.secret,
            "max_connections": MAX_CONNECTIONS,
            "allowed_updates": kinds_to_ask_for(self.kinds),
            "drop_pending_updates": False,
        }


def target_of(settings: Settings, kinds: Sequence[str] = ()) -> Target | None:
    """The webhook that the settings ask for, for a bot that reads these kinds of updates besides the default ones.

    None without a WEBHOOK_URL.
    """
    if settings.webhook_url is None:
        return None
    return Target(settings.webhook_url, settings.webhook_secret, tuple(kinds))


class Change(NamedTuple):
    """A setWebhook to make: its parameters, and why."""

    params: Mapping[str, Any]
    reason: str


def change_needed(info: Mapping[str, Any], target: Target, *, secret_known: bool = False) -> Change | None:
    """The call that brings the webhook from `info` (getWebhookInfo's answer) to `target`; None if none is needed.

    Unless `secret_known`, a call is always needed, to set the secret. The exception is a certificate that was uploaded
    by hand for this address: setWebhook would remove it, so then the rest has to be set by hand too.
    """
    if not secret_known and info.get("has_custom_certificate") and info.get("url") == target.url:
        return None
    reasons = []
    if info.get("url", "") != target.url:
        reasons.append(f"the webhook is {info.get('url') or 'not set'}")
    elif info.get("max_connections", MAX_CONNECTIONS) != MAX_CONNECTIONS:
        reasons.append(f"max_connections is {info.get('max_connections')}")
    asked, told = kinds_to_ask_for(target.kinds), info.get("allowed_updates") or []
    if set(told) != set(asked):
        reasons.append(f"it delivers only {' '.join(map(str, told or ['the default kinds']))}")
    if not reasons and not secret_known:
        reasons.append("its secret cannot be read back")
    return Change(target.params, ", ".join(reasons)) if reasons else None


async def register_webhook(sender: Sender, target: Target | None, *, health: WebhookHealth, rng: random.Random) -> None:
    """Set the webhook to `target`, then check it every minute, until cancelled. Raises nothing.

    With `target` None (no WEBHOOK_URL) it only checks. `health` shows what Telegram reports, and is cleared at the end.
    """
    try:
        await _Registration(sender, target, health, rng).run()
    finally:
        health.clear()


class _Registration:
    def __init__(self, sender: Sender, target: Target | None, health: WebhookHealth, rng: random.Random) -> None:
        self._sender = sender
        self._target = target
        self._health = health
        self._rng = rng
        self._failed_reads = 0
        self._fetched_before = False
        self._last_error: tuple[Any, Any] = (None, None)
        self._difference: str | None = None
        self._warned_at = 0.0

    async def run(self) -> None:
        target = self._target
        # Without a target the webhook is set by hand, perhaps a moment after the start: no warning yet.
        await self._retry(self._fetch if target is None else lambda: self._set(target))
        await trio.sleep(CHECK_EVERY)
        while True:
            await self._retry(self._check)
            await trio.sleep(CHECK_EVERY)

    async def _set(self, target: Target) -> None:
        change = await self._change(target)
        if change is not None:
            await self._sender.call("setWebhook", change.params)
            log.info("WEBHOOK_SET", url=target.url, reason=change.reason)

    async def _change(self, target: Target) -> Change | None:
        try:
            info = await self._fetch()
        except Exception as error:
            self._failed_reads += 1
            if self._failed_reads < READ_TRIES:
                raise
            return Change(target.params, f"what is set cannot be read: {describe(error)}")
        return change_needed(info, target)

    async def _check(self) -> None:
        difference = self._difference_in(await self._fetch())
        again = trio.current_time() - self._warned_at >= WARN_AGAIN_AFTER
        if difference is not None and (difference != self._difference or again):
            log.warning("WEBHOOK_DIFFERS", reason=difference)
            self._warned_at = trio.current_time()
        self._difference = difference

    def _difference_in(self, info: Mapping[str, Any]) -> str | None:
        if self._target is not None:
            change = change_needed(info, self._target, secret_known=True)
            return change.reason if change is not None else None
        return None if info.get("url") else "the webhook is not set, nor is WEBHOOK_URL: nothing arrives"

    async def _fetch(self) -> dict[str, Any]:
        """What Telegram reports of the webhook, shown in the metrics; a delivery that failed lately is logged."""
        answer = await self._sender.call("getWebhookInfo")
        info: dict[str, Any] = answer if isinstance(answer, dict) else {}
        pending = info.get("pending_update_count", 0)
        error = (info.get("last_error_date"), info.get("last_error_message"))
        self._health.show(pending, error[0] or 0, error[1])
        # Telegram keeps the last error after deliveries succeed again. So one that is there already at the start of a
        # term is only worth a line if updates wait.
        is_news = error != self._last_error and error[1] is not None and (self._fetched_before or pending)
        self._fetched_before, self._last_error = True, error
        if is_news:
            log.warning("WEBHOOK_ERROR", error=error[1], at=error[0], pending=pending)
        return info

    async def _retry(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` until it succeeds, whatever the error: the workers go on with what has already arrived."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._rng)
        while True:
            try:
                await work()
                return
            except Exception as error:
                retry_after = error.retry_after if isinstance(error, TelegramError) else None
                delay = max(backoff.next(), retry_after or 0)
                unforeseen = not isinstance(error, TelegramError)
                log.warning("WEBHOOK_RETRY", error=describe(error), delay=delay, exc_info=unforeseen)
            await trio.sleep(delay)

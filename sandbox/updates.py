"""The Bot API methods by which a bot gets its updates: getUpdates, and the webhook's settings.

Order, words and numbers are those of Client.cpp and WebhookActor.cpp of tdlib/telegram-bot-api.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.answers import POLL_ENDED_BY_WEBHOOK, WEBHOOK_ACTIVE, ApiAnswer, MethodFailed, bad_request, flood, ok
from sandbox.params import Params
from sandbox.queues import NOT_SENT_BY_DEFAULT, UPDATE_KINDS
from sandbox.state import BotState, PendingUpdate, WebhookSettings
from sandbox.webhook_url import WebhookUrl, parse_webhook_url

PUBLIC_PORTS = frozenset({443, 80, 88, 8443})
MAX_CONNECTIONS = 100
SECONDS_BETWEEN_SETTINGS = 1.0
MAX_UPDATES = 100
MAX_POLL = 50
"""Seconds that getUpdates waits at most."""
REPEATED_SOON, REPEATED_AT_ONCE = 3, 0.5
"""Seconds after a getUpdates within which one with the same offset has to wait, and gets one update only."""

_SECRET = re.compile(r"[A-Za-z0-9_-]*")
_DEFAULT_KINDS = frozenset(UPDATE_KINDS) - NOT_SENT_BY_DEFAULT


@dataclass(frozen=True, slots=True)
class Poll:
    """What a getUpdates asks for: up to `limit` updates from `offset` on, for which it waits `timeout` seconds."""

    offset: int
    limit: int
    timeout: int


def get_updates(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The oldest pending updates from `offset` on, at once: waiting for some is the caller's part."""
    return ok(take_updates(bot, begin_poll(bot, params, now), now))


def begin_poll(bot: BotState, params: Params, now: float) -> Poll:
    """Read the parameters of getUpdates, and slow a bot down that asks for the same updates again and again.

    Raises MethodFailed as long as there is a webhook.
    """
    if bot.webhook is not None:
        raise MethodFailed(WEBHOOK_ACTIVE)
    offset = params.integer("offset")
    limit = _clamped(params, "limit", MAX_UPDATES, 1, MAX_UPDATES)
    timeout = _clamped(params, "timeout", 0, 0, MAX_POLL)
    allow(bot, params)
    passed = now - bot.poll_started_at if offset == bot.poll_offset else float("inf")
    bot.poll_offset, bot.poll_started_at = offset, now
    return Poll(
        offset,
        1 if passed < REPEATED_AT_ONCE else limit,
        max(timeout, REPEATED_SOON) if passed < REPEATED_SOON else timeout,
    )


def take_updates(bot: BotState, poll: Poll, now: float) -> list[dict[str, Any]]:
    """The updates that a poll gets now.

    Those below its offset are forgotten; a negative one keeps only that many of the newest.
    """
    if poll.offset < 0:
        gone = list(bot.pending)[: poll.offset]
    else:
        gone = [update.id for update in bot.pending.values() if update.id < poll.offset or _expired(update, now)]
    for update_id in gone:
        del bot.pending[update_id]
    return [update.as_object() for update in islice(bot.pending.values(), poll.limit)]


def set_webhook(bot: BotState, params: Params, now: float, *, strict: bool) -> ApiAnswer:
    """Deliver updates to `url`; an empty one ends that.

    The old webhook is closed, and pending updates are dropped, before the new settings are checked: a rejected call
    leaves the bot with none. `strict` demands https and the public server's ports; else http to loopback is fine too.
    """
    url = params.text("url")
    if not url:
        return delete_webhook(bot, params, now)
    if now < bot.webhook_calls_from:
        raise MethodFailed(flood(1))
    bot.webhook_calls_from = now + SECONDS_BETWEEN_SETTINGS
    connections = _clamped(params, "max_connections", 40, 1, MAX_CONNECTIONS)
    wanted = WebhookSettings(url, params.text("secret_token"), connections, params.text("ip_address"))
    if wanted == bot.webhook and not params.flag("drop_pending_updates"):
        allow(bot, params)
        return ok(True, "Webhook is already set")
    bot.polls += 1
    bot.poll_refusal = POLL_ENDED_BY_WEBHOOK
    _close_webhook(bot, params)
    address = _read_settings(wanted)
    allow(bot, params)
    _check_address(address, wanted.ip_address, strict=strict)
    bot.webhook = wanted
    return ok(True, "Webhook was set")


def delete_webhook(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Deliver no more; pending updates stay unless `drop_pending_updates`. The last error is forgotten."""
    description = "Webhook was deleted" if bot.webhook else "Webhook is already deleted"
    if bot.webhook is None:
        allow(bot, params)
    _close_webhook(bot, params)
    return ok(True, description)


def get_webhook_info(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The webhook's settings and health. A later success never clears the last error."""
    webhook = bot.webhook
    info: dict[str, Any] = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(bot.pending),
    }
    if bot.last_error_date is not None:
        info["last_error_date"] = bot.last_error_date
        info["last_error_message"] = bot.last_error_message
    if webhook is not None:
        info["max_connections"] = webhook.max_connections
        info["ip_address"] = webhook.ip_address or parse_webhook_url(webhook.url).ip_address or "<unknown>"
    if bot.allowed_updates is not None:
        info["allowed_updates"] = [kind for kind in UPDATE_KINDS if kind in bot.allowed_updates]
    return ok(info)


def allow(bot: BotState, params: Params) -> None:
    """Take over `allowed_updates`; what is no Array of Strings leaves it as it is, without an error.

    Names count in any case, unknown ones do not. Without any known one, the default kinds are meant.
    """
    try:
        names = params.json("allowed_updates")
    except ValueError:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return
    kinds = frozenset(UPDATE_KINDS) & {name.lower() for name in names}
    bot.allowed_updates = None if kinds in (frozenset(), _DEFAULT_KINDS) else kinds


def _clamped(params: Params, name: str, default: int, least: int, most: int) -> int:
    """A whole number within its limits; what is no number counts as 0."""
    return min(max(params.integer(name) if params.text(name) else default, least), most)


def _expired(update: PendingUpdate, now: float) -> bool:
    return update.expires_at < now


def _close_webhook(bot: BotState, params: Params) -> None:
    bot.webhook = None
    bot.last_error_date, bot.last_error_message = None, ""
    if params.flag("drop_pending_updates"):
        bot.pending.clear()


def _read_settings(webhook: WebhookSettings) -> WebhookUrl:
    """The address that the settings name. Raises MethodFailed for what cannot be read."""
    try:
        address = parse_webhook_url(webhook.url)
    except ValueError:
        raise MethodFailed(bad_request("invalid webhook URL specified")) from None
    if len(webhook.secret_token) > 256:
        raise MethodFailed(bad_request("secret token is too long"))
    if not _SECRET.fullmatch(webhook.secret_token):
        raise MethodFailed(bad_request("secret token contains unallowed characters"))
    return address


def _check_address(address: WebhookUrl, ip_address: str, *, strict: bool) -> None:
    """Raises MethodFailed for an address that nothing is delivered to."""

    def bad(why: str) -> MethodFailed:
        return MethodFailed(bad_request(f"bad webhook: {why}"))

    if strict and address.scheme == "https" and address.port not in PUBLIC_PORTS:
        raise bad("Webhook can be set up only on ports 80, 88, 443 or 8443")
    known = ip_address or address.ip_address
    try:
        ip = ipaddress.ip_address(known) if known else None
    except ValueError:
        raise bad("Invalid IP address specified") from None
    if address.scheme == "http" and (strict or ip is None or not ip.is_loopback):
        raise bad("An HTTPS URL must be provided for webhook")
    if strict and ip is not None and ip.version == 6:
        raise bad("IPv6-only addresses are not allowed")
    if strict and ip is not None and not ip.is_global:
        raise bad(f"IP address {ip} is reserved")

"""The Bot API methods by which a bot gets its updates: getUpdates, and the webhook's settings."""

from __future__ import annotations

import ipaddress
import re
from itertools import islice
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sandbox.answers import POLL_ENDED_BY_WEBHOOK, WEBHOOK_ACTIVE, ApiAnswer, MethodFailed, bad_request, flood, ok
from sandbox.params import Params
from sandbox.state import BotState, PendingUpdate, WebhookSettings

PUBLIC_PORTS = frozenset({443, 80, 88, 8443})
MAX_CONNECTIONS = 100
SECONDS_BETWEEN_SETTINGS = 1.0

_SECRET = re.compile(r"[A-Za-z0-9_-]*")


def get_updates(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The oldest pending updates from `offset` on, at once: waiting for some is the caller's part.

    Updates below `offset` are forgotten; a negative one keeps only that many of the newest.
    """
    if bot.webhook is not None:
        raise MethodFailed(WEBHOOK_ACTIVE)
    allow(bot, params)
    _forget(bot, params.integer("offset"), now)
    limit = params.integer("limit", 100)
    limit = limit if 1 <= limit <= 100 else 100
    return ok([update.as_object() for update in islice(bot.pending.values(), limit)])


def set_webhook(bot: BotState, params: Params, now: float, *, strict: bool) -> ApiAnswer:
    """Deliver updates to `url`; an empty one ends that.

    The old webhook is closed before the new settings are checked, as the real server does: a rejected call leaves
    the bot with none. `strict` demands https and the public server's ports; else http to loopback is fine too.
    """
    url = params.text("url").strip()
    if not url:
        return delete_webhook(bot, params, now)
    if now < bot.webhook_calls_from:
        raise MethodFailed(flood(1))
    bot.webhook_calls_from = now + SECONDS_BETWEEN_SETTINGS
    connections = min(max(params.integer("max_connections", 40), 1), MAX_CONNECTIONS)
    wanted = WebhookSettings(url, params.text("secret_token"), connections)
    drop = params.flag("drop_pending_updates")
    if wanted == bot.webhook and not drop:
        allow(bot, params)
        return ok(True, "Webhook is already set")
    bot.polls += 1
    bot.poll_refusal = POLL_ENDED_BY_WEBHOOK
    bot.webhook = None
    _check(wanted, strict=strict)
    allow(bot, params)
    if drop:
        bot.pending.clear()
    bot.last_error_date, bot.last_error_message = None, ""
    bot.webhook = wanted
    return ok(True, "Webhook was set")


def delete_webhook(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Deliver no more; pending updates stay unless `drop_pending_updates`."""
    description = "Webhook is already deleted" if bot.webhook is None else "Webhook was deleted"
    bot.webhook = None
    if params.flag("drop_pending_updates"):
        bot.pending.clear()
    return ok(True, description)


def get_webhook_info(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The webhook's settings and health. A later success never clears the last error."""
    info: dict[str, Any] = {
        "url": bot.webhook.url if bot.webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(bot.pending),
    }
    if bot.webhook is not None:
        info["max_connections"] = bot.webhook.max_connections
    if bot.last_error_date is not None:
        info["last_error_date"] = bot.last_error_date
        info["last_error_message"] = bot.last_error_message
    if bot.allowed_updates is not None:
        info["allowed_updates"] = sorted(bot.allowed_updates)
    return ok(info)


def allow(bot: BotState, params: Params) -> None:
    """Take over `allowed_updates`: absent leaves it as it is, an empty list is back to the default."""
    try:
        kinds = params.json("allowed_updates")
    except ValueError:
        raise MethodFailed(bad_request("can't parse allowed_updates JSON object")) from None
    if kinds is None:
        return
    if not isinstance(kinds, list):
        raise MethodFailed(bad_request("expected an Array of strings as allowed_updates"))
    bot.allowed_updates = frozenset(str(kind) for kind in kinds) or None


def _forget(bot: BotState, offset: int, now: float) -> None:
    if offset < 0:
        gone = list(bot.pending)[:offset]
    else:
        gone = [update.id for update in bot.pending.values() if update.id < offset or _expired(update, now)]
    for update_id in gone:
        del bot.pending[update_id]


def _expired(update: PendingUpdate, now: float) -> bool:
    return update.expires_at < now


def _check(webhook: WebhookSettings, *, strict: bool) -> None:
    try:
        url = urlsplit(webhook.url)
        port = url.port
    except ValueError:
        raise MethodFailed(bad_request("invalid webhook URL specified")) from None
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise MethodFailed(bad_request("invalid webhook URL specified"))
    if url.scheme == "http" and (strict or not _is_loopback(url)):
        raise MethodFailed(bad_request("bad webhook: An HTTPS URL must be provided for webhook"))
    if strict and _is_reserved(url):
        raise MethodFailed(bad_request("bad webhook: IP address is reserved"))
    if strict and (port or 443) not in PUBLIC_PORTS:
        raise MethodFailed(bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"))
    if len(webhook.secret_token) > 256:
        raise MethodFailed(bad_request("secret token is too long"))
    if not _SECRET.fullmatch(webhook.secret_token):
        raise MethodFailed(bad_request("secret token contains unallowed characters"))


def _is_reserved(url: SplitResult) -> bool:
    try:
        return not ipaddress.ip_address(url.hostname or "").is_global
    except ValueError:
        return False


def _is_loopback(url: SplitResult) -> bool:
    host = url.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

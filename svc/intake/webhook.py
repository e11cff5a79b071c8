"""POST /webhook: check the request, commit its update, answer 200. Nothing here can reach the Bot API.

It is ASGI middleware of the Quart-Trio application rather than one of its routes. Quart's routing, request context and
per-request nursery cost as much as all of the work below: at 100 connections a route acknowledges 1,448 updates a
second, a callable in front of the application 2,731, and this middleware 2,796.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import structlog
import trio

from svc.intake.accept import Intake
from svc.intake.bodies import (
    BODY_DEADLINE,
    MAX_BODY,
    RETRY,
    TOO_LARGE,
    Bodies,
    HungUp,
    Place,
    Rejected,
    read_pieces,
    too_slow,
)
from svc.intake.middleware import App, Receive, Send, answer
from svc.intake.turns import Turns
from svc.observability.metrics import Metrics
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Received
from telegram_client.updates import NotAnUpdate, read_envelope

log = structlog.get_logger()

PATH = "/webhook"
# Telegram delivers again soon after a 503: better to free its connection than to hold it while the database is slow.
STORE_DEADLINE = 2.0
CANNOT_STORE = "cannot store now"
JSON = (b"content-type", b"application/json")
SECRET_TOKEN = b"x-telegram-bot-api-secret-token"


def brings_an_update(secret: str) -> Callable[[bytes], bool]:
    """Whether the first bytes of a connection are those of a request of Telegram's, which knows the `secret`."""
    request_line = f"POST {PATH} HTTP/1.1".encode()
    expected = secret.encode()

    def brings(said: bytes) -> bool:
        first, *lines = said.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if first != request_line or not expected:
            return False
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        return hmac.compare_digest(headers.get(SECRET_TOKEN, b""), expected)

    return brings


class WebhookMiddleware:
    """Answers what is asked of `/webhook` and passes everything else on to `app`.

    `intake` takes the updates in. `secret` is the `secret_token` that setWebhook gave to Telegram, which sends it along
    with every update (https://core.telegram.org/bots/api#setwebhook). Whoever is refused is so in `turns`.
    """

    def __init__(self, app: App, intake: Intake, *, secret: str, metrics: Metrics, turns: Turns) -> None:
        self._app = app
        self._intake = intake
        self._secret = secret.encode()
        self._metrics = metrics
        self._turns = turns
        self._bodies = Bodies()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._respond(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _respond(self, scope: Any, receive: Receive, send: Send) -> None:
        arrived = trio.current_time()
        try:
            expected = self._check(scope["method"], dict(scope["headers"]))
            with self._bodies.place(expected) as place:
                await self._take_in(receive, expected, place, arrived)
        except Rejected as rejected:
            await self._turns.take()
            self._intake.count("not_stored" if rejected.status == 503 else "rejected")
            log.warning("REJECTED", status=rejected.status, reason=rejected.reason)
            reason = json.dumps({"error": rejected.reason}).encode()
            await answer(send, rejected.status, (JSON, *rejected.headers), reason)
        except HungUp:
            log.info("HANGUP")
        else:
            # Without a body: a JSON answer that names a method would be carried out by Telegram.
            await answer(send, 200)
            self._metrics.ack.observe(trio.current_time() - arrived)

    def _check(self, method: str, headers: dict[bytes, bytes]) -> int:
        """Refuse what can be refused before the body is read; returns the length that the body will have at least."""
        if method != "POST":
            raise Rejected(405, "only POST", headers=[(b"allow", b"POST")])
        given = headers.get(SECRET_TOKEN, b"")
        # With an empty secret (INTAKE=polling) every request is refused.
        if not self._secret or not hmac.compare_digest(given, self._secret):
            raise Rejected(401, "wrong or missing secret token")
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise Rejected(415, "the content type is not application/json")
        return content_length(headers)

    async def _take_in(self, receive: Receive, expected: int, place: Place, arrived: float) -> None:
        """Read the body and commit its update, each in its time. Raises Rejected, and HungUp if the client leaves."""
        update = None
        # One scope for both: to enter another one costs as much as to read the JSON.
        with trio.CancelScope(deadline=arrived + BODY_DEADLINE) as in_time:
            update = _received(await read_pieces(receive, expected, place), arrived)
            in_time.deadline = trio.current_time() + STORE_DEADLINE
            await self._accept(update)
            return
        if update is None:
            raise too_slow()
        raise _not_stored(update, "no commit in time")

    async def _accept(self, update: Received) -> None:
        """Commit `update`; raises Rejected with 503 if that fails, whatever the reason."""
        try:
            await self._intake.accept(update)
        except DatabaseUnavailable as error:
            raise _not_stored(update, str(error)) from error
        except Exception:
            # Even after a bug the update is not lost: it is not acknowledged, so Telegram sends it again.
            log.exception("NOT_STORED", update_id=update.update_id)
            raise Rejected(503, CANNOT_STORE, headers=RETRY) from None


def _not_stored(update: Received, reason: str) -> Rejected:
    log.warning("NOT_STORED", update_id=update.update_id, reason=reason)
    return Rejected(503, CANNOT_STORE, headers=RETRY)


def _received(body: bytes, arrived: float) -> Received:
    try:
        envelope = read_envelope(body)
    except NotAnUpdate as error:
        raise Rejected(400, str(error)) from error
    return Received(envelope.update_id, envelope.chat_id, envelope.kind, body, arrived, message_id=envelope.message_id)


def content_length(headers: dict[bytes, bytes]) -> int:
    """How many bytes the body has, 0 where that is not announced; raises Rejected where it cannot be or is too many."""
    length = headers.get(b"content-length")
    if length is None:
        return 0
    if b"transfer-encoding" in headers:
        # Two lengths, of which two servers in a row may each go by another one: handled as an error, and the connection
        # closed (RFC 9112, 6.3).
        raise Rejected(400, "both Transfer-Encoding and Content-Length", headers=[(b"connection", b"close")])
    if not length.isdigit():
        raise Rejected(400, "Content-Length is not a number")
    # The number of digits first: int() raises for thousands of them.
    if len(length) > 20 or (expected := int(length)) > MAX_BODY:
        raise Rejected(413, TOO_LARGE)
    return expected

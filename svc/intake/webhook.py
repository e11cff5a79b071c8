"""POST /webhook: acknowledge only. Check, commit, 200. Nothing here can reach the Bot API.

A plain ASGI callable in front of the Quart app, which serves everything else: Quart's routing, request context and
per-request nursery cost as much as all of the work below.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
import trio

from svc.observability.metrics import Metrics
from svc.storage.database import DatabaseRefused, DatabaseUnavailable
from svc.storage.inbox import Received
from telegram_client.updates import NotAnUpdate, read_envelope

log = structlog.get_logger()

Headers = Iterable[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MAX_BODY = 1024 * 1024
BODY_DEADLINE = 10.0
STORE_DEADLINE = 2.0
RETRY = ((b"retry-after", b"1"),)


class Rejected(Exception):
    """The request is answered with `status` and nothing is stored."""

    def __init__(self, status: int, reason: str, *, headers: Headers = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class HungUp(Exception):
    """The client went away before its request was complete."""


class Webhook:
    """The intake. `store` commits an update and tells whether it is new; `hints` is the fast path to the workers."""

    def __init__(
        self,
        store: Callable[[Received], Awaitable[bool]],
        hints: trio.MemorySendChannel[Received],
        *,
        secret: str,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._hints = hints
        self._secret = secret.encode()
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        arrived = trio.current_time()
        try:
            await self._accept(scope, receive, arrived)
        except Rejected as rejected:
            log.warning("REJECTED", status=rejected.status, reason=rejected.reason)
            await _answer(send, rejected.status, rejected.reason, rejected.headers)
        except HungUp:
            log.info("HANGUP")
        else:
            await _answer(send, 200)
            self._metrics.ack.observe(trio.current_time() - arrived)

    async def _accept(self, scope: Any, receive: Receive, arrived: float) -> None:
        headers = dict(scope["headers"])
        body = await _read(receive, self._check(scope["method"], headers))
        try:
            envelope = read_envelope(body)
        except NotAnUpdate as error:
            raise Rejected(400, str(error)) from error
        update = Received(envelope.update_id, envelope.chat_id, envelope.kind, body, arrived)
        if await self._commit(update):
            log.info("ENQUEUED", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)
            self._hint(update)
        else:
            log.info("DUPLICATE", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)

    def _check(self, method: str, headers: dict[bytes, bytes]) -> int:
        """Refuse what can be refused before the body is read; the length it will have at least."""
        if method != "POST":
            raise Rejected(405, "only POST", headers=[(b"allow", b"POST")])
        given = headers.get(b"x-telegram-bot-api-secret-token", b"")
        # Without a secret (INTAKE=polling) nobody is let in.
        if not self._secret or not hmac.compare_digest(given, self._secret):
            raise Rejected(401, "wrong or missing secret token")
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise Rejected(415, "the content type is not application/json")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Rejected(400, "Content-Length is not a number")
        # By its digits first: int() raises for thousands of them.
        if len(length) > 20 or (expected := int(length)) > MAX_BODY:
            raise Rejected(413, f"larger than {MAX_BODY} bytes")
        return expected

    async def _commit(self, update: Received) -> bool:
        reason = "no commit in time"
        try:
            with trio.CancelScope(deadline=trio.current_time() + STORE_DEADLINE):
                return await self._store(update)
        except (DatabaseUnavailable, DatabaseRefused) as error:
            reason = str(error)
        except Exception:
            # Whatever it was: not stored, so Telegram has to keep it and send it again.
            log.exception("NOT_STORED", update_id=update.update_id)
            raise Rejected(503, "cannot store now", headers=RETRY) from None
        log.warning("NOT_STORED", update_id=update.update_id, reason=reason)
        raise Rejected(503, "cannot store now", headers=RETRY)

    def _hint(self, update: Received) -> None:
        try:
            self._hints.send_nowait(update)
        except (trio.WouldBlock, trio.BrokenResourceError):
            # It is in the inbox, and is read back from there.
            log.debug("BACKLOG", update_id=update.update_id)


async def _read(receive: Receive, expected: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    with trio.CancelScope(deadline=trio.current_time() + BODY_DEADLINE):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise HungUp
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > MAX_BODY:
                raise Rejected(413, f"larger than {MAX_BODY} bytes")
            if chunk:
                chunks.append(chunk)
            if not message.get("more_body", False):
                if size < expected:
                    raise HungUp
                return b"".join(chunks)
    raise Rejected(408, f"the body did not arrive within {BODY_DEADLINE:.0f} s")


async def _answer(send: Send, status: int, reason: str | None = None, headers: Headers = ()) -> None:
    # A 200 has no body: Telegram would carry out a JSON answer that names a method.
    body = b"" if reason is None else json.dumps({"error": reason}).encode()
    fixed = [(b"content-length", str(len(body)).encode())]
    if body:
        fixed.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})

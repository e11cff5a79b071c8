"""POST /callback/{provider}/{job}.{secret}: a provider says that a task is over. The job is looked at soon, and 200.

Nothing in the body is trusted: it may name a task, which is a hint, to be verified by asking the provider. The path
must name a job and the secret of that job. Any instance notes it, in every state; nothing here can call anybody.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from svc.callback_url import PREFIX, CallbackPath, read_path
from svc.intake.bodies import MAX_BODY, RETRY, Bodies, HungUp, Rejected, read_body
from svc.intake.middleware import App, Receive, Send, answer
from svc.intake.turns import Turns
from svc.intake.webhook import JSON, content_length
from svc.storage.errors import DatabaseUnavailable

log = structlog.get_logger()

# The provider waits 15 seconds, and comes again after a 503.
NOTE_DEADLINE = 2.0
# Anybody can ask here, and each who names a job is a question to the database.
AT_ONCE = 16
CALLBACK_BYTES = 4 * MAX_BODY

Headers = Mapping[str, str]


class Forged(Exception):
    """The signature of a callback is missing or wrong."""


ReadCallback = Callable[[Headers, bytes], str | None]
"""The task that a callback names, if it does, from its headers (names in lower case) and body. Raises Forged."""

NoteCallback = Callable[[int, str, str | None], Awaitable[bool]]
"""`Jobs.note_callback`: job, secret, task; False if there is no such job with this secret."""


@dataclass(frozen=True)
class Callbacks:
    """What becomes of callbacks: how they are noted, and how those of each provider are read, by its name."""

    note: NoteCallback
    readers: Mapping[str, ReadCallback]


class CallbackMiddleware:
    """Answers what is asked below `/callback/`, in `turns`, and passes everything else on to `app`."""

    def __init__(self, app: App, callbacks: Callbacks, turns: Turns) -> None:
        self._app = app
        self._turns = turns
        self._note = callbacks.note
        self._readers = callbacks.readers
        self._bodies = Bodies(CALLBACK_BYTES)
        self._at_once = trio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._turns.take()
            await self._respond(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _respond(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            path, read, expected = self._check(scope)
            with self._bodies.place(expected) as place:
                body = await read_body(receive, expected, place)
            task_id = _task_in(read, scope, body)
            await self._noted(path, task_id)
        except Rejected as rejected:
            log.warning("REJECTED", status=rejected.status, reason=rejected.reason, callback=True, **_job_in(scope))
            await answer(
                send, rejected.status, (JSON, *rejected.headers), json.dumps({"error": rejected.reason}).encode()
            )
        except HungUp:
            log.info("HANGUP", callback=True, **_job_in(scope))
        else:
            log.info("JOB_CALLBACK", job_id=path.job_id, task_id=task_id)
            await answer(send, 200, (JSON,), b'{"noted": true}')

    def _check(self, scope: Any) -> tuple[CallbackPath, ReadCallback, int]:
        """Refuse what can be refused before the body is read."""
        path = read_path(scope["path"])
        read = self._readers.get(path.provider) if path is not None else None
        if path is None or read is None:
            raise Rejected(404, "no such job")
        if scope["method"] != "POST":
            raise Rejected(405, "only POST", headers=[(b"allow", b"POST")])
        return path, read, content_length(dict(scope["headers"]))

    async def _noted(self, path: CallbackPath, task_id: str | None) -> None:
        """Have it committed; raises Rejected where there is no such job, or it cannot be told now."""
        try:
            self._at_once.acquire_nowait()
        except trio.WouldBlock:
            raise Rejected(503, "too many callbacks at once", headers=RETRY) from None
        reason = "no commit in time"
        try:
            with trio.move_on_after(NOTE_DEADLINE):
                if await self._note(path.job_id, path.secret, task_id):
                    return
                raise Rejected(404, "no such job")
        except DatabaseUnavailable as error:
            reason = str(error)
        finally:
            self._at_once.release()
        log.warning("NOT_STORED", job_id=path.job_id, reason=reason)
        raise Rejected(503, "cannot note it now", headers=RETRY)


def _job_in(scope: Any) -> dict[str, int]:
    """Which job it is about, by its path, for the log."""
    path = read_path(scope["path"])
    return {"job_id": path.job_id} if path is not None else {}


def _task_in(read: ReadCallback, scope: Any, body: bytes) -> str | None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        return read(headers, body)
    except Forged as error:
        raise Rejected(401, str(error)) from error

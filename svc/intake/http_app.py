"""The HTTP application: the webhook in front, a small Quart-Trio app for health and metrics behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import MethodNotAllowed

from statemachine import Lifecycle, State
from svc.intake.webhook import Receive, Send
from svc.observability.metrics import Metrics

App = Callable[[Any, Receive, Send], Awaitable[None]]

SEND_DEADLINE = 10.0
READY_DEADLINE = 1.5


def make_app(*, webhook: App, pages: App) -> App:
    """The ASGI application: /webhook, and the `pages` for everything else."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/webhook":
            await webhook(scope, receive, send)
        elif scope["type"] == "http" and not scope["path"].startswith("/"):
            # "http://[::1/" or "?x": only scanners ask so, and Quart's reading of it raises.
            await send({"type": "http.response.start", "status": 400, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await pages(scope, receive, _shielded(send))

    return app


def make_pages(
    lifecycle: Lifecycle[Any], metrics: Metrics, *, instance: str, database_answers: Callable[[], Awaitable[bool]]
) -> App:
    """/healthz, /readyz and /metrics. `database_answers` is asked by /readyz."""
    quart = QuartTrio("svc")

    def report(status: int, **more: Any) -> tuple[dict[str, Any], int]:
        body = {"state": lifecycle.state.name, "instance": instance, "epoch": lifecycle.epoch, **more}
        return body, status

    @quart.get("/healthz")
    async def healthz() -> tuple[dict[str, Any], int]:
        return report(200)

    @quart.get("/readyz")
    async def readyz() -> tuple[dict[str, Any], int]:
        if lifecycle.state not in (State.PASSIVE, State.ACTIVE):
            return report(503, reason=f"in {lifecycle.state.name}")
        with trio.move_on_after(READY_DEADLINE):
            if await database_answers():
                return report(200)
        return report(503, reason="the database does not answer")

    @quart.get("/metrics")
    async def metrics_page() -> Response:
        return Response(metrics.page(), content_type="text/plain; version=0.0.4; charset=utf-8")

    @quart.errorhandler(404)
    async def not_found(_error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": "no such page"}, 404

    @quart.errorhandler(405)
    async def wrong_method(error: MethodNotAllowed) -> tuple[dict[str, Any], int, dict[str, str]]:
        return {"error": "method not allowed"}, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))}

    @quart.errorhandler(500)
    async def failed(_error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": "an unforeseen error"}, 500  # Quart has logged it

    return quart


def _shielded(send: Send) -> Send:
    """`send` to the end, though Quart cancels its request's nursery as soon as the answer seems complete.

    A half-sent end leaves Hypercorn's connection neither idle nor closed: its keep-alive timeout never fires, and
    one such client delays every shutdown by the whole graceful timeout.
    """

    async def shielded(message: Any) -> None:
        with trio.move_on_after(SEND_DEADLINE, shield=True):
            await send(message)

    return shielded

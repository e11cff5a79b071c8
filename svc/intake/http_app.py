"""The HTTP application: a Quart-Trio app for health and metrics, with the webhook as its middleware."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import MethodNotAllowed

from statemachine import Lifecycle, State
from svc.intake.accept import Intake
from svc.intake.callback import CallbackMiddleware, Callbacks
from svc.intake.late_pages import LatePages
from svc.intake.middleware import InTurn, RefuseTargetsWithoutPath, ShieldSend
from svc.intake.turns import Turns
from svc.intake.webhook import WebhookMiddleware
from svc.observability.metrics import Metrics

# Less than the timeout of every probe in deploy/: a database that hangs is a 503 there and not a silence.
READY_DEADLINE = 1.5


def make_app(
    intake: Intake,
    lifecycle: Lifecycle[Any],
    metrics: Metrics,
    *,
    secret: str,
    instance: str,
    database_answers: Callable[[], Awaitable[bool]],
    callbacks: Callbacks | None = None,
    more_health: Callable[[], dict[str, Any]] = dict,
    late_pages: LatePages | None = None,
) -> QuartTrio:
    """The application of one instance: /webhook, /callback/..., /healthz, /readyz and /metrics.

    `secret` is the webhook's; `database_answers` is asked by /readyz; /healthz shows what `more_health` returns, too.
    Without `callbacks` nobody can call back. `late_pages` adds further pages to it.
    """
    app = QuartTrio("svc")
    _add_health(app, lifecycle, instance, database_answers, more_health)
    _add_metrics(app, metrics)
    _add_errors(app)
    # What strangers can ask for: pages, and to be refused.
    turns = Turns(rest=True)
    # Quart's own way to add middleware (the docstring of Quart.asgi_app). The last one added is asked first: an update
    # does not pass through those that are for Quart's own pages.
    if late_pages is not None:
        app.asgi_app = late_pages.in_front_of(app.asgi_app)  # type: ignore[method-assign]
    app.asgi_app = ShieldSend(app.asgi_app)  # type: ignore[method-assign]
    app.asgi_app = RefuseTargetsWithoutPath(app.asgi_app)  # type: ignore[method-assign]
    app.asgi_app = InTurn(app.asgi_app, turns)  # type: ignore[method-assign]
    if callbacks is not None:
        app.asgi_app = CallbackMiddleware(app.asgi_app, callbacks, turns)  # type: ignore[method-assign]
    webhook = WebhookMiddleware(app.asgi_app, intake, secret=secret, metrics=metrics, turns=turns)
    app.asgi_app = webhook  # type: ignore[method-assign]
    return app


def _add_health(
    app: QuartTrio,
    lifecycle: Lifecycle[Any],
    instance: str,
    database_answers: Callable[[], Awaitable[bool]],
    more_health: Callable[[], dict[str, Any]],
) -> None:
    def report(status: int, **more: Any) -> tuple[dict[str, Any], int]:
        body = {"state": lifecycle.state.name, "instance": instance, "epoch": lifecycle.epoch, **more}
        return body, status

    @app.get("/healthz")
    async def healthz() -> tuple[dict[str, Any], int]:
        return report(200, **more_health())

    @app.get("/readyz")
    async def readyz() -> tuple[dict[str, Any], int]:
        if lifecycle.state not in (State.PASSIVE, State.ACTIVE):
            return report(503, reason=f"in {lifecycle.state.name}")
        with trio.move_on_after(READY_DEADLINE):
            if await database_answers():
                return report(200)
        return report(503, reason="the database does not answer")


def _add_metrics(app: QuartTrio, metrics: Metrics) -> None:
    @app.get("/metrics")
    async def metrics_page() -> Response:
        return Response(metrics.page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _add_errors(app: QuartTrio) -> None:
    """Errors are JSON, too."""

    @app.errorhandler(404)
    async def not_found(_error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": "no such page"}, 404

    @app.errorhandler(405)
    async def wrong_method(error: MethodNotAllowed) -> tuple[dict[str, Any], int, dict[str, str]]:
        return {"error": "method not allowed"}, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))}

    @app.errorhandler(500)
    async def failed(_error: Exception) -> tuple[dict[str, Any], int]:
        return {"error": "an unforeseen error"}, 500  # Quart has logged it

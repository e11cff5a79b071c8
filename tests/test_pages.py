"""The HTTP application in memory: /healthz, /readyz, /metrics, and the middleware in front of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families
from quart import request
from quart_trio import QuartTrio

from statemachine import Lifecycle, State
from svc.intake.accept import Intake
from svc.intake.http_app import make_app
from svc.intake.middleware import SEND_DEADLINE, RefuseTargetsWithoutPath, ShieldSend
from svc.observability.events import EVENTS
from svc.observability.metrics import Metrics
from svc.storage.inbox import Received
from tests.harness import SECRET, captured_logs
from tests.intake import AsgiRequest, Store

STEPS: dict[State, list[Callable[[Lifecycle[str]], None]]] = {
    State.BOOT: [],
    State.PASSIVE: [lambda life: life.booted()],
    State.ACTIVE: [lambda life: life.booted(), lambda life: life.lock_acquired("period", epoch=7)],
    State.DRAINING: [lambda life: life.booted(), lambda life: life.drain("SIGTERM")],
}


class Pages:
    """The application of an instance in `state`, over a database that answers, does not, hangs or fails."""

    def __init__(self, state: State = State.BOOT) -> None:
        self.metrics = Metrics()
        self.lifecycle: Lifecycle[str] = Lifecycle(lambda step: self.metrics.show_state(step.target))
        self.database: bool | Exception | None = True
        for step in STEPS[state]:
            step(self.lifecycle)
        self.store = Store()
        hints, self._hinted = trio.open_memory_channel[Received](10)
        self.app = make_app(
            Intake(self.store, hints),
            self.lifecycle,
            self.metrics,
            secret=SECRET,
            instance="one",
            database_answers=self._database_answers,
        )

    async def _database_answers(self) -> bool:
        await trio.lowlevel.checkpoint()
        if isinstance(self.database, Exception):
            raise self.database
        if self.database is None:
            await trio.sleep_forever()
        return bool(self.database)

    async def ask(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        asked = AsgiRequest(path, method)
        status = await asked.put_to(self.app)
        assert status is not None
        return status, asked.headers, asked.body

    async def json(self, path: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
        status, headers, body = await self.ask(path, method)
        assert headers["content-type"] == "application/json"
        return status, json.loads(body)


@pytest.mark.parametrize("state", State)
async def test_healthz_is_well_in_every_state(state: State) -> None:
    """A process that answers is well, whatever its state: 200 with state, instance and epoch."""
    pages = Pages(state)
    pages.database = False
    epoch = 7 if state is State.ACTIVE else None
    assert await pages.json("/healthz") == (200, {"state": state.name, "instance": "one", "epoch": epoch})


async def test_healthz_asks_nobody() -> None:
    """A database that hangs does not make the process look dead: it would be restarted for nothing."""
    pages = Pages(State.ACTIVE)
    pages.database = None
    with trio.fail_after(5):
        assert (await pages.ask("/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("state", "status"), [(State.BOOT, 503), (State.PASSIVE, 200), (State.ACTIVE, 200), (State.DRAINING, 503)]
)
async def test_readyz_is_ready_where_updates_are_taken(state: State, status: int) -> None:
    """200 in PASSIVE and ACTIVE, 503 while starting and leaving."""
    found, body = await Pages(state).json("/readyz")
    assert (found, body["state"]) == (status, state.name)
    assert ("reason" in body) == (status == 503)


@pytest.mark.parametrize("state", [State.PASSIVE, State.ACTIVE])
async def test_readyz_needs_the_database(state: State) -> None:
    """503 in every state without a database."""
    pages = Pages(state)
    pages.database = False
    status, body = await pages.json("/readyz")
    assert (status, body["reason"]) == (503, "the database does not answer")


async def test_a_page_that_fails_is_a_json_500_and_logged() -> None:
    """A bug behind a page is an error in the log and a 500, and nothing of it is shown."""
    pages = Pages(State.ACTIVE)
    pages.database = RuntimeError("a detail")
    with captured_logs() as logs:
        assert await pages.json("/readyz") == (500, {"error": "an unforeseen error"})
    (line,) = logs.lines
    assert line["event"] == "LIBRARY"
    assert "a detail" in line["exception"]


async def test_readyz_does_not_wait_for_a_database_that_hangs(autojump_clock: trio.testing.MockClock) -> None:
    """503 after 1.5 s, which is before any probe gives up."""
    pages = Pages(State.ACTIVE)
    pages.database = None
    began = trio.current_time()
    assert (await pages.json("/readyz"))[0] == 503
    assert trio.current_time() - began == pytest.approx(1.5)


async def test_metrics_are_prometheus() -> None:
    """/metrics parses, and holds the state, every event's counter, the epoch and both histograms."""
    pages = Pages(State.PASSIVE)
    pages.metrics.count("ENQUEUED")
    pages.metrics.count("ENQUEUED")
    pages.metrics.count("an event that is in no table")
    pages.metrics.ack.observe(0.003)
    pages.metrics.to_menu.observe(0.2)
    status, headers, body = await pages.ask("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    states = {sample.labels["state"]: sample.value for sample in families["svc_state"].samples}
    assert states == {"BOOT": 0, "PASSIVE": 1, "ACTIVE": 0, "DRAINING": 0}
    counters = {
        sample.labels["event"]: sample.value
        for sample in families["svc_events"].samples
        if sample.name == "svc_events_total"
    }
    assert set(counters) == {*EVENTS, "OTHER"}
    assert (counters["ENQUEUED"], counters["DONE"], counters["OTHER"]) == (2, 0, 1)
    assert families["svc_epoch"].type == "gauge"
    for name in ("svc_ack_seconds", "svc_arrival_to_menu_seconds"):
        assert families[name].type == "histogram"
        assert [sample.value for sample in families[name].samples if sample.name == f"{name}_count"] == [1]


async def test_exactly_one_state_is_set_at_any_time() -> None:
    """The state gauge follows the lifecycle."""
    pages = Pages()
    seen = []
    steps: list[Callable[[Lifecycle[str]], None]] = [
        *STEPS[State.ACTIVE],
        lambda life: life.lock_lost("lease"),
        lambda life: life.drain("SIGTERM"),
    ]
    for step in steps:
        step(pages.lifecycle)
        registry = pages.metrics.registry
        seen += [each.name for each in State if registry.get_sample_value("svc_state", {"state": each.name})]
    assert seen == ["PASSIVE", "ACTIVE", "PASSIVE", "DRAINING"]


@pytest.mark.parametrize("path", ["/", "/nowhere", "/webhook/", "/healthz/", "/HEALTHZ"])
async def test_an_unknown_page_is_a_json_404(path: str) -> None:
    """404 with a JSON body."""
    status, body = await Pages().json(path)
    assert (status, list(body)) == (404, ["error"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_page_is_only_read(path: str, method: str) -> None:
    """405 with a JSON body and the methods that are allowed."""
    status, headers, body = await Pages(State.ACTIVE).ask(path, method)
    assert (status, headers["content-type"], list(json.loads(body))) == (405, "application/json", ["error"])
    assert headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["", "?x", "http://[::1/healthz", "*"])
async def test_a_target_that_is_no_path_is_refused(path: str) -> None:
    """400 without asking the pages, where reading it would raise."""
    assert (await Pages().ask(path))[0] == 400


# The middleware


async def test_an_update_is_taken_in_without_quart() -> None:
    """/webhook of the one application stores the update, and nothing of Quart runs for it."""
    pages = Pages(State.ACTIVE)
    quarts: list[str] = []

    @pages.app.before_request
    async def note() -> None:
        quarts.append(request.path)

    headers = [(b"x-telegram-bot-api-secret-token", SECRET.encode()), (b"content-type", b"application/json")]
    body = {"type": "http.request", "body": b'{"update_id":7}', "more_body": False}
    assert await AsgiRequest("/webhook", "POST", headers=headers, events=[body]).put_to(pages.app) == 200
    assert list(pages.store.stored) == [7]
    assert (await pages.ask("/healthz"))[0] == 200
    assert quarts == ["/healthz"]


async def test_the_application_is_quart_trios_own_object() -> None:
    """The middleware is within it: Hypercorn serves, and Quart's test client asks, a QuartTrio."""
    app = Pages().app
    assert isinstance(app, QuartTrio)
    assert (await app.test_client().get("/healthz")).status_code == 200
    assert (await app.test_client().get("/webhook")).status_code == 405


async def test_only_targets_that_are_no_path_are_refused() -> None:
    """A path, and a scope that has none, go on to the application with the server's own receive and send."""
    seen: list[Any] = []

    async def app(*asked: Any) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(asked)

    async def send(_message: Any) -> None:
        raise AssertionError("answered")

    guarded = RefuseTargetsWithoutPath(app)
    scopes = [{"type": "http", "path": "/"}, {"type": "http", "path": "/healthz"}, {"type": "lifespan"}]
    for scope in scopes:
        await guarded(scope, trio.sleep_forever, send)
    assert seen == [(scope, trio.sleep_forever, send) for scope in scopes]


async def test_a_message_is_sent_whole_though_its_request_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Quart-Trio cancels a request within its last `send`, which is finished all the same, but not waited for ever."""
    took: list[float] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        with trio.CancelScope() as scope:
            scope.cancel(reason="the answer seems complete")
            await send({"seconds": 1.0})
            await send({"seconds": 3600.0})

    async def send(message: Any) -> None:
        began = trio.current_time()
        try:
            await trio.sleep(message["seconds"])
        finally:
            took.append(trio.current_time() - began)

    await ShieldSend(app)({"type": "http"}, trio.sleep_forever, send)
    assert took == pytest.approx([1.0, SEND_DEADLINE])

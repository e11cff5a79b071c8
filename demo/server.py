"""The demo's page over HTTP, on the address of the stand-in for Telegram, so that the messenger is part of it.

    GET  /                   the page
    GET  /demo/page/NAME     its style sheets and modules
    GET  /demo/actions       what can be done: a list of ActionView
    GET  /demo/states        the states of an instance and the steps between them, for the diagram
    GET  /demo/stream        server-sent events: see demo/stream.py
    POST /demo/do            {"action": "crash", "instance": "first"}; 409 with {"error": "..."} where it is refused
    POST /demo/load          {"rate": 20}
    POST /demo/tour          {"step": "deploy"}: answered at once, the stream tells how it goes; 409 while one runs

Everything else is the sandbox's: the Bot API, /user/..., /page/..., /stream/....
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import trio

from demo import actions
from demo.actions import Refused
from demo.instance import Ended
from demo.stream import Streams
from demo.system import System
from demo.tour import Busy, Tour
from demo.views import ActionView
from sandbox.api import HttpResponse, HttpStream
from sandbox.http_server import HttpRequest, serve
from sandbox.pages import Pages
from statemachine import EDGES, State

ENDED = "ENDED"
"""What comes after the machine's own states: the process is gone, on its own or because it was killed."""

_Answer = HttpResponse | HttpStream
_Route = Callable[[HttpRequest], Awaitable[_Answer]]


async def serve_page(
    system: System, port: int, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; starts with the address of the page. Raises OSError if the port is taken."""
    async with trio.open_nursery() as nursery:
        page = _Page(system, nursery)
        bound = await nursery.start(serve, page.handle, port)
        task_status.started(f"http://127.0.0.1:{bound}")


class _Page:
    """The routes. Steps of the tour run in `nursery`, which outlives the request that began them."""

    def __init__(self, system: System, nursery: trio.Nursery) -> None:
        self._system = system
        self._nursery = nursery
        self._tour = Tour(system)
        self._streams = Streams(system, self._tour)
        self._files = Pages("demo")
        self._routes: dict[str, tuple[str, _Route]] = {
            "/": ("GET", self._index),
            "/demo/actions": ("GET", self._actions),
            "/demo/states": ("GET", self._states),
            "/demo/stream": ("GET", self._stream),
            "/demo/do": ("POST", self._do),
            "/demo/load": ("POST", self._load),
            "/demo/tour": ("POST", self._go),
        }

    async def handle(self, request: HttpRequest) -> _Answer:
        """Answer one request; what is wrong with it is said in a JSON `error`. Raises ConnectionCut."""
        path, _, _ = request.target.partition("?")
        if path != "/" and not path.startswith("/demo/"):
            return await self._system.sandbox.handle(request)
        method, route = self._routes.get(path, ("GET", self._file))
        if request.method not in ({"GET", "HEAD"} if method == "GET" else {method}):
            return _error(405, "method not allowed")
        return await _answered(route, request)

    async def _index(self, request: HttpRequest) -> HttpResponse:
        return self._files.get("index.html")

    async def _file(self, request: HttpRequest) -> HttpResponse:
        path, _, _ = request.target.partition("?")
        return self._files.get(path.removeprefix("/demo/page/"))

    async def _actions(self, request: HttpRequest) -> HttpResponse:
        rows = [ActionView(row.name, row.label, row.target, row.text) for row in actions.ACTIONS.values()]
        return _json(200, [asdict(row) for row in rows])

    async def _states(self, request: HttpRequest) -> HttpResponse:
        edges = [
            {"source": source.name, "target": edge.target.name, "trigger": edge.trigger, "meaning": edge.meaning}
            for edge in EDGES
            for source in edge.sources
        ]
        left = {"source": State.DRAINING.name, "target": ENDED, "trigger": "exit", "meaning": "what was begun is done"}
        return _json(200, {"states": [*(state.name for state in State), ENDED], "edges": [*edges, left]})

    async def _stream(self, request: HttpRequest) -> _Answer:
        parts = self._streams.open()
        if parts is None:
            return _error(503, "too many pages are open")
        return HttpStream(200, [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")], parts)

    async def _do(self, request: HttpRequest) -> HttpResponse:
        wanted = _object(request)
        instance = wanted.get("instance")
        await actions.perform(
            self._system, _text(wanted, "action"), None if instance is None else _text(wanted, "instance")
        )
        return _json(200, {})

    async def _load(self, request: HttpRequest) -> HttpResponse:
        self._system.people.set_rate(_number(_object(request), "rate"))
        return _json(200, {})

    async def _go(self, request: HttpRequest) -> HttpResponse:
        name = _text(_object(request), "step")
        steps = self._tour.views()
        if name not in (step.name for step in steps):
            raise LookupError(name)
        if any(step.state == "running" for step in steps):
            raise Busy("another step is under way")
        self._nursery.start_soon(self._run_step, name)
        return _json(202, {})

    async def _run_step(self, name: str) -> None:
        with suppress(Busy):  # Two pages have pressed in the same moment: both see the step of the first.
            await self._tour.go(name)


async def _answered(route: _Route, request: HttpRequest) -> _Answer:
    try:
        return await route(request)
    except (Refused, Ended, Busy) as refused:
        return _error(409, str(refused))
    except trio.TooSlowError:
        return _error(504, "it has not come about in time")
    except LookupError:
        return _error(404, "there is no such page or step")
    except (ValueError, RecursionError) as problem:
        return _error(400, str(problem))


def _object(request: HttpRequest) -> dict[str, Any]:
    wanted = json.loads(request.body)
    if not isinstance(wanted, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004 - answered with 400
    return wanted


def _text(wanted: dict[str, Any], name: str) -> str:
    value = wanted.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")  # noqa: TRY004 - answered with 400
    return value


def _number(wanted: dict[str, Any], name: str) -> float:
    value = wanted.get(name)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    return float(value)


def _json(status: int, body: Any) -> HttpResponse:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return HttpResponse(status, headers, json.dumps(body).encode())


def _error(status: int, why: str) -> HttpResponse:
    return _json(status, {"error": why})

"""The demo's page over HTTP, on the address of the stand-in for Telegram, so that the messenger is part of it.

    GET  /                   the page
    GET  /demo/page/NAME     its style sheets and modules, with those that all pages share (svc/plots/page)
    GET  /demo/actions       what can be done: a list of ActionView
    GET  /demo/states        the states of an instance and the steps between them, for the diagram
    GET  /demo/stream        server-sent events: see demo/stream.py
    POST /demo/do            {"action": "crash", "instance": "first"}; 409 with {"error": "..."} where it is refused
    POST /demo/load          {"rate": 20}
    POST /demo/tour          {"step": "deploy"}: answered at once, the stream tells how it goes; 409 while one runs

Everything else is the sandbox's: the Bot API, /user/..., /page/..., /stream/....
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import trio

from demo import actions
from demo.instances.instance import Ended
from demo.refused import Refused
from demo.stream import Streams
from demo.system import System
from demo.tour.tour import Busy, Tour
from demo.views import ActionView
from sandbox.api import HttpResponse, HttpStream
from sandbox.control.guard import refusal
from sandbox.control.reading import error_answer, json_answer, object_of, text_of
from sandbox.http_server import HttpRequest, serve
from sandbox.pages import Pages
from sandbox.postgres import PostgresFailed
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
        self._files = Pages("demo", "svc.plots")
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
        if why := refusal(request):
            return error_answer(403, why)
        method, route = self._routes.get(path, ("GET", self._file))
        if request.method != method:
            return error_answer(405, "method not allowed")
        return await _answered(route, request)

    async def _index(self, request: HttpRequest) -> HttpResponse:
        return self._files.get("index.html")

    async def _file(self, request: HttpRequest) -> HttpResponse:
        path, _, _ = request.target.partition("?")
        return self._files.get(path.removeprefix("/demo/page/"))

    async def _actions(self, request: HttpRequest) -> HttpResponse:
        rows = [ActionView(row.name, row.label, row.target, row.text) for row in actions.ACTIONS.values()]
        return json_answer(200, [asdict(row) for row in rows])

    async def _states(self, request: HttpRequest) -> HttpResponse:
        edges = [
            {"source": source.name, "target": edge.target.name, "trigger": edge.trigger, "meaning": edge.meaning}
            for edge in EDGES
            for source in edge.sources
        ]
        left = {"source": State.DRAINING.name, "target": ENDED, "trigger": "exit", "meaning": "what was begun is done"}
        return json_answer(200, {"states": [*(state.name for state in State), ENDED], "edges": [*edges, left]})

    async def _stream(self, request: HttpRequest) -> _Answer:
        parts = self._streams.open()
        if parts is None:
            return error_answer(503, "too many pages are open")
        return HttpStream(200, [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")], parts)

    async def _do(self, request: HttpRequest) -> HttpResponse:
        wanted = object_of(request)
        instance = wanted.get("instance")
        await actions.perform(
            self._system, text_of(wanted, "action"), None if instance is None else text_of(wanted, "instance")
        )
        return json_answer(200, {})

    async def _load(self, request: HttpRequest) -> HttpResponse:
        self._system.people.set_rate(_rate_of(object_of(request)))
        return json_answer(200, {})

    async def _go(self, request: HttpRequest) -> HttpResponse:
        name = text_of(object_of(request), "step")
        steps = self._tour.views()
        if name not in (step.name for step in steps):
            raise LookupError(name)
        if any(step.state == "running" for step in steps):
            raise Busy("another step is under way")
        self._nursery.start_soon(self._run_step, name)
        return json_answer(202, {})

    async def _run_step(self, name: str) -> None:
        with suppress(Busy):  # Two pages have pressed in the same moment: both see the step of the first.
            await self._tour.go(name)


async def _answered(route: _Route, request: HttpRequest) -> _Answer:
    try:
        return await route(request)
    except (Refused, Ended, Busy) as refused:
        return error_answer(409, str(refused))
    except PostgresFailed as problem:
        return error_answer(500, str(problem))
    except trio.TooSlowError:
        return error_answer(504, "it has not come about in time")
    except LookupError:
        return error_answer(404, "there is no such page or step")
    except (ValueError, RecursionError) as problem:
        return error_answer(400, str(problem))


def _rate_of(wanted: Mapping[str, Any]) -> float:
    rate = wanted.get("rate")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate):
        raise ValueError("rate must be a number")
    return float(rate)

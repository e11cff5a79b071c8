"""The demo's page over HTTP: its routes, what they refuse and what the stream tells, over a stand-in for the system."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import pytest
import trio
import trio.testing

import demo.tour.tour
from demo.actions import ACTIONS
from demo.instances.instance import Instance
from demo.people import People
from demo.refused import Refused
from demo.score.history import History
from demo.score.score import Score
from demo.server import serve_page
from demo.stream import MAX_LINES, MAX_STREAMS, Streams
from demo.system import System
from demo.tour.steps.step import Outcome, Say, Step
from demo.tour.tour import Tour
from demo.views import FigureView, LogLineView, SystemView
from sandbox.app import Sandbox
from sandbox.postgres import PostgresFailed
from statemachine import EDGES

NOW = 1_700_000_000.0


@dataclass
class Logging:
    """An instance, as far as its log goes."""

    name: str
    lines: deque[LogLineView] = field(default_factory=lambda: deque(maxlen=500))
    line_count: int = 0

    def say(self, text: str, at: float = NOW) -> None:
        self.lines.append(LogLineView(self.name, "info", text, at))
        self.line_count += 1


class Standing:
    """A system in which nothing happens by itself."""

    own_bot = True

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self.people = People(self.sandbox.telegram)
        self.history = History()
        self.instances: list[Logging] = []
        self.done: list[tuple[str, Instance | None]] = []
        self.because_of: list[str] = []

    def because(self, action: str) -> None:
        self.because_of.append(action)

    def view(self) -> SystemView:
        return SystemView(NOW, "quiet", (), (), "with a standby", 0, 0, self.people.rate, Score().view(NOW), ())


def as_system(standing: Standing) -> System:
    return cast("System", standing)


class LongStep:
    """A step of the tour that lasts until `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = trio.Event()

    async def run(self, _system: System, say: Say) -> Outcome:
        say("waits")
        await self.go_on.wait()
        return Outcome(True, "It has waited.", (FigureView("waited", 12.5, "ms"),))


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> LongStep:
    """The only step of the tour."""
    long = LongStep()
    monkeypatch.setattr(demo.tour.tour, "STEPS", (Step("long", "A long one", "It waits.", long.run),))
    return long


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Standing:
    """`crash` is noted, `freeze` is refused, `fail_over` fails and `restart_postgres` takes too long."""
    standing = Standing()

    def answer(name: str, problem: Exception | None) -> Callable[..., Any]:
        async def run(_system: System, instance: Instance | None) -> None:
            await trio.lowlevel.checkpoint()
            if problem is not None:
                raise problem
            standing.done.append((name, instance))

        return run

    problems = {
        "crash": None,
        "freeze": Refused("It is frozen already."),
        "fail_over": PostgresFailed("it does not start"),
        "restart_postgres": trio.TooSlowError(),
        "start": None,
        "provider_slow": None,
    }
    for name, problem in problems.items():
        monkeypatch.setitem(ACTIONS, name, replace(ACTIONS[name], run=answer(name, problem)))
    return standing


@pytest.fixture
async def http(system: Standing, step: LongStep, nursery: trio.Nursery) -> AsyncIterator[httpx.AsyncClient]:
    address: str = await nursery.start(serve_page, as_system(system), 0)
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        yield client


async def test_the_page_and_all_that_it_asks_for_is_here(http: httpx.AsyncClient) -> None:
    """Every style sheet and module that the page names, and those that these name, under a policy that is strict."""
    page = await http.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    asked = [part.split('"')[0] for name in ('href="/', 'src="/') for part in page.text.split(name)[1:]]
    seen: set[str] = set()
    while asked:
        path = f"/{asked.pop()}"
        if path not in seen:
            seen.add(path)
            answer = await http.get(path)
            assert answer.status_code == 200, path
            if path.endswith(".js"):
                folder = path[1:].rpartition("/")[0]
                asked += [f"{folder}/{part.split(chr(34))[0]}" for part in answer.text.split('from "./')[1:]]
    assert {"/demo/page/main.js", "/demo/page/diagram.js", "/demo/page/base.css", "/page/messenger.css"} <= seen


async def test_the_messenger_is_served_at_the_same_address(http: httpx.AsyncClient, system: Standing) -> None:
    """What is not the demo's own goes to the stand-in for Telegram."""
    assert (await http.get("/page/messenger.js")).status_code == 200
    assert (await http.post("/user/7/send", json={"text": "/start"})).status_code == 200
    assert [message["text"] for message in system.sandbox.telegram.messages(7)] == ["/start"]
    token = next(iter(system.sandbox.telegram.bots))
    assert (await http.get(f"/bot{token}/getMe")).json()["ok"]


async def test_buttons_and_states_come_from_the_tables(http: httpx.AsyncClient) -> None:
    """The page knows the actions and the diagram from here, and of nothing else."""
    actions = (await http.get("/demo/actions")).json()
    assert [(row["name"], row["label"], row["target"], row["text"]) for row in actions] == [
        (action.name, action.label, action.target, action.text) for action in ACTIONS.values()
    ]
    states = (await http.get("/demo/states")).json()
    assert states["states"] == ["BOOT", "PASSIVE", "ACTIVE", "DRAINING", "ENDED"]
    steps = {(edge["source"], edge["trigger"], edge["target"]) for edge in states["edges"]}
    table = {(source.name, edge.trigger, edge.target.name) for edge in EDGES for source in edge.sources}
    assert steps - table == {("DRAINING", "exit", "ENDED")}
    assert table <= steps


async def test_an_action_is_performed(http: httpx.AsyncClient, system: Standing) -> None:
    """On the ACTIVE instance where none is named."""
    assert (await http.post("/demo/do", json={"action": "crash"})).status_code == 200
    assert system.done == [("crash", None)]


@pytest.mark.parametrize(
    ("wanted", "status", "error"),
    [
        ({"action": "freeze"}, 409, "It is frozen already."),
        ({"action": "fail_over"}, 500, "it does not start"),
        ({"action": "restart_postgres"}, 504, "it has not come about in time"),
        ({"action": "explode"}, 409, "There is no action 'explode'."),
        ({"action": "crash", "instance": "ninth"}, 409, "The ninth instance does not run."),
        ({"action": "crash", "instance": 1}, 400, "instance must be a string"),
        ({}, 400, "action must be a string"),
        ([], 400, "a JSON object is expected"),
    ],
)
async def test_what_is_refused_is_said(
    http: httpx.AsyncClient, system: Standing, wanted: Any, status: int, error: str
) -> None:
    """In JSON, and nothing is done."""
    answer = await http.post("/demo/do", json=wanted)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert system.done == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"rate": NaN}', b'{"rate": true}', b'{"rate": -1}']
)
async def test_a_body_that_makes_no_sense_is_a_400(http: httpx.AsyncClient, system: Standing, body: bytes) -> None:
    """And the load stays."""
    assert (await http.post("/demo/load", json={"rate": 20})).status_code == 200
    answer = await http.post("/demo/load", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert system.people.rate == 20


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/demo/nothing", 404),
        ("GET", "/demo/page/../server.py", 404),
        ("GET", "/demo/do", 405),
        ("POST", "/", 405),
    ],
)
async def test_unknown_pages_and_methods(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """A JSON 404 or 405."""
    answer = await http.request(method, path)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize("headers", [{"Host": "example.org"}, {"Origin": "http://example.org"}, {"Origin": "null"}])
async def test_other_web_pages_are_kept_out(http: httpx.AsyncClient, system: Standing, headers: dict[str, str]) -> None:
    """403 before anything is read or done."""
    answer = await http.post("/demo/do", json={"action": "crash"}, headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    assert system.done == []


async def test_a_step_of_the_tour(http: httpx.AsyncClient, step: LongStep) -> None:
    """The request that begins one is answered at once; another is refused meanwhile; the stream tells how it ends."""
    assert (await http.post("/demo/tour", json={"step": "short"})).status_code == 404
    assert (await http.post("/demo/tour", json={"step": "long"})).status_code == 202
    assert (await http.post("/demo/tour", json={"step": "long"})).status_code == 409
    async with await trio.open_tcp_stream("127.0.0.1", http.base_url.port or 0) as page:
        await page.send_all(b"GET /demo/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"text/event-stream" in await until_said(page, b'"state": "running", "doing": "waits"')
        step.go_on.set()
        await until_said(page, b'"state": "done", "doing": "", "sentence": "It has waited."')


async def until_said(stream: trio.SocketStream, words: bytes) -> bytes:
    """All that comes until the words do."""
    said = b""
    with trio.fail_after(60):
        while words not in said:
            said += await stream.receive_some()
    return said


# The stream in memory


def event(part: bytes) -> tuple[str, Any]:
    """The name of one event and its data."""
    name, data, *end = part.decode().split("\n")
    assert end == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.fixture
def streams(system: Standing, step: LongStep) -> Streams:
    return Streams(as_system(system), Tour(as_system(system)))


async def test_how_often_the_stream_tells_what(
    streams: Streams, system: Standing, autojump_clock: trio.testing.MockClock
) -> None:
    """The system twice a second, the plots once, the log whenever there is something new."""
    first = Logging("first")
    system.instances = [first]
    first.say("hello")
    began = trio.current_time()
    told: list[tuple[float, str]] = []
    async with aclosing(streams.open() or pytest.fail("refused")) as parts:
        async for part in parts:
            told.append((trio.current_time() - began, event(part)[0]))
            if len(told) == 4:
                first.say("again")
            if told[-1][0] >= 1.5:
                break
    assert [at for at, name in told if name == "system"] == [0, 0.5, 1, 1.5]
    assert [at for at, name in told if name == "plots"] == [0, 1]
    assert [at for at, name in told if name == "log"] == [0, 0.75]


async def test_the_log_is_told_line_by_line_and_once(
    streams: Streams, system: Standing, autojump_clock: trio.testing.MockClock
) -> None:
    """In the order in which the lines came, those of a new instance too, and no more than the latest few hundred."""
    first, second = Logging("first"), Logging("second")
    system.instances = [first]
    for number in range(MAX_LINES + 100):
        first.say(str(number))
    told: list[list[str]] = []
    async with aclosing(streams.open() or pytest.fail("refused")) as parts:
        async for part in parts:
            name, data = event(part)
            if name == "log":
                told.append([line["text"] for line in data])
                system.instances = [first, second]
                first.say("one", NOW + 1)
                second.say("two", NOW + 2)
                first.say("three", NOW + 3)
            if len(told) == 2:
                break
    assert told == [[str(number) for number in range(100, MAX_LINES + 100)], ["one", "two", "three"]]


async def test_so_many_streams_and_no_more(streams: Streams) -> None:
    """Who comes later is refused until one of the others has left."""
    parts = [streams.open() or pytest.fail("refused") for _ in range(MAX_STREAMS)]
    for each in parts:
        await anext(each)
    assert streams.open() is None
    await parts.pop().aclose()
    assert streams.open() is not None
    for each in parts:
        await each.aclose()


async def test_what_a_change_of_the_lead_is_put_down_to(http: httpx.AsyncClient, system: Standing) -> None:
    """What can bring one about, and nothing that was only done shortly before."""
    for action in ("crash", "start", "provider_slow"):
        await http.post("/demo/do", json={"action": action})
    assert [name for name, _ in system.done] == ["crash", "start", "provider_slow"]
    assert system.because_of == ["crash"]

"""The webhook as ASGI middleware, in memory: what it answers, when, and what it has stored by then."""

from __future__ import annotations

import ast
import hmac
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from svc.intake.accept import Intake
from svc.intake.bodies import MAX_BODIES, MAX_BODY, Bodies, Rejected, read_body
from svc.intake.turns import Turns
from svc.intake.webhook import WebhookMiddleware
from svc.observability.metrics import Metrics
from svc.storage.database import DatabaseRefused, DatabaseUnavailable
from svc.storage.inbox import Received
from tests.harness import SECRET, captured_logs
from tests.intake import DISCONNECT, AsgiRequest, Store

START = b'{"update_id":7,\n"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"/start"}}'
ROOT = Path(__file__).parent.parent


class WebhookClient:
    """A client of a webhook, which makes one request at a time."""

    def __init__(self, *, hints: int = 10, secret: str = SECRET) -> None:
        self.store = Store()
        self.metrics = Metrics()
        self.passed_on: list[tuple[Any, Any, Any]] = []
        self.request = AsgiRequest("/webhook")
        send_hint, self.hints = trio.open_memory_channel[Received](hints)
        intake = Intake(self.store, send_hint)
        self.webhook = WebhookMiddleware(
            self._everything_else, intake, secret=secret, metrics=self.metrics, turns=Turns()
        )

    async def _everything_else(self, scope: Any, receive: Any, send: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.passed_on.append((scope, receive, send))

    async def post(
        self,
        *bodies: bytes,
        method: str = "POST",
        headers: dict[str, str | bytes | None] | None = None,
        then: Iterable[dict[str, Any]] = (),
        pause: float = 0.0,
    ) -> int | None:
        """Send a request whose body comes in `bodies`; its status, or None if it was not answered.

        `headers` change the usual ones (None leaves one out); `then` are events in place of the last of the body.
        """
        fields: dict[str, str | bytes | None] = {
            "X-Telegram-Bot-Api-Secret-Token": SECRET,
            "Content-Type": "application/json",
            "Content-Length": str(sum(map(len, bodies))),
        }
        fields.update(headers or {})
        raw = [
            (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in fields.items()
            if value is not None
        ]
        more = list(then)
        events: list[dict[str, Any]] = [
            {"type": "http.request", "body": body, "more_body": bool(more) or number < len(bodies)}
            for number, body in enumerate(bodies, start=1)
        ] + more
        self.request = AsgiRequest("/webhook", method, headers=raw, events=events, pause=pause)
        return await self.request.put_to(self.webhook)

    def hinted(self) -> list[int]:
        """The updates hinted to the workers since the last call."""
        found = []
        while self.hints.statistics().current_buffer_used:
            found.append(self.hints.receive_nowait().update_id)
        return found


async def test_a_stored_update_is_answered_with_an_empty_200() -> None:
    """200 without a body, once the update is stored as it came, and a hint for the workers."""
    client = WebhookClient()
    with captured_logs() as logs:
        assert await client.post(START[:20], START[20:]) == 200
    assert client.request.body == b""
    assert client.request.headers == {"content-length": "0"}
    stored = client.store.stored[7]
    assert (stored.chat_id, stored.kind, stored.payload) == (5, "message", START)
    assert client.hinted() == [7]
    assert logs.names() == ["ENQUEUED"]
    assert client.metrics.registry.get_sample_value("svc_ack_seconds_count") == 1


async def test_no_answer_leaves_before_the_store_has_returned() -> None:
    """The first byte of a 200 is sent after the commit, not before and not beside it."""
    client = WebhookClient()
    client.store.may_return = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.post, START)
        await trio.testing.wait_all_tasks_blocked()
        assert client.request.sent == []
        client.store.may_return.set()
    assert client.request.sent[0]["status"] == 200
    assert list(client.store.stored) == [7]


@pytest.mark.parametrize(
    "secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], SECRET.upper(), "пароль", b"\xff\xfe", b"\x00"]
)
async def test_a_request_without_the_secret_is_refused_unread(secret: str | bytes | None) -> None:
    """401 for a missing, wrong or non-ASCII secret, before a byte of the body is read."""
    client = WebhookClient()
    with captured_logs() as logs:
        assert await client.post(START, headers={"X-Telegram-Bot-Api-Secret-Token": secret}) == 401
    assert client.request.receives == 0
    assert client.store.stored == {}
    assert logs.names() == ["REJECTED"]
    assert SECRET.encode() not in client.request.body


async def test_the_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret goes through hmac.compare_digest, as bytes (text that is not ASCII would raise there)."""
    seen: list[tuple[Any, Any]] = []
    original = hmac.compare_digest

    def compare(left: Any, right: Any) -> bool:
        seen.append((left, right))
        return original(left, right)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert await WebhookClient().post(START) == 200
    assert seen == [(SECRET.encode(), SECRET.encode())]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
async def test_only_post_is_allowed(method: str) -> None:
    """405 with Allow for any other method."""
    client = WebhookClient()
    assert await client.post(START, method=method) == 405
    assert client.request.headers["allow"] == "POST"
    assert client.request.receives == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/json ;charset=utf-8", 200),
    ],
)
async def test_only_json_is_accepted(content_type: str | None, status: int) -> None:
    """415 for what does not call itself JSON; parameters and case do not matter."""
    assert await WebhookClient().post(START, headers={"Content-Type": content_type}) == status


@pytest.mark.parametrize("length", [str(MAX_BODY + 1), "9" * 20, "9" * 5000])
async def test_a_body_announced_as_too_large_is_not_read(length: str) -> None:
    """413 by Content-Length alone, however absurd the number is."""
    client = WebhookClient()
    assert await client.post(START, headers={"Content-Length": length}) == 413
    assert client.request.receives == 0


@pytest.mark.parametrize("length", ["-1", "+5", "1.5", "abc", "", "0x10", "٣", "5, 5"])
async def test_a_malformed_length_is_a_bad_request(length: str) -> None:
    """400 for a Content-Length that is no number; Telegram never sends one."""
    client = WebhookClient()
    assert await client.post(START, headers={"Content-Length": length}) == 400
    assert client.request.receives == 0


async def test_a_body_with_two_lengths_is_a_bad_request() -> None:
    """400, unread, and the end of the connection for a Content-Length beside Transfer-Encoding (RFC 9112, 6.3)."""
    for length in (len(START), len(START) + 100):
        client = WebhookClient()
        with captured_logs() as logs:
            lengths = {"Transfer-Encoding": "chunked", "Content-Length": str(length)}
            assert await client.post(START, headers=dict(lengths)) == 400
        assert client.request.headers["connection"] == "close"
        assert client.request.receives == 0
        assert logs.names() == ["REJECTED"]


async def test_a_body_short_of_its_length_is_answered() -> None:
    """400: whoever says that the body ends here may still wait for the answer."""
    client = WebhookClient()
    assert await client.post(START, headers={"Content-Length": str(len(START) + 1)}) == 400
    assert client.store.stored == {}


async def test_bodies_beyond_what_fits_are_left_with_telegram() -> None:
    """503 with Retry-After, unread, while bodies that wait for their commit take all the room; then there is some."""
    client = WebhookClient()
    client.store.may_return = trio.Event()
    numbers = range(10, 10 + MAX_BODIES // MAX_BODY)
    bodies = [(b'{"update_id":%d}' % number).ljust(MAX_BODY) for number in numbers]
    async with trio.open_nursery() as nursery:
        for body in bodies:
            nursery.start_soon(client.post, body)
            await trio.testing.wait_all_tasks_blocked()
        with captured_logs() as logs:
            assert await client.post(bodies[0]) == 503
        assert client.request.receives == 0
        assert client.request.headers["retry-after"] == "1"
        assert [line["reason"] for line in logs.lines] == ["too many updates at once"]
        client.store.may_return.set()
    assert len(client.store.stored) == len(bodies)
    assert await client.post(START) == 200


async def test_a_body_of_unknown_length_counts_as_it_comes() -> None:
    """A chunked body that nobody has announced is refused at the byte for which there is no room; its place is free
    again, whatever became of it."""
    bodies = Bodies(limit=100)
    events = [{"type": "http.request", "body": b"x" * 40, "more_body": True} for _ in range(3)]

    async def receive() -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return events.pop()

    with pytest.raises(Rejected, match="too many"), bodies.place(0) as place:
        await read_body(receive, 0, place)
    assert (bodies.size, events) == (0, [])


async def test_a_body_in_small_pieces_takes_what_it_weighs() -> None:
    """A body that comes two bytes at a time takes no more memory than one that comes whole, but for some room to grow:
    kept by itself, each piece would take twenty times its size."""
    size = 40_000
    left = iter(range(size - 2, -2, -2))

    async def receive() -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        rest = next(left)
        return {"type": "http.request", "body": b"%02d" % (rest % 100), "more_body": rest > 0}

    with Bodies().place(0) as place:
        tracemalloc.start()
        assert len(await read_body(receive, 0, place)) == size
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * size


async def test_a_body_that_turns_out_too_large_is_cut_off() -> None:
    """413 by actual size where no length was announced (chunked), without reading the rest."""
    client = WebhookClient()
    chunks = [b"x" * 65536] * 40
    assert await client.post(*chunks, headers={"Content-Length": None}) == 413
    assert client.request.receives == MAX_BODY // 65536 + 1
    assert client.store.stored == {}


async def test_the_largest_body_allowed_is_stored() -> None:
    """A body of exactly 1 MiB is taken."""
    padding = b" " * (MAX_BODY - len(START))
    client = WebhookClient()
    assert await client.post(START, padding) == 200
    assert len(client.store.stored[7].payload) == MAX_BODY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"{}",
        b'{"message":{}}',
        b'{"update_id":null}',
        b'{"update_id":true}',
        b'{"update_id":7.0}',
        b'{"update_id":1e3}',
        b'{"update_id":"7"}',
        b'{"update_id":[7]}',
        b'{"update_id":9223372036854775808}',
        b'{"update_id":-1,"job":{}}',
        b'{"update_id":%s}' % (b"9" * 5000),
        b'{"update_id":1}{"update_id":2}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_not_an_update_is_a_bad_request(body: bytes) -> None:
    """400 with a JSON reason, one line in the log, nothing stored."""
    client = WebhookClient()
    with captured_logs() as logs:
        assert await client.post(body) == 400
    assert list(json.loads(client.request.body)) == ["error"]
    assert client.request.headers["content-type"] == "application/json"
    assert client.request.headers["content-length"] == str(len(client.request.body))
    assert client.store.stored == {}
    assert logs.names() == ["REJECTED"]
    assert logs.errors() == []


@pytest.mark.parametrize("update_id", [0, 2**31 - 1, 2**63 - 1])
async def test_any_positive_64_bit_id_is_taken(update_id: int) -> None:
    """Ids are random and may restart anywhere: no value is special."""
    client = WebhookClient()
    assert await client.post(b'{"update_id":%d,"message":{}}' % update_id) == 200
    assert list(client.store.stored) == [update_id]


async def test_an_unknown_kind_is_stored() -> None:
    """A kind that Telegram adds tomorrow is accepted today."""
    client = WebhookClient()
    assert await client.post(b'{"update_id":8,"brand_new":{"from":{"id":3}}}') == 200
    assert (client.store.stored[8].kind, client.store.stored[8].chat_id) == ("brand_new", 3)


@pytest.mark.parametrize(
    "fault",
    [
        DatabaseUnavailable("gone"),
        DatabaseRefused("no such database"),
        RuntimeError("unforeseen"),
        ExceptionGroup("several", [RuntimeError("unforeseen")]),
        trio.BrokenResourceError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_an_update_that_cannot_be_stored_is_left_with_telegram(fault: Exception) -> None:
    """503 with Retry-After whatever the store raises, and no hint."""
    client = WebhookClient()
    client.store.fault = fault
    with captured_logs() as logs:
        assert await client.post(START) == 503
    assert client.request.headers["retry-after"].isdigit()
    assert logs.names() == ["NOT_STORED", "REJECTED"]
    assert ("exception" in logs.lines[0]) == (not isinstance(fault, DatabaseUnavailable | DatabaseRefused))
    assert client.hinted() == []


async def test_a_store_that_hangs_is_given_two_seconds(autojump_clock: trio.testing.MockClock) -> None:
    """503 after exactly 2 s without a commit; the store is cancelled."""
    client = WebhookClient()
    client.store.delay = 60.0
    began = trio.current_time()
    with captured_logs() as logs:
        assert await client.post(START) == 503
    assert trio.current_time() - began == pytest.approx(2.0)
    assert client.request.headers["retry-after"] == "1"
    assert client.store.stored == {}
    assert logs.errors() == []


async def test_a_store_that_is_just_in_time_counts(autojump_clock: trio.testing.MockClock) -> None:
    """A commit after 1.9 s is a commit: 200."""
    client = WebhookClient()
    client.store.delay = 1.9
    assert await client.post(START) == 200


async def test_a_slow_body_is_given_ten_seconds(autojump_clock: trio.testing.MockClock) -> None:
    """408 once the body has taken 10 s in all, however steadily it drips."""
    client = WebhookClient()
    began = trio.current_time()
    assert await client.post(*([b" "] * 100), pause=1.0) == 408
    assert trio.current_time() - began == pytest.approx(10.0)
    assert client.store.stored == {}


async def test_a_body_within_ten_seconds_is_taken(autojump_clock: trio.testing.MockClock) -> None:
    """Slow is not too slow: a body in nine pieces, one a second."""
    client = WebhookClient()
    assert await client.post(*([b" "] * 8), START, pause=1.0) == 200


async def test_a_cancelled_request_is_cancelled() -> None:
    """Shutdown goes through: neither an answer nor a 503 takes the place of the cancellation."""
    client = WebhookClient()
    client.store.delay = 3600.0
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.post, START)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert client.request.sent == []


async def test_a_full_hint_channel_is_no_error() -> None:
    """With no room for another hint the update is stored and acknowledged all the same."""
    client = WebhookClient(hints=1)
    with captured_logs() as logs:
        for update_id in (1, 2, 3):
            assert await client.post(b'{"update_id":%d}' % update_id) == 200
    assert sorted(client.store.stored) == [1, 2, 3]
    assert client.hinted() == [1]
    assert logs.names() == ["ENQUEUED", "ENQUEUED", "BACKLOG", "ENQUEUED", "BACKLOG"]


async def test_nobody_listening_to_hints_is_no_error() -> None:
    """With the receiving end of the hints closed the update is stored and acknowledged all the same."""
    client = WebhookClient()
    client.hints.close()
    assert await client.post(START) == 200


async def test_a_duplicate_is_acknowledged_and_not_hinted() -> None:
    """Telegram repeats an update until it gets a 200, so a duplicate gets one too; but no second hint."""
    client = WebhookClient()
    with captured_logs() as logs:
        assert [await client.post(START), await client.post(START)] == [200, 200]
    assert client.hinted() == [7]
    assert logs.names(7) == ["ENQUEUED", "DUPLICATE"]


@pytest.mark.parametrize(
    ("bodies", "then", "length"),
    [
        ((), [DISCONNECT], "100"),
        ((START[:9],), [DISCONNECT], "100"),
        ((START,), [DISCONNECT], None),
    ],
    ids=["before the body", "within it", "before the end of a chunked one"],
)
async def test_a_client_that_hangs_up_leaves_one_line(
    bodies: tuple[bytes, ...], then: list[dict[str, Any]], length: str | None
) -> None:
    """A request that never became whole is not stored, not answered, and one line in the log."""
    client = WebhookClient()
    with captured_logs() as logs:
        assert await client.post(*bodies, headers={"Content-Length": length}, then=then) is None
    assert client.store.stored == {}
    assert logs.names() == ["HANGUP"]
    assert logs.errors() == []


async def test_no_line_holds_the_secret_or_the_message() -> None:
    """Neither the secret nor what a user wrote is logged."""
    client = WebhookClient()
    with captured_logs() as logs:
        await client.post(START.replace(b"/start", b"my diary"))
        await client.post(START, headers={"X-Telegram-Bot-Api-Secret-Token": SECRET + "1"})
        client.store.fault = DatabaseUnavailable("gone")
        await client.post(START)
    assert len(logs.lines) == 4
    assert SECRET not in logs.out.getvalue()
    assert "diary" not in logs.out.getvalue()


def _imports(module: str) -> set[str]:
    """The project's modules that `module` imports anywhere in it, functions included, and their packages."""
    path = _path(module)
    assert path is not None
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "the walk knows absolute imports only"
            base = node.module or ""
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    with_packages = {".".join(name.split(".")[:depth]) for name in found for depth in range(1, name.count(".") + 2)}
    return {name for name in with_packages if _path(name) is not None}


def _path(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _reaches(module: str) -> set[str]:
    seen: set[str] = set()
    todo = [module]
    while todo:
        found = _imports(todo.pop()) - seen
        seen |= found
        todo += found
    return seen


INTAKE = [f"svc.intake.{path.stem}" for path in sorted((ROOT / "svc" / "intake").glob("[!_]*.py"))]


@pytest.mark.parametrize("module", INTAKE)
def test_the_intake_knows_nothing_of_the_rest_of_the_service(module: str) -> None:
    """Intake and delivery are two wings side by side, which only the wiring knows both of."""
    assert _reaches(module) & {"svc.delivery", "svc.leadership", "svc.operations", "svc.service"} == set()


@pytest.mark.parametrize(
    "module", ["svc.intake.webhook", "svc.intake.http_app", "svc.storage.postgres_inbox", "svc.bot.menu_bot"]
)
def test_the_intake_cannot_reach_the_bot_api(module: str) -> None:
    """PASSIVE is silent by construction: from here no chain of imports leads to the object that can send."""
    reached = _reaches(module)
    assert len(reached) > 3
    assert "telegram_client.client" not in reached


def test_only_the_active_wiring_and_the_preflight_hold_the_sender() -> None:
    """The client is imported by the ACTIVE wiring and its poller, by what can only ask getMe, and by commands."""
    importers = {
        module
        for folder in ("svc", "statemachine", "telegram_client")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "telegram_client.client" in _imports(module := ".".join(path.relative_to(ROOT).with_suffix("").parts))
    }
    commands = {"svc.operations.preflight", "svc.operations.inspect", "svc.operations.webhook_commands"}
    assert importers == {"svc.service", "svc.intake.polling", "telegram_client.get_me"} | commands


def test_the_service_makes_its_sender_in_the_active_scope_only() -> None:
    """`BotApi(...)` is called in one place of the service, which only an ACTIVE period enters."""
    tree = ast.parse((ROOT / "svc" / "service.py").read_text("utf-8"))
    makers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BotApi"
    ]
    assert makers == ["_open_period"]


async def test_without_a_secret_nobody_is_let_in() -> None:
    """INTAKE=polling needs none, and an empty header must not match it."""
    client = WebhookClient(secret="")
    for header in ("", None):
        assert await client.post(START, headers={"X-Telegram-Bot-Api-Secret-Token": header}) == 401
    assert client.store.stored == {}


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "lifespan"},
        {"type": "websocket", "path": "/webhook"},
        {"type": "http", "path": "/healthz"},
        {"type": "http", "path": "/webhook/"},
        {"type": "http", "path": "/Webhook"},
        {"type": "http", "path": ""},
    ],
)
async def test_everything_else_is_passed_on_untouched(scope: dict[str, str]) -> None:
    """As middleware it answers HTTP at exactly /webhook; the rest of the application gets what the server gave."""
    client = WebhookClient()

    async def send(_message: Any) -> None:
        raise AssertionError("answered")

    await client.webhook(scope, trio.sleep_forever, send)
    assert client.passed_on == [(scope, trio.sleep_forever, send)]

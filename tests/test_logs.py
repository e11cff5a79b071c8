"""Logs: how a line reads, what is hidden and counted, and that the table of events is the whole of them."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from svc.observability.events import EVENTS
from svc.observability.logs import configure_logging
from svc.settings.masking import SHORTEST
from tests.harness import captured_logs
from tests.transports import FakeTransport, answering

ROOT = Path(__file__).parent.parent
SECRET = 'to"ken\\ü-1234567'


def console(say: Callable[[Any], object], **options: Any) -> str:
    """What `say` prints on a terminal, without the time in front."""
    out = io.StringIO()
    configure_logging(log_format="console", level="debug", out=out, **options)
    say(structlog.get_logger())
    time, _, line = out.getvalue().partition(" ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", time)
    return line


def as_json(say: Callable[[Any], object], **options: Any) -> dict[str, Any]:
    """The one line that `say` writes, parsed."""
    with captured_logs(**options) as logs:
        say(structlog.get_logger())
    (line,) = logs.lines
    return line


def test_a_terminal_shows_the_original_bots_lines() -> None:
    """`[WORKER_1] 🎬 ACTIVE_PROCESS_START update_id=724051459`, as an operator knows it."""
    line = console(lambda log: log.info("ACTIVE_PROCESS_START", worker="WORKER_1", update_id=724051459), instance="i")
    assert line == "[WORKER_1] 🎬 ACTIVE_PROCESS_START update_id=724051459\n"
    line = console(lambda log: log.info("ENQUEUED", update_id=1, chat_id=2, type="message"))
    assert line == "[WEBHOOK] ✅ ENQUEUED update_id=1 chat_id=2 type=message\n"
    line = console(lambda log: log.info("MAIN_MENU_SENT", worker="WORKER_1", epoch=7, update_id=1, user_id=2))
    assert line == "[START] ✅ MAIN_MENU_SENT update_id=1 user_id=2 epoch=7\n"


def test_json_has_the_same_names_and_fields() -> None:
    """Elsewhere the same event is one object, with level, time and instance besides."""
    line = as_json(
        lambda log: log.info("ACTIVE_PROCESS_START", worker="WORKER_1", update_id=724051459, epoch=7), instance="i"
    )
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "ACTIVE_PROCESS_START",
        "level": "info",
        "worker": "WORKER_1",
        "update_id": 724051459,
        "epoch": 7,
        "instance": "i",
    }


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_names_its_source(event: str) -> None:
    """An event's line begins with who says it and its sign, as in the table."""
    source, sign = EVENTS[event]
    assert console(lambda log: log.info(event)) == f"[{source}] {sign} {event}\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (1.5, " x=1.5"),
        (2.0, " x=2"),
        (0.12345, " x=0.123"),
        (True, " x=True"),
        ("a b", ' x="a b"'),
        ("", " x="),
        ("line\nline", " x=line\\nline"),
        ("a\r\n b\x1b[31m", ' x="a\\r\\n b\\x1b[31m"'),
        ("\u2028\x85\ud83d", " x=\\u2028\\x85\\ud83d"),
        ("Привет👋", " x=Привет👋"),
    ],
)
def test_a_value_never_breaks_its_line(value: object, shown: str) -> None:
    """Whatever a value holds, an event is one line on a terminal, and one of JSON."""
    assert console(lambda log: log.info("DONE", x=value)) == f"[WORKER] 🏁 DONE{shown}\n"
    assert as_json(lambda log: log.info("DONE", x=value))["x"] == value


@pytest.mark.parametrize("value", [2**70, {1, 2}, Path("/x"), ValueError("no"), b"bytes", {"a": ["b"]}, float("nan")])
def test_any_value_can_be_logged(value: object) -> None:
    """A log call never raises, whatever it is given."""
    assert "x=" in console(lambda log: log.info("DONE", x=value))
    assert as_json(lambda log: log.info("DONE", x=value))["event"] == "DONE"


def test_a_terminal_without_emoji_is_no_error() -> None:
    """A stream that cannot say a sign gets its code."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    configure_logging(log_format="console", out=stream)
    structlog.get_logger().info("DONE", x="я")
    assert raw.getvalue().endswith(b"[WORKER] \\U0001f3c1 DONE x=\\u044f\n")


def _raise(log: Any) -> None:
    try:
        raise ValueError(f"https://api.telegram.org/bot{SECRET}/getMe")
    except ValueError:
        log.exception("FAILED", reason=f"with {SECRET}")


def _warn(_log: Any) -> None:
    logging.getLogger("some.library").warning("GET %s", f"/bot{SECRET}/getMe")


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info("DONE", url=f"/bot{SECRET}/"),
        lambda log: log.info("DONE", nested={"deep": [SECRET]}),
        lambda log: log.info("DONE", error=ValueError(SECRET)),
        lambda log: log.info(SECRET),
        lambda log: log.info("DONE", x=f"\ud83d{SECRET}"),
        _raise,
        _warn,
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(say: Callable[[Any], object]) -> None:
    """Fields, nested values, messages, exceptions and libraries' lines: only *** is printed, in both formats."""
    text = console(say, secrets=(SECRET,))
    with captured_logs(secrets=(SECRET,)) as logs:
        say(structlog.get_logger())
    for printed in (text, logs.out.getvalue()):
        assert "***" in printed
        assert "1234567" not in printed
    assert len(logs.lines) == 1


def test_of_two_secrets_the_longer_is_hidden_first() -> None:
    """A secret that begins like another leaves no rest of it."""
    line = console(lambda log: log.info("DONE", x="secret-and-more"), secrets=("", "secret", "secret-and-more"))
    assert line == "[WORKER] 🏁 DONE x=***\n"


def test_an_exception_is_shown_in_full() -> None:
    """On a terminal the traceback stands below its line; in JSON it is a field."""
    shown = console(_raise)
    assert shown.startswith("[STATE] 💥 FAILED reason=")
    assert "\nTraceback (most recent call last)" in shown
    assert "ValueError" in as_json(_raise)["exception"]


def test_what_is_not_printed_is_counted() -> None:
    """Metrics do not depend on the level: every event is counted, before anything is dropped."""
    counted: list[str] = []
    with captured_logs(level="error", count=counted.append) as logs:
        log = structlog.get_logger()
        log.debug("BUSY")
        log.info("DONE")
        log.warning("RETRY")
        log.error("DEAD")
        logging.getLogger("some.library").warning("hm")
    assert counted == ["BUSY", "DONE", "RETRY", "DEAD", "LIBRARY"]
    assert logs.names() == ["DEAD"]


@pytest.mark.parametrize(("level", "printed"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_the_least_that_is_printed(level: str, printed: int) -> None:
    """LOG_LEVEL."""
    with captured_logs(level=level) as logs:
        log = structlog.get_logger()
        for say in (log.debug, log.info, log.warning, log.error):
            say("DONE")
    assert len(logs.lines) == printed


def test_a_librarys_warning_is_an_event() -> None:
    """What a library logs at WARNING or above is LIBRARY, with its logger and text; the rest is not ours."""
    with captured_logs() as logs:
        library = logging.getLogger("some.library")
        library.info("chatter")
        library.warning("careful: %s", "hot")
        library.log(35, "odd level")
        library.critical("it burns")
        library.warning("%d arguments do not fit", "these")
    found = [(line["event"], line["level"], line["logger"], line["message"]) for line in logs.lines]
    assert found == [
        ("LIBRARY", "warning", "some.library", "careful: hot"),
        ("LIBRARY", "warning", "some.library", "odd level"),
        ("LIBRARY", "error", "some.library", "it burns"),
        ("LIBRARY", "warning", "some.library", "%d arguments do not fit"),
    ]
    assert not any("exception" in line for line in logs.lines)


def test_a_librarys_exception_keeps_its_traceback() -> None:
    """A library's logger.exception() is an error with the traceback as a field."""
    with captured_logs() as logs:
        try:
            raise RuntimeError("inside")
        except RuntimeError:
            logging.getLogger("some.library").exception("failed")
    (line,) = logs.lines
    assert line["level"] == "error"
    assert "RuntimeError: inside" in line["exception"]


async def test_httpx_prints_no_url() -> None:
    """httpx logs the URL of every request at INFO, and ours hold the token: not even LOG_LEVEL=debug shows it."""
    with captured_logs(level="debug") as logs:
        transport = FakeTransport(answering(200, b""))
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("https://api.telegram.org/bot1:token/getMe")
    assert logs.lines == []


# Whatever is logged


class Unprintable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no")


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["\ud83d", "\n\r\0\x1b[31m\u2028", '"}\n{"', "a" * 5000]
)
NUMBERS = st.integers() | st.sampled_from([2**70, -(2**70)]) | st.floats()
LEAVES = TEXTS | NUMBERS | st.none() | st.booleans() | st.binary(max_size=8) | st.builds(Unprintable)
KEYS = TEXTS | st.integers() | st.none() | st.tuples(st.integers())
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner))
# A secret may be any password: within a number, or a part of what JSON is made of.
SECRETS = st.lists(st.sampled_from(["1234", '","', '": "', "null", "true", SECRET, "\n  x"]), max_size=3)


def _no_constant(name: str) -> None:
    pytest.fail(f"{name} is no JSON")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "update_id", "reason"]), ANYTHING), TEXTS, SECRETS, st.booleans())
def test_json_whatever_is_logged(fields: dict[str, Any], message: str, secrets: list[str], fails: bool) -> None:
    """One line, and JSON as everybody reads it: also with an exception of several lines, and a secret in anything."""
    out = io.StringIO()
    configure_logging(log_format="json", out=out, secrets=secrets)
    log = structlog.get_logger()
    try:
        raise ValueError(message)
    except ValueError:
        (log.exception if fails else log.info)("DONE", **fields)
    line, end, rest = out.getvalue().partition("\n")
    assert (end, rest) == ("\n", "")
    read = json.loads(line, parse_constant=_no_constant)
    assert ("exception" in read) is fails
    assert line.isprintable() or not any(each < " " for each in line)
    if fails and not secrets:
        assert read["exception"].startswith("Traceback")


@given(st.integers(1000, 10**12), st.sampled_from(["1234", "99"]))
def test_a_secret_within_a_number(number: int, secret: str) -> None:
    """It is hidden there too, and the line stays JSON."""
    with captured_logs(secrets=[secret]) as logs:
        structlog.get_logger().info("DONE", update_id=number)
    (line,) = logs.lines
    shown = str(line["update_id"])
    assert shown == (str(number).replace(secret, "***") if len(secret) >= SHORTEST else str(number))


def test_a_value_without_end() -> None:
    """One that holds itself ends somewhere, and a number of which Python makes no text is named."""
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for endless in (circle, 10**5000):
        say = partial(_say, endless)
        assert as_json(say)["event"] == "DONE"
        assert "DONE x=" in console(say)


def _say(value: object, log: Any) -> None:
    log.info("DONE", x=value)


def test_two_threads_at_once() -> None:
    """Their lines do not mix: each is whole."""
    lines, size = 400, 3000
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as out, os.fdopen(reader, "rb") as pipe:
        configure_logging(log_format="json", out=out)
        log = structlog.get_logger()

        def write(name: str) -> None:
            for number in range(lines):
                log.info("DONE", x=name * size, number=number)

        threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        read = [json.loads(pipe.readline()) for _ in range(2 * lines)]
        for thread in threads:
            thread.join()
    for name in "ab":
        assert [line["number"] for line in read if line["x"] == name * size] == list(range(lines))


def test_a_line_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """The disk is full: the first lines wait in the buffer, the others are lost, and how many is said afterwards."""
    with Path("/dev/full").open("w", encoding="utf-8") as out:
        configure_logging(log_format="json", out=out)
        log = structlog.get_logger()
        for number in range(500):
            log.info("DONE", x="x" * 100, number=number)
        with (tmp_path / "log").open("wb") as room:
            os.dup2(room.fileno(), out.fileno())
        log.info("DONE", number=500)
    *waited, latest, lost = map(json.loads, (tmp_path / "log").read_text("utf-8").splitlines())
    assert [line["number"] for line in waited] == list(range(len(waited)))
    assert latest["number"] == 500
    assert (lost["event"], lost["lines"]) == ("LINES_LOST", 500 - len(waited))
    assert 0 < len(waited) < 500


def test_without_stdout_the_log_goes_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started the process has closed it (`svc run >&-`)."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", errors := io.StringIO())
    configure_logging(log_format="json")
    structlog.get_logger().info("DONE")
    assert json.loads(errors.getvalue())["event"] == "DONE"


def test_a_pipe_that_nobody_reads_any_more_stops_nobody() -> None:
    """Who read the log has gone: the service goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w", encoding="utf-8")
    configure_logging(log_format="json", out=out)
    structlog.get_logger().info("DONE")
    with pytest.raises(BrokenPipeError):
        out.close()


# The table of events


def _logged() -> dict[str, list[str]]:
    """Every event that the service's code names, with the files that do: log calls, and a reply's before and after."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "svc").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                for name in _events_of(node):
                    found.setdefault(name, []).append(path.name)
    return found


def _events_of(call: ast.Call) -> list[str]:
    methods = {"debug", "info", "warning", "error", "exception", "critical"}
    named: list[ast.expr] = []
    if isinstance(call.func, ast.Attribute) and call.func.attr in methods and _is_log(call.func.value):
        named = call.args[:1]
    elif isinstance(call.func, ast.Name) and call.func.id in {"Reply", "show"}:
        named = [keyword.value for keyword in call.keywords if keyword.arg in {"before", "after"}]
    return [node.value for node in named if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _is_log(node: ast.expr) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    return (isinstance(node, ast.Name) and node.id == "log") or (
        isinstance(node, ast.Attribute) and node.attr == "_log"
    )


def test_every_event_logged_is_in_the_table() -> None:
    """A misspelt name would be counted as OTHER and found by no grep."""
    logged = _logged()
    assert len(logged) > 20
    assert {name: files for name, files in logged.items() if name not in EVENTS} == {}


def test_every_event_of_the_table_is_logged() -> None:
    """The table promises nothing that the code does not say."""
    assert sorted(set(EVENTS) - set(_logged())) == []


def test_every_log_call_names_its_event() -> None:
    """An event is a constant at its call, but for a Reply's own: what is not could not be checked here."""
    unnamed = [
        f"{path.name}:{node.lineno} {ast.unparse(node.args[0])}"
        for path in sorted((ROOT / "svc").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical", "log"}
        and _is_log(node.func.value)
        and not isinstance(node.args[0], ast.Constant)
    ]
    assert [entry.split()[1] for entry in unnamed] == ["reply.before", "reply.after"]

"""The token is nowhere: after every fault there is, at every level of every library's log, and in all that is shown."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import trio
import trio.testing

from sandbox.app import Sandbox
from sandbox.faults import FaultKind
from sandbox.telegram import DEMO_TOKEN
from svc.settings.environment import Intake
from telegram_client.client import BotApi
from telegram_client.errors import TelegramError
from telegram_client.flood import FloodControl
from telegram_client.uploads import InputFile
from tests.harness import captured_logs, running_bot
from tests.transports import FakeTransport

# Its parts as well: the second is the secret itself.
SECRETS = (DEMO_TOKEN, DEMO_TOKEN.partition(":")[2])
# For the two faults that never answer; all others answer at once.
SHORT = 0.05
FAULTS = list(FaultKind)


class Everything(logging.Handler):
    """Keeps each record as text, with its traceback and its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self.loggers: set[str] = set()
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.loggers.add(record.name.partition(".")[0])
        self.lines += [self.format(record), repr(record.args), repr(record.exc_info)]


@contextmanager
def everything_logged() -> Iterator[Everything]:
    """All that any logger says at any level."""
    handler = Everything()
    root = logging.getLogger()
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    before = [(each, each.level, each.disabled) for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
        each.disabled = False
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        for each, level, disabled in before:
            each.setLevel(level)
            each.disabled = disabled


def shown(error: BaseException) -> list[str]:
    """All that anybody could print of an error, its group, its causes and its fields."""
    texts = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        if other is not None:
            texts += shown(other)
    return texts


def shows_nothing(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            assert secret not in text


async def provoke(url: str, fault: FaultKind, sandbox: Sandbox, params: dict[str, Any]) -> list[TelegramError]:
    """The errors of a call over a socket with this fault, and of one with nobody there."""
    sandbox.faults.order(fault, delay=3600.0, count=None)
    timeout = SHORT if fault in (FaultKind.HANG, FaultKind.SLOW, FaultKind.SLOW_AFTER) else None
    errors = []
    for root in (url, "https://" + url.removeprefix("http://"), "http://127.0.0.1:1"):
        async with BotApi(DEMO_TOKEN, root=root) as api:
            shows_nothing(repr(api), str(api))
            with pytest.raises(TelegramError) as caught:
                await api.call("sendPhoto" if "photo" in params else "sendMessage", params, timeout=timeout)
            errors.append(caught.value)
    sandbox.faults.clear()
    return errors


async def test_no_fault_of_a_call_tells_the_token(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Over real sockets, JSON and uploads: no library's debug log, no error, group or traceback holds it."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    url = await nursery.start(sandbox.run)
    photo = tmp_path / "photo"
    photo.write_text("x")
    errors: list[TelegramError] = []
    with everything_logged() as log, trio.fail_after(60):
        for fault in FAULTS:
            for params in ({"chat_id": 5, "text": "hi"}, {"chat_id": 5, "photo": InputFile(photo)}):
                errors += await provoke(url, fault, sandbox, params)
        group = ExceptionGroup("all of them", errors)
        logging.getLogger("anybody").error("%r", group, exc_info=group)
    assert len(errors) == 6 * len(FAULTS)
    assert "anybody" in log.loggers
    shows_nothing(*log.lines, *shown(group))
    nursery.cancel_scope.cancel()


async def test_a_call_that_goes_well_tells_nothing(nursery: trio.Nursery) -> None:
    """The ordinary path, kept-alive connections and the client's end included, logs not a line at any level."""
    sandbox = Sandbox()
    url = await nursery.start(sandbox.run)
    with everything_logged() as log, trio.fail_after(20):
        async with BotApi(DEMO_TOKEN, root=url) as api:
            for _ in range(3):
                await api.call("getMe")
    assert log.lines == []
    nursery.cancel_scope.cancel()


async def test_a_proxys_log_tells_nothing(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy the whole address is in the request's first line, and its password in a header."""
    sandbox = Sandbox()
    url = await nursery.start(sandbox.run)
    monkeypatch.setenv("http_proxy", f"http://user:{SECRETS[1]}@{url.removeprefix('http://')}")
    monkeypatch.setenv("no_proxy", "")
    with everything_logged() as log, trio.fail_after(20):
        async with BotApi(DEMO_TOKEN, root="http://api.example") as api:
            with pytest.raises(TelegramError) as caught:
                await api.call("getMe")
    assert "httpcore" in log.loggers
    shows_nothing(*log.lines, *shown(caught.value))
    nursery.cancel_scope.cancel()


async def test_an_error_within_a_call_tells_nothing() -> None:
    """Not even one that nobody foresaw, with what surrounds it; a transport's request does not show its address."""

    def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("unforeseen")

    transport = FakeTransport(broken)
    async with BotApi(DEMO_TOKEN, open_transport=lambda: transport) as api:
        with pytest.raises(ZeroDivisionError) as caught:
            await api.call("getMe")
    shows_nothing(*shown(caught.value), repr(transport.requests[0]), repr(FloodControl()))


METHODS: dict[Intake, tuple[str, ...]] = {
    "webhook": ("sendMessage", "getWebhookInfo", "setWebhook"),
    "polling": ("sendMessage", "getUpdates"),
}


@pytest.mark.parametrize("intake", METHODS)
@pytest.mark.parametrize("masked", [True, False])
async def test_a_service_with_every_fault_tells_nothing(
    autojump_clock: trio.testing.MockClock, masked: bool, intake: Intake
) -> None:
    """The service's own log, also without its mask, what libraries log beneath it, and all that /metrics shows."""
    with everything_logged() as log:
        async with running_bot(masked=masked, intake=intake, webhook_url="https://bot.example/webhook") as bot:
            if intake == "polling":
                bot.sandbox.telegram.call(DEMO_TOKEN, "deleteWebhook", {})
            logging.getLogger().addHandler(log)  # the service has set up the root logger for itself
            for number, fault in enumerate(FAULTS):
                for method in METHODS[intake]:
                    bot.sandbox.faults.order(fault, delay=60.0, method=method)
                await bot.send(100 + number)
                await bot.settled()
                await trio.sleep(70)
            page = bot.metrics.page().decode()
            lines = bot.logs.out.getvalue()
            names = set(bot.logs.names())
            await bot.drain()
    assert {
        "RETRY",
        "UNCLEAR",
        "FOUND",
        "MAIN_MENU_SENT",
        "WEBHOOK_RETRY" if intake == "webhook" else "POLL_RETRY",
    } <= names
    assert "svc_events" in page
    shows_nothing(lines, page, *log.lines)


def test_what_is_logged_by_mistake_is_hidden() -> None:
    """Should a line hold it all the same, the last step of the log hides it."""
    with captured_logs(secrets=(DEMO_TOKEN,)) as logs:
        structlog.get_logger().info("URL", url=f"https://api.telegram.org/bot{DEMO_TOKEN}/getMe")
    shows_nothing(logs.out.getvalue())
    assert "/getMe" in logs.out.getvalue()

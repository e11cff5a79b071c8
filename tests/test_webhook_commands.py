"""`svc webhook set|info|delete`: what they do at Telegram, and what they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from sandbox.app import Sandbox
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from svc.operations.webhook_commands import delete_webhook, set_webhook, show_webhook
from tests.harness import SECRET, settings_for_tests

URL = "https://bot.example/webhook"
OLD = WebhookSettings("https://old.example/", "an-older-one")
Output = pytest.CaptureFixture[str]


@pytest.fixture
async def sandbox(autojump_clock: trio.testing.MockClock) -> Sandbox:
    """A Telegram where one update waits for the old webhook."""
    sandbox = Sandbox(strict_webhooks=True)
    bot = sandbox.telegram.bot()
    bot.webhook = OLD
    sandbox.telegram.push_update("poll", {"id": "1"})
    return sandbox


def settings(**changes: Any) -> Any:
    return settings_for_tests(**{"webhook_url": URL, **changes})


def printed(output: Output) -> tuple[list[str], list[str]]:
    """The lines on stdout and on stderr, in which no secret ever stands."""
    out, err = output.readouterr()
    for secret in (DEMO_TOKEN, SECRET):
        assert secret not in out + err
    return out.splitlines(), err.splitlines()


async def test_set_sets_address_and_secret(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """The webhook is WEBHOOK_URL's, with WEBHOOK_SECRET, for all kinds; what was pending still is."""
    sandbox.telegram.bot().allowed_updates = frozenset({"poll"})
    assert await set_webhook(settings(), open_transport=sandbox.transport)
    bot = sandbox.telegram.bot()
    assert bot.webhook == WebhookSettings(URL, SECRET, 40)
    assert bot.allowed_updates is None
    assert len(bot.pending) == 1
    assert printed(capsys) == ([f"the webhook is set: {URL}"], [])


async def test_set_changes_the_secret_alone_too(autojump_clock: trio.testing.MockClock, sandbox: Sandbox) -> None:
    """Telegram cannot show the secret, so it is sent whatever stands there."""
    sandbox.telegram.bot().webhook = WebhookSettings(URL, "an-older-one")
    assert await set_webhook(settings(), open_transport=sandbox.transport)
    assert sandbox.telegram.bot().webhook == WebhookSettings(URL, SECRET, 40)


async def test_set_waits_as_telegram_says(autojump_clock: trio.testing.MockClock, sandbox: Sandbox) -> None:
    """A 429 is waited out and the call made again."""
    sandbox.faults.order("flood", retry_after=20)
    started = trio.current_time()
    assert await set_webhook(settings(), open_transport=sandbox.transport)
    assert trio.current_time() - started >= 20


async def test_a_long_wait_is_said_instead(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """Nobody waits for an hour at a terminal."""
    sandbox.faults.order("flood", retry_after=3600)
    started = trio.current_time()
    assert not await set_webhook(settings(), open_transport=sandbox.transport)
    assert trio.current_time() - started < 1
    out, (line,) = printed(capsys)
    assert out == []
    assert "3600" in line


async def test_a_refusal_says_what_it_means(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """Telegram has closed the old webhook before it said no: the line warns of that."""
    sandbox.faults.order("error", status=400, description="Bad Request: bad webhook: Failed to resolve host")
    assert not await set_webhook(settings(), open_transport=sandbox.transport)
    _, (line,) = printed(capsys)
    assert "Failed to resolve host" in line
    assert "may have none now" in line


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html", "error"])
async def test_a_lost_call_is_made_again(autojump_clock: trio.testing.MockClock, sandbox: Sandbox, fault: str) -> None:
    """All three may be made twice without harm."""
    sandbox.faults.order(fault, count=2)
    assert await set_webhook(settings(), open_transport=sandbox.transport)
    sandbox.faults.order(fault, count=2)
    assert await show_webhook(settings(), as_json=True, open_transport=sandbox.transport)
    sandbox.faults.order(fault, count=2, method="deleteWebhook")
    assert await delete_webhook(settings(), open_transport=sandbox.transport)
    assert sandbox.telegram.bot().webhook is None


@pytest.mark.parametrize("command", ["set", "info", "delete"])
async def test_telegram_out_of_reach_is_one_line(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output, command: str
) -> None:
    """Each gives up after a few attempts and says why."""
    sandbox.faults.order("cut_before", count=None)
    match command:
        case "set":
            done = await set_webhook(settings(), open_transport=sandbox.transport)
        case "info":
            done = await show_webhook(settings(), as_json=False, open_transport=sandbox.transport)
        case _:
            done = await delete_webhook(settings(), open_transport=sandbox.transport)
    assert not done
    out, (line,) = printed(capsys)
    assert out == []
    assert "RemoteProtocolError" in line


async def test_info_shows_every_field(autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output) -> None:
    """One line a field, times readable."""
    bot = sandbox.telegram.bot()
    bot.last_error_date, bot.last_error_message = 1_700_000_000, "Connection refused"
    bot.allowed_updates = frozenset({"message", "poll"})
    assert await show_webhook(settings(), as_json=False, open_transport=sandbox.transport)
    out, err = printed(capsys)
    fields = dict(line.split(maxsplit=1) for line in out)
    assert fields.pop("last_error_date")[:8] == "2023-11-"
    assert fields == {
        "url": "https://old.example/",
        "has_custom_certificate": "no",
        "pending_update_count": "1",
        "max_connections": "40",
        "ip_address": "<unknown>",
        "last_error_message": "Connection refused",
        "allowed_updates": "message poll",
    }
    assert err == []


async def test_info_as_json_is_telegrams_answer(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """One object for scripts."""
    assert await show_webhook(settings(), as_json=True, open_transport=sandbox.transport)
    (line,), _ = printed(capsys)
    assert json.loads(line) == sandbox.telegram.call(DEMO_TOKEN, "getWebhookInfo", {}).body["result"]


async def test_info_without_a_webhook_says_so(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """Not an empty address."""
    sandbox.telegram.bot().webhook = None
    assert await show_webhook(settings(), as_json=False, open_transport=sandbox.transport)
    out, _ = printed(capsys)
    assert out[0].endswith("no webhook is set")


async def test_delete_keeps_what_is_pending(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """The webhook is gone, its updates wait; a second time there is nothing to do, which is no fault."""
    assert await delete_webhook(settings(), open_transport=sandbox.transport)
    assert await delete_webhook(settings(), open_transport=sandbox.transport)
    bot = sandbox.telegram.bot()
    assert bot.webhook is None
    assert len(bot.pending) == 1
    assert printed(capsys) == (["the webhook is deleted: https://old.example/", "no webhook was set"], [])


async def test_set_asks_for_the_kinds_that_the_bot_reads(
    autojump_clock: trio.testing.MockClock, sandbox: Sandbox, capsys: Output
) -> None:
    """What they are says the bot that BOT names; without one nothing is set."""
    assert await set_webhook(settings(bot="tests.bots:reads_reactions"), open_transport=sandbox.transport)
    assert "message_reaction" in (sandbox.telegram.bot().allowed_updates or ())
    assert not await set_webhook(settings(bot="tests.bots:nothing"), open_transport=sandbox.transport)
    assert printed(capsys)[1] == ["svc: BOT: tests.bots:nothing is not a svc.handler.bot.Bot"]

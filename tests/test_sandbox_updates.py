"""How a bot gets its updates: getUpdates, long polls, and the settings of a webhook."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from sandbox.answers import ApiAnswer
from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN, Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Telegram:
    return Telegram(now=clock)


def texts(answer: ApiAnswer) -> list[str]:
    return [update["message"]["text"] for update in answer.body["result"]]


def info(telegram: Telegram) -> dict[str, Any]:
    result: dict[str, Any] = call(telegram, "getWebhookInfo").body["result"]
    return result


def test_updates_come_again_until_the_offset_passes_them(telegram: Telegram) -> None:
    for text in "abc":
        telegram.user_sends_text(7, text)
    first = call(telegram, "getUpdates")
    assert texts(first) == ["a", "b", "c"]
    assert texts(call(telegram, "getUpdates", limit=2)) == ["a", "b"]
    second_id = first.body["result"][1]["update_id"]
    assert texts(call(telegram, "getUpdates", offset=second_id)) == ["b", "c"]
    assert texts(call(telegram, "getUpdates", offset=second_id + 2)) == []


def test_a_negative_offset_keeps_the_newest(telegram: Telegram) -> None:
    for text in "abc":
        telegram.user_sends_text(7, text)
    assert texts(call(telegram, "getUpdates", offset=-1)) == ["c"]
    assert texts(call(telegram, "getUpdates")) == ["c"]


def test_expired_updates_are_gone(telegram: Telegram, clock: ManualClock) -> None:
    telegram.user_sends_text(7, "old")
    clock.time += 86_401
    assert texts(call(telegram, "getUpdates")) == []


def test_only_allowed_kinds_arrive(telegram: Telegram) -> None:
    call(telegram, "getUpdates", allowed_updates='["callback_query"]')
    assert telegram.user_sends_text(7, "unseen") is None
    call(telegram, "getUpdates", allowed_updates=[])
    assert telegram.user_sends_text(7, "seen") is not None
    assert telegram.push_update("chat_member", {"from": {"id": 7}}) is None


def test_get_updates_conflicts_with_a_webhook(telegram: Telegram) -> None:
    call(telegram, "setWebhook", url=URL)
    answer = call(telegram, "getUpdates")
    assert (answer.status, answer.body["description"]) == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )


def test_set_webhook_says_whether_anything_changed(telegram: Telegram, clock: ManualClock) -> None:
    settings = {"url": URL, "secret_token": "s", "max_connections": 5}
    assert call(telegram, "setWebhook", **settings).body == {
        "ok": True,
        "result": True,
        "description": "Webhook was set",
    }
    clock.time += 1
    assert call(telegram, "setWebhook", **settings).body["description"] == "Webhook is already set"
    assert info(telegram)["url"] == URL
    assert info(telegram)["max_connections"] == 5


def test_set_webhook_twice_in_a_second_is_a_flood(telegram: Telegram, clock: ManualClock) -> None:
    call(telegram, "setWebhook", url=URL)
    answer = call(telegram, "setWebhook", url=URL + "2")
    assert answer.status == 429
    assert answer.body["parameters"] == {"retry_after": 1}
    assert answer.headers == (("Retry-After", "1"),)
    clock.time += 1
    assert call(telegram, "setWebhook", url=URL + "2").status == 200


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"url": "nonsense"}, "invalid webhook URL specified"),
        ({"url": "http://example.com/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": URL, "secret_token": "no spaces"}, "secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
def test_a_rejected_set_webhook_leaves_the_bot_with_none(
    telegram: Telegram, clock: ManualClock, settings: dict[str, Any], why: str
) -> None:
    call(telegram, "setWebhook", url=URL)
    clock.time += 1
    answer = call(telegram, "setWebhook", **settings)
    assert (answer.status, answer.body["description"]) == (400, f"Bad Request: {why}")
    assert info(telegram)["url"] == ""


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://example.com/hook", True),
        ("https://example.com:8443/hook", True),
        ("https://example.com:8080/hook", False),
        (URL, False),
    ],
)
def test_a_strict_sandbox_takes_what_the_public_server_takes(clock: ManualClock, url: str, accepted: bool) -> None:
    telegram = Telegram(now=clock, strict_webhooks=True)
    assert (call(telegram, "setWebhook", url=url).status == 200) is accepted


def test_delete_webhook_keeps_pending_updates_unless_told(telegram: Telegram) -> None:
    call(telegram, "setWebhook", url=URL)
    telegram.user_sends_text(7, "kept")
    assert call(telegram, "deleteWebhook").body["description"] == "Webhook was deleted"
    assert call(telegram, "deleteWebhook").body["description"] == "Webhook is already deleted"
    assert info(telegram)["pending_update_count"] == 1
    call(telegram, "deleteWebhook", drop_pending_updates="true")
    assert info(telegram)["pending_update_count"] == 0


def client(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=sandbox.transport(), base_url=f"http://sandbox/bot{DEMO_TOKEN}/")


async def test_a_long_poll_ends_with_its_timeout(autojump_clock: MockClock) -> None:
    async with client(Sandbox()) as http:
        answer = await http.get("getUpdates?timeout=30")
    assert answer.json()["result"] == []
    assert trio.current_time() == 30


async def test_a_long_poll_lasts_50_seconds_at_most(autojump_clock: MockClock) -> None:
    async with client(Sandbox()) as http:
        await http.post("getUpdates", json={"timeout": 500})
    assert trio.current_time() == 50


async def test_a_long_poll_ends_with_the_first_update(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    sandbox = Sandbox()

    async def write_later() -> None:
        await trio.sleep(3)
        sandbox.telegram.user_sends_text(7, "hi")

    nursery.start_soon(write_later)
    async with client(sandbox) as http:
        answer = await http.get("getUpdates?timeout=30")
    assert trio.current_time() == 3
    assert len(answer.json()["result"]) == 1
    assert len(sandbox.telegram.call_log.find("getUpdates")) == 1


@pytest.mark.parametrize(
    ("method", "params", "why"),
    [
        ("getUpdates", {}, "terminated by other getUpdates request; make sure that only one bot instance is running"),
        ("setWebhook", {"url": URL}, "terminated by setWebhook request"),
    ],
)
async def test_the_older_of_two_pollers_gets_409(
    autojump_clock: MockClock, nursery: trio.Nursery, method: str, params: dict[str, str], why: str
) -> None:
    sandbox = Sandbox()
    answers: list[httpx.Response] = []
    async with client(sandbox) as http:

        async def poll() -> None:
            answers.append(await http.get("getUpdates?timeout=30"))

        nursery.start_soon(poll)
        await trio.sleep(1)
        assert (await http.post(method, json=params)).status_code == 200
        await trio.testing.wait_all_tasks_blocked()
    (older,) = answers
    assert (older.status_code, older.json()["description"]) == (409, f"Conflict: {why}")
    assert trio.current_time() == 1

"""How the sandbox delivers webhooks, under a clock that jumps and with a bot that is a list of answers."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sandbox.app import Sandbox
from sandbox.clock import TrioWallClock
from sandbox.redelivery import RedeliverySchedule
from sandbox.telegram import DEMO_TOKEN
from sandbox.webhooks import PostResult

URL = "http://localhost:9/hook"
Step = int | PostResult | OSError


class ScriptedWebhook:
    """A bot's side: takes `seconds` for each request, answers by the script and then with `default`."""

    def __init__(self, *script: Step, default: Step = 200, seconds: float = 0.0) -> None:
        self.script = deque(script)
        self.default = default
        self.seconds = seconds
        self.times: list[float] = []
        self.updates: list[dict[str, Any]] = []
        self.raw: list[tuple[str, list[tuple[str, str]], bytes]] = []
        self.open = self.most_open = 0

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        self.times.append(trio.current_time())
        self.raw.append((url, headers, body))
        self.updates.append(json.loads(body))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.open -= 1
        step = self.script.popleft() if self.script else self.default
        if isinstance(step, OSError):
            raise step
        return step if isinstance(step, PostResult) else PostResult(step)

    @property
    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates if "message" in update]


Start = Callable[..., Awaitable[Sandbox]]


@pytest.fixture
def start(nursery: trio.Nursery) -> Start:
    async def start(webhook: ScriptedWebhook, *, duplicate_rate: float = 0.0, **settings: Any) -> Sandbox:
        sandbox = Sandbox(now=TrioWallClock(1_700_000_000), duplicate_rate=duplicate_rate)
        await nursery.start(sandbox.run_sender, webhook.post)
        set_webhook(sandbox, **settings)
        return sandbox

    return start


def set_webhook(sandbox: Sandbox, **settings: Any) -> None:
    assert sandbox.telegram.call(DEMO_TOKEN, "setWebhook", {"url": URL, **settings}).status == 200


def info(sandbox: Sandbox) -> dict[str, Any]:
    result: dict[str, Any] = sandbox.telegram.call(DEMO_TOKEN, "getWebhookInfo", {}).body["result"]
    return result


async def test_a_request_is_laid_out_as_telegrams(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook, secret_token="s3cret")
    update = sandbox.telegram.user_sends_text(7, "привет")
    await trio.sleep(1)
    assert update is not None
    ((url, headers, body),) = webhook.raw
    assert url == URL
    assert headers == [
        ("Host", "localhost:9"),
        ("X-Telegram-Bot-Api-Secret-Token", "s3cret"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip, deflate"),
    ]
    assert body.startswith(b'{"update_id":%d,\n"message":{"message_id":1,' % update.id)
    assert b'"text":"\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442"' in body
    assert json.loads(body) == update.as_object()


async def test_a_fixed_address_and_a_password_are_used(autojump_clock: MockClock, start: Start) -> None:
    """The connection goes to the `ip_address`, the Host stays that of the URL."""
    webhook = ScriptedWebhook()
    sandbox = await start(webhook, url="http://bot:pass@localhost:80", ip_address="127.0.0.2")
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1)
    ((url, headers, _),) = webhook.raw
    assert url == "http://127.0.0.2/"
    assert headers[:2] == [("Host", "localhost"), ("Authorization", "Basic Ym90OnBhc3M=")]


async def test_an_edit_of_an_old_message_is_delivered(autojump_clock: MockClock, start: Start) -> None:
    """It expires a day after the edit, however old the message is."""
    webhook = ScriptedWebhook()
    sandbox = await start(webhook)
    update = sandbox.telegram.user_sends_text(7, "/strat")
    assert update is not None
    await trio.sleep(3 * 86_400)
    sandbox.telegram.user_edits(7, update.body["message_id"], "/start")
    await trio.sleep(1)
    assert webhook.updates[-1]["edited_message"]["text"] == "/start"


async def test_without_a_secret_there_is_no_secret_header(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1)
    assert [name for name, _ in webhook.raw[0][1]][:2] == ["Host", "Content-Type"]


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_any_2xx_is_a_success(autojump_clock: MockClock, start: Start, status: int) -> None:
    webhook = ScriptedWebhook(status, default=500)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1000)
    assert len(webhook.updates) == 1
    assert info(sandbox)["pending_update_count"] == 0
    assert "last_error_message" not in info(sandbox)


async def test_a_failed_update_comes_at_once_then_after_2_to_64_s_then_every_1_to_2_minutes(
    autojump_clock: MockClock, start: Start
) -> None:
    webhook = ScriptedWebhook(default=503)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1000)
    pauses = [later - earlier for earlier, later in pairwise(webhook.times)]
    assert pauses[:7] == [0, 2, 4, 8, 16, 32, 64]
    assert len(pauses) > 12
    assert all(60 <= pause <= 120 for pause in pauses[7:])
    assert len(set(pauses[7:])) > 1


async def test_a_redirect_is_a_failure(autojump_clock: MockClock, start: Start) -> None:
    """The reason phrase is the one that the bot's server sent: `response->code_ << " " << response->reason_`."""
    webhook = ScriptedWebhook(PostResult(302, reason="Moved On"))
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1)
    assert len(webhook.updates) == 2
    assert info(sandbox)["last_error_message"] == "Wrong response from the webhook: 302 Moved On"


def test_retry_after_is_obeyed_up_to_an_hour_and_grows_nothing() -> None:
    backoff = RedeliverySchedule(random.Random(0))
    assert [backoff.next(5), backoff.next(99_999), backoff.next(7)] == [5, 3600, 7]
    assert [backoff.next(), backoff.next(1), backoff.next()] == [2, 1, 4]


async def test_retry_after_of_a_failing_answer_sets_the_pause(autojump_clock: MockClock, start: Start) -> None:
    busy = PostResult(503, [("retry-after", "9")])
    webhook = ScriptedWebhook(busy, busy, PostResult(503, [("Retry-After", "soon")]))
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(100)
    assert webhook.times == [0, 9, 18, 20]


async def test_one_chat_is_serial_even_through_failures(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(500, 500, seconds=1)
    sandbox = await start(webhook)
    for text in "abc":
        sandbox.telegram.user_sends_text(7, text)
    await trio.sleep(100)
    assert webhook.texts == ["a", "a", "a", "b", "c"]
    assert webhook.most_open == 1


async def test_other_chats_do_not_wait_for_one_that_fails(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(500, 500, 500, 500)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "fails")
    await trio.sleep(7)
    sandbox.telegram.user_sends_text(8, "passes")
    await trio.sleep(1)
    assert webhook.texts == ["fails"] * 4 + ["passes"]


async def test_a_press_and_a_message_of_one_chat_are_not_ordered(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=1)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "warm up")
    await trio.sleep(3)
    sandbox.telegram.user_sends_text(7, "text")
    sandbox.telegram.user_presses(7, 7, 1, "data")
    await trio.sleep(3)
    assert webhook.times == [0, 3, 3]


async def test_presses_of_one_user_are_serial_across_chats(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=1)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "private")
    group = sandbox.telegram.user_sends_text(7, "group", chat_type="group", chat_id=-5)
    await trio.sleep(5)
    assert group is not None
    sandbox.telegram.user_presses(7, 7, 1, "a")
    sandbox.telegram.user_presses(7, -5, group.body["message_id"], "b")
    await trio.sleep(5)
    assert webhook.times[-2:] == [5, 6]


async def test_connections_start_with_one_and_grow_to_the_limit(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=0.25)
    sandbox = await start(webhook, max_connections=25)
    for user_id in range(1, 400):
        sandbox.telegram.user_sends_text(user_id, "x")
    await trio.sleep(0.2)
    assert webhook.most_open == 1
    await trio.sleep(0.1)
    assert webhook.most_open == 11
    await trio.sleep(30)
    assert webhook.most_open == 25
    assert len(webhook.updates) == 399


async def test_after_10_s_without_success_one_connection_has_to_do(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(200, default=500)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(1, "passes")
    await trio.sleep(20)
    webhook.seconds = 1
    for user_id in range(2, 30):
        sandbox.telegram.user_sends_text(user_id, "fails")
    await trio.sleep(0.5)
    assert webhook.open > 1
    await trio.sleep(5)
    assert webhook.open == 1


async def test_no_answer_within_60_s_is_a_failure(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=1000)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(61)
    assert webhook.times == [0, 60]
    assert info(sandbox)["last_error_message"] == "Read timeout expired"


async def test_errors_show_in_webhook_info_and_success_does_not_clear_them(
    autojump_clock: MockClock, start: Start
) -> None:
    webhook = ScriptedWebhook(503, ConnectionRefusedError(111, "Connection refused"))
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(10)
    assert webhook.times == [0, 0, 2]
    assert info(sandbox)["pending_update_count"] == 0
    assert info(sandbox)["last_error_message"] == "Connection refused"
    assert info(sandbox)["last_error_date"] == 1_700_000_000


@pytest.mark.parametrize(("kind", "lifetime"), [("message", 86_400), ("callback_query", 150)])
async def test_an_update_is_given_up_when_it_expires(
    autojump_clock: MockClock, start: Start, kind: str, lifetime: int
) -> None:
    webhook = ScriptedWebhook(200, default=500)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "first")
    await trio.sleep(1)
    began = trio.current_time()
    if kind == "message":
        sandbox.telegram.user_sends_text(7, "x")
    else:
        sandbox.telegram.user_presses(7, 7, 1, "x")
    await trio.sleep(lifetime + 200)
    assert lifetime - 120 <= webhook.times[-1] - began <= lifetime
    assert info(sandbox)["pending_update_count"] == 0


async def test_an_expired_update_lets_the_next_one_through(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(200, *[500] * 8)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(1)
    sandbox.telegram.user_presses(7, 7, 1, "dies")
    sandbox.telegram.user_presses(7, 7, 1, "lives")
    await trio.sleep(300)
    assert [update["callback_query"]["data"] for update in webhook.updates[1:]] == ["dies"] * 8 + ["lives"]


async def test_a_lost_answer_makes_a_duplicate(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook)
    sandbox.sender.lose_answers(2)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(10)
    assert webhook.texts == ["x"] * 3


async def test_a_duplicate_rate_loses_that_share_of_answers(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook, duplicate_rate=0.5)
    for number in range(200):
        sandbox.telegram.user_sends_text(number + 1, "x")
    await trio.sleep(1000)
    assert info(sandbox)["pending_update_count"] == 0
    assert 300 < len(webhook.texts) < 500


async def test_a_changed_webhook_sends_what_was_in_flight_again(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=5)
    sandbox = await start(webhook)
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(2)
    set_webhook(sandbox, url=URL + "/new")
    await trio.sleep(10)
    assert [url for url, _, _ in webhook.raw] == [URL, URL + "/new"]
    assert webhook.times == [0, 2]


async def test_a_restarted_sender_sends_what_was_in_flight_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    webhook = ScriptedWebhook(seconds=5)
    sandbox = Sandbox()
    set_webhook(sandbox)
    sandbox.telegram.user_sends_text(7, "x")
    with trio.move_on_after(2):
        await sandbox.run_sender(webhook.post)
    await nursery.start(sandbox.run_sender, webhook.post)
    await trio.sleep(10)
    assert webhook.times == [0, 2]
    assert info(sandbox)["pending_update_count"] == 0


async def test_without_a_webhook_updates_wait(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook)
    sandbox.telegram.call(DEMO_TOKEN, "deleteWebhook", {})
    sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(100)
    assert webhook.texts == []
    set_webhook(sandbox)
    await trio.sleep(1)
    assert webhook.texts == ["x"]


async def test_dropping_pending_updates_in_mid_delivery_is_harmless(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook(seconds=1)
    sandbox = await start(webhook)
    for text in "abc":
        sandbox.telegram.user_sends_text(7, text)
    await trio.sleep(0.5)
    set_webhook_again = sandbox.telegram.call(DEMO_TOKEN, "deleteWebhook", {"drop_pending_updates": True})
    assert set_webhook_again.status == 200
    await trio.sleep(10)
    assert webhook.texts == ["a"]


async def test_an_unknown_kind_is_delivered_on_its_own(autojump_clock: MockClock, start: Start) -> None:
    webhook = ScriptedWebhook()
    sandbox = await start(webhook)
    sandbox.telegram.push_update("telepathy", {"thought": "🙂"})
    await trio.sleep(1)
    assert [update["telepathy"] for update in webhook.updates] == [{"thought": "🙂"}]
    assert b"\\ud83d\\ude42" in webhook.raw[0][2]


async def test_the_same_seed_gives_the_same_pauses(autojump_clock: MockClock, start: Start) -> None:
    first, second = ScriptedWebhook(default=500), ScriptedWebhook(default=500)
    for webhook in (first, second):
        sandbox = await start(webhook)
        sandbox.telegram.user_sends_text(7, "x")
    await trio.sleep(2000)
    assert first.times == second.times

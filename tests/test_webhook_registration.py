"""The webhook's registration: what it sets and when, what it leaves alone, and what it reports."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
from prometheus_client import CollectorRegistry

from sandbox.app import Sandbox
from sandbox.call_log import RecordedCall
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from svc.intake.webhook_registration import CHECK_EVERY, Change, Target, change_needed, register_webhook, target_of
from svc.observability.metrics import WebhookHealth
from telegram_client.client import BotApi
from telegram_client.update_kinds import DEFAULT_KINDS
from tests.harness import DEADLOCK, SECRET, Logs, captured_logs, running_bot, settings_for_tests
from tests.transports import FakeTransport

URL = "https://bot.example/webhook"
TARGET = Target(URL, SECRET)
AS_IT_SHOULD_BE = {"url": URL, "has_custom_certificate": False, "pending_update_count": 0, "max_connections": 40}


class Registered:
    """The registration of one instance with a sandbox, with what it logs and shows."""

    def __init__(self, sandbox: Sandbox, logs: Logs) -> None:
        self.sandbox = sandbox
        self.logs = logs
        registry = CollectorRegistry()
        self.health = WebhookHealth(registry)
        self.scope = trio.CancelScope()
        self._registry = registry

    def shown(self) -> tuple[float, float, list[str]]:
        """The gauges: updates pending, time and text of the last error."""
        samples = {sample.name: sample for metric in self._registry.collect() for sample in metric.samples}
        pending = samples["svc_webhook_pending_updates"].value
        at = samples["svc_webhook_last_error_timestamp_seconds"].value
        errors = [each.labels["message"] for name, each in samples.items() if name == "svc_webhook_last_error_info"]
        return pending, at, errors

    @property
    def sets(self) -> list[RecordedCall]:
        """Every setWebhook so far."""
        return self.sandbox.telegram.call_log.find("setWebhook")

    @property
    def webhook(self) -> WebhookSettings | None:
        """What Telegram has."""
        return self.sandbox.telegram.bot().webhook

    async def register(self, target: Target | None) -> None:
        """Register `target` and check it, for one term."""
        async with BotApi(DEMO_TOKEN, connections=1, open_transport=self.sandbox.transport) as api:
            with self.scope:
                await register_webhook(api, target, health=self.health, rng=random.Random(0))


@asynccontextmanager
async def registering(target: Target | None = TARGET, sandbox: Sandbox | None = None) -> AsyncIterator[Registered]:
    """A registration that has had 5 s for what it does first."""
    with captured_logs(secrets=(DEMO_TOKEN, SECRET)) as logs, trio.fail_after(DEADLOCK):
        registered = Registered(sandbox or Sandbox(strict_webhooks=True), logs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registered.register, target)
            await trio.sleep(5)
            yield registered
            registered.scope.cancel(reason="the test is over")


def set_by_hand(sandbox: Sandbox, **params: Any) -> None:
    sandbox.telegram.bot().webhook = WebhookSettings(**{"url": URL, "secret_token": SECRET, **params})


def have_failed(sandbox: Sandbox, message: str, *, at: int) -> None:
    bot = sandbox.telegram.bot()
    bot.last_error_date, bot.last_error_message = at, message


# The decision


def test_a_bot_that_reads_more_kinds_has_all_of_them_named() -> None:
    """Telegram then delivers only those that it is told."""
    target = replace(TARGET, kinds=("message_reaction", "message"))
    asked = target.params["allowed_updates"]
    assert asked == [*DEFAULT_KINDS, "message_reaction"]
    change = change_needed(AS_IT_SHOULD_BE, target, secret_known=True)
    assert change is not None
    assert change.reason == "it delivers only the default kinds"
    assert change_needed({**AS_IT_SHOULD_BE, "allowed_updates": asked[::-1]}, target, secret_known=True) is None
    assert change_needed({**AS_IT_SHOULD_BE, "allowed_updates": asked}, TARGET, secret_known=True) is not None


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        ({"url": ""}, "the webhook is not set"),
        ({"url": "https://old.example/"}, "the webhook is https://old.example/"),
        ({"max_connections": 7}, "max_connections is 7"),
        ({"allowed_updates": ["poll"]}, "it delivers only poll"),
    ],
)
def test_every_visible_difference_is_a_reason(difference: Mapping[str, Any], reason: str) -> None:
    """Address, connections and kinds of updates: what differs is named, and the call brings all of them."""
    assert change_needed({**AS_IT_SHOULD_BE, **difference}, TARGET, secret_known=True) == Change(TARGET.params, reason)


def test_what_is_as_it_should_be_needs_no_call() -> None:
    """With the secret known and nothing different, no call is made."""
    assert change_needed(AS_IT_SHOULD_BE, TARGET, secret_known=True) is None


def test_the_secret_is_a_reason_until_it_is_known() -> None:
    """It cannot be read back, so the same settings are sent again, unless that would take a certificate away."""
    change = change_needed(AS_IT_SHOULD_BE, TARGET)
    assert change is not None
    assert change.reason == "its secret cannot be read back"


def test_a_certificate_that_was_uploaded_by_hand_is_not_taken_away() -> None:
    """setWebhook would remove it, so other differences at this address are only logged; at another address it may."""
    info = {**AS_IT_SHOULD_BE, "has_custom_certificate": True, "allowed_updates": ["message"], "max_connections": 7}
    assert change_needed(info, TARGET) is None
    assert change_needed(info, TARGET, secret_known=True) is not None
    assert change_needed({**info, "url": "https://old.example/"}, TARGET) is not None


def test_pending_updates_are_never_dropped_by_the_call() -> None:
    """drop_pending_updates is sent explicitly, rather than left to a default."""
    assert TARGET.params["drop_pending_updates"] is False


def test_the_settings_say_what_it_should_be() -> None:
    """The target comes from WEBHOOK_URL and WEBHOOK_SECRET; without the first there is none. Its repr has no secret."""
    target = target_of(settings_for_tests(webhook_url=URL))
    assert target == TARGET
    assert SECRET not in repr(target)
    assert target_of(settings_for_tests()) is None


# The loop


async def test_it_is_set_once(autojump_clock: trio.testing.MockClock) -> None:
    """A bot without a webhook gets it, and an hour of checks later that was the only call."""
    async with registering() as registered:
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)
        await trio.sleep(3000)
        assert len(registered.sets) == 1
        assert [line["reason"] for line in registered.logs.of("WEBHOOK_SET")] == ["the webhook is not set"]


async def test_a_changed_secret_is_taken_over(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing that Telegram shows differs, and yet after the new term the secret is ours."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox, secret_token="an-older-one")
    async with registering(sandbox=sandbox) as registered:
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)
        assert len(registered.sets) == 1


async def test_the_same_settings_again_touch_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram answers that it is set already: the webhook is not closed for a moment, nor a poll ended."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox)
    before = sandbox.telegram.bot().webhook
    async with registering(sandbox=sandbox) as registered:
        assert registered.webhook is before
        assert sandbox.telegram.bot().polls == 0


async def test_pending_updates_stay(autojump_clock: trio.testing.MockClock) -> None:
    """What waited for the old webhook waits for the new one."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox, url="https://old.example/")
    sandbox.telegram.user_sends_text(7, "/start")
    async with registering(sandbox=sandbox) as registered:
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)
        assert len(sandbox.telegram.bot().pending) == 1


async def test_a_choice_of_kinds_made_earlier_is_undone(autojump_clock: trio.testing.MockClock) -> None:
    """A bot that had asked for polls only would get no message any more, for Telegram remembers."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox)
    sandbox.telegram.bot().allowed_updates = frozenset({"poll"})
    async with registering(sandbox=sandbox) as registered:
        assert sandbox.telegram.bot().allowed_updates is None
        assert [line["reason"] for line in registered.logs.of("WEBHOOK_SET")] == ["it delivers only poll"]


async def test_flood_control_is_obeyed(autojump_clock: trio.testing.MockClock) -> None:
    """After a 429 nothing is sent for as long as Telegram said, and then it is set."""
    sandbox = Sandbox(strict_webhooks=True)
    sandbox.faults.order("flood", method="setWebhook", retry_after=30)
    async with registering(sandbox=sandbox) as registered:
        await trio.sleep(60)
        refused, done = registered.sets
        assert (refused.status, done.status) == (429, 200)
        assert done.at - refused.at >= 30


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html", "error", "hang"])
@pytest.mark.parametrize("method", ["getWebhookInfo", "setWebhook"])
async def test_a_failed_call_is_made_again(autojump_clock: trio.testing.MockClock, method: str, fault: str) -> None:
    """Whatever the network or Telegram does to a call, the webhook is set in the end and the registration lives on."""
    sandbox = Sandbox(strict_webhooks=True)
    sandbox.faults.order(fault, method=method, count=3)
    async with registering(sandbox=sandbox) as registered:
        await trio.sleep(60)
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)
        assert len(registered.logs.of("WEBHOOK_RETRY")) == 3
        assert len(registered.logs.of("WEBHOOK_SET")) == 1


async def test_a_refusal_is_tried_again_ever_more_seldom(autojump_clock: trio.testing.MockClock) -> None:
    """A host that Telegram cannot resolve today may be there tomorrow: retried, a minute apart at most."""
    sandbox = Sandbox(strict_webhooks=True)
    sandbox.faults.order("error", method="setWebhook", count=None, status=400, description="Bad Request: bad webhook")
    async with registering(sandbox=sandbox) as registered:
        await trio.sleep(600)
        delays = [line["delay"] for line in registered.logs.of("WEBHOOK_RETRY")]
        assert delays[0] <= 1
        assert 40 < delays[-1] <= 60
        sandbox.faults.clear()
        await trio.sleep(60)
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)


async def test_an_answer_that_makes_no_sense_ends_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Even an unforeseen error is only logged, with its traceback, and the call is made again."""
    answers = iter(['{"ok":true,"result":{"pending_update_count":"many"}}', '{"ok":true,"result":[]}'])
    usual = '{"ok":true,"result":true}'
    with captured_logs() as logs:
        registered = Registered(Sandbox(), logs)
        transport = FakeTransport(lambda _: httpx.Response(200, text=next(answers, usual)))
        async with BotApi(DEMO_TOKEN, connections=1, open_transport=lambda: transport) as api:
            with trio.move_on_after(30):
                await register_webhook(api, TARGET, health=registered.health, rng=random.Random(0))
    assert logs.names() == ["WEBHOOK_RETRY", "WEBHOOK_SET"]
    assert "ValueError" in logs.lines[0]["exception"]


@pytest.mark.parametrize("fault", ["error", "html", "cut_after", "hang"])
async def test_it_is_set_though_nobody_tells_what_is_set(autojump_clock: trio.testing.MockClock, fault: str) -> None:
    """getWebhookInfo fails again and again, whichever way: the webhook is set unread, once, and the checks go on."""
    sandbox = Sandbox(strict_webhooks=True)
    sandbox.faults.order(fault, method="getWebhookInfo", count=None)
    async with registering(sandbox=sandbox) as registered:
        await trio.sleep(600)
        assert len(registered.sets) == 1
        assert registered.webhook == WebhookSettings(URL, SECRET, 40)
        (line,) = registered.logs.of("WEBHOOK_SET")
        assert line["reason"].startswith("what is set cannot be read: InDoubt")
        sandbox.faults.clear()
        have_failed(sandbox, "Connection refused", at=100)
        await trio.sleep(600)
        assert registered.shown()[1] == 100


async def test_without_an_address_it_only_checks(autojump_clock: trio.testing.MockClock) -> None:
    """WEBHOOK_URL unset: the webhook set by hand stays as it is, and is reported on."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox, url="https://old.example/")
    before = sandbox.telegram.bot().webhook
    sandbox.telegram.user_sends_text(7, "/start")
    async with registering(None, sandbox) as registered:
        await trio.sleep(600)
        assert registered.sets == []
        assert registered.webhook is before
        assert registered.shown() == (1, 0, [])


async def test_pending_updates_and_failed_deliveries_are_shown(autojump_clock: trio.testing.MockClock) -> None:
    """The metrics follow Telegram from check to check, and show nothing once the term is over."""
    async with registering() as registered:
        assert registered.shown() == (0, 0, [])
        registered.sandbox.telegram.user_sends_text(7, "/start")
        have_failed(registered.sandbox, "Connection refused", at=1_700_000_000)
        await trio.sleep(CHECK_EVERY)
        assert registered.shown() == (1, 1_700_000_000, ["Connection refused"])
        have_failed(registered.sandbox, "Connection timed out", at=1_700_000_060)
        await trio.sleep(CHECK_EVERY)
        assert registered.shown() == (1, 1_700_000_060, ["Connection timed out"])
        registered.scope.cancel(reason="the term is over")
        await trio.testing.wait_all_tasks_blocked()
        assert registered.shown() == (0, 0, [])


async def test_an_error_is_logged_when_it_is_new(autojump_clock: trio.testing.MockClock) -> None:
    """Once for each failure that Telegram reports, not once for each check."""
    async with registering() as registered:
        for at in (100, 200):
            have_failed(registered.sandbox, "Wrong response from the webhook: 401 Unauthorized", at=at)
            await trio.sleep(5 * CHECK_EVERY)
        found = [(line["error"], line["at"]) for line in registered.logs.of("WEBHOOK_ERROR")]
        assert found == [("Wrong response from the webhook: 401 Unauthorized", at) for at in (100, 200)]


@pytest.mark.parametrize(("waiting", "lines"), [(0, 0), (1, 1)])
async def test_an_old_error_is_news_only_if_something_waits(
    autojump_clock: trio.testing.MockClock, waiting: int, lines: int
) -> None:
    """Telegram never clears the last error: at a term's first check it counts only with updates pending."""
    sandbox = Sandbox(strict_webhooks=True)
    set_by_hand(sandbox)
    have_failed(sandbox, "Connection refused", at=100)
    for _ in range(waiting):
        sandbox.telegram.user_sends_text(7, "/start")
    async with registering(sandbox=sandbox) as registered:
        await trio.sleep(5 * CHECK_EVERY)
        assert len(registered.logs.of("WEBHOOK_ERROR")) == lines


async def test_what_others_change_is_logged_and_left(autojump_clock: trio.testing.MockClock) -> None:
    """Two deployments with one token do not take the webhook from each other: one line, no call."""
    async with registering() as registered:
        set_by_hand(registered.sandbox, url="https://other.example/")
        await trio.sleep(5 * CHECK_EVERY)
        assert len(registered.sets) == 1
        (line,) = registered.logs.of("WEBHOOK_DIFFERS")
        assert line["reason"] == "the webhook is https://other.example/"


async def test_a_missing_webhook_is_logged_again_and_again(autojump_clock: trio.testing.MockClock) -> None:
    """Deleted by hand, or never set and no address to set it to: nothing arrives, which is logged every half hour."""
    for target, reason in ((TARGET, "the webhook is not set"), (None, "nor is WEBHOOK_URL: nothing arrives")):
        async with registering(target) as registered:
            assert registered.logs.of("WEBHOOK_DIFFERS") == []
            registered.sandbox.telegram.bot().webhook = None
            await trio.sleep(3400)
            lines = registered.logs.of("WEBHOOK_DIFFERS")
            assert len(lines) == 2
            assert all(reason in line["reason"] for line in lines)


async def test_no_secret_is_logged(autojump_clock: trio.testing.MockClock) -> None:
    """Neither the token nor the webhook's secret is in any line, even without the log's own masking."""
    sandbox = Sandbox(strict_webhooks=True)
    sandbox.faults.order("cut_before", method="setWebhook")
    with captured_logs() as unmasked, trio.fail_after(DEADLOCK):
        registered = Registered(sandbox, unmasked)
        with trio.move_on_after(60):
            await registered.register(TARGET)
    assert "WEBHOOK_RETRY" in unmasked.names()
    assert SECRET not in unmasked.out.getvalue()
    assert DEMO_TOKEN not in unmasked.out.getvalue()


async def test_passive_never_sets_the_webhook(autojump_clock: trio.testing.MockClock) -> None:
    """An instance that waits for the lock leaves the webhook alone, also with a WEBHOOK_URL of its own."""
    async with running_bot(passive=True, webhook_url="https://mine.example/webhook") as bot:
        await trio.sleep(600)
        calls = [call.params["url"] for call in bot.sandbox.telegram.call_log.find("setWebhook")]
        assert calls == ["https://bot.example/webhook"]  # the harness's own

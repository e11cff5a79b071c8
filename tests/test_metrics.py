"""What is counted and measured of a whole bot, and that looking at it costs nobody anything."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from providers.provider import NotSent, Refused
from sandbox.answers import BLOCKED
from statemachine import State
from svc.handler.reply import Reply
from svc.observability.metrics import Metrics, Readings
from svc.observability.metrics.calls import METHODS
from svc.observability.version import installed_version
from svc.storage.errors import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from telegram_client.updates import Update
from tests.fake_provider import Script
from tests.harness import SECRET, RunningBot, running_bot
from tests.jobs_world import JobsWorld

USER = 7


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample, None where there is none."""
    return metrics.registry.get_sample_value(name, labels)


def outcomes(bot: RunningBot, name: str) -> dict[str, float]:
    """The samples of one metric by outcome, over all its other labels, without zeros."""
    found: dict[str, float] = {}
    for sample in (sample for family in bot.metrics.registry.collect() for sample in family.samples):
        if sample.name == name and sample.value and sample.labels.get("method") != "getMe":
            outcome = sample.labels["outcome"]
            found[outcome] = found.get(outcome, 0) + sample.value
    return found


ACCEPTED, FINISHED, DOUBTS = "svc_updates_accepted_total", "svc_updates_finished_total", "svc_doubts_total"
CALLS = "svc_bot_api_call_seconds_count"


def everything_once() -> Metrics:
    """Metrics of which each has something to show."""
    metrics = Metrics()
    metrics.ack.observe(0.003)
    metrics.bot_api.observe("sendMessage", "ok", 0.05)
    metrics.providers.observe("kie", "create", "in_doubt", 30.0)
    metrics.groups.observe("store", 7, 0.004)
    metrics.count_job("failed", "too_slow")
    metrics.webhook.show(5, 1_700_000_000, 'Wrong "response"\n\ud800')
    metrics.readings.show(Readings(at=1.0, inbox=3, oldest_seconds=2.5, dead=1, jobs={"kie": {"running": 2}}))
    metrics.reaches.set(float("nan"))
    return metrics


def test_the_page_is_what_prometheus_reads() -> None:
    """All of it parses, a counter ends in _total, and nothing is there twice."""
    families = list(text_string_to_metric_families(everything_once().page().decode()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}
    for family in families:
        assert family.documentation
        assert family.type != "counter" or all(sample.name == f"{family.name}_total" for sample in family.samples)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool: Debian's package prometheus has it")
def test_the_page_keeps_to_the_conventions() -> None:
    """promtool finds nothing to object to."""
    page = everything_once().page()
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_page_tells_what_runs() -> None:
    """The version that is installed, and the process."""
    metrics = Metrics()
    (build,) = [family for family in metrics.registry.collect() if family.name == "svc_build"]
    assert build.samples[0].labels["version"] == installed_version()
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 10_000_000


def test_what_a_bot_makes_up_is_no_label() -> None:
    """However many methods it calls: those that are not known are one."""
    metrics = Metrics()
    for number in range(1000):
        metrics.bot_api.observe(f"sendThing{number}", "refused", 0.1)
    for method in METHODS:
        metrics.bot_api.observe(method, "ok", 0.1)
    assert value(metrics, CALLS, method="other", outcome="refused") == 1000
    assert metrics.page().count(b"svc_bot_api_call_seconds_count{") == 1 + len(METHODS)


# What becomes of updates


async def test_updates_are_counted_by_what_became_of_them(autojump_clock: trio.testing.MockClock) -> None:
    """Answered, delivered twice, refused by a person who has blocked the bot, and nothing to say to."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(USER)
        await bot.send(8)
        bot.sandbox.telegram.refuse_chat(8, BLOCKED)
        bot.lock.unblock()
        await bot.settled()
        assert await deliver(bot, b'{"update_id": %d}' % update_id) == 200
        assert await deliver(bot, b'{"update_id": 1000000}') == 200
        await bot.settled()
        assert outcomes(bot, ACCEPTED) == {"stored": 3, "duplicate": 1}
        assert outcomes(bot, FINISHED) == {"done": 1, "refused": 1, "ignored": 1}


async def deliver(bot: RunningBot, body: bytes, secret: str = SECRET) -> int:
    """POST /webhook; the status."""
    client = bot.service.app.test_client()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
    return (await client.post("/webhook", data=body, headers=headers)).status_code


async def test_what_does_not_come_in_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    """A stranger, a body that is no update, and one that the database does not take."""
    async with running_bot() as bot:
        assert await deliver(bot, b"{}", secret="wrong") == 401
        assert await deliver(bot, b"[]") == 400
        bot.inbox.go_away()
        assert await deliver(bot, b'{"update_id": 1}') == 503
        bot.inbox.come_back()
        assert outcomes(bot, ACCEPTED) == {"rejected": 2, "not_stored": 1}


async def test_a_dead_update_and_its_retries_are_counted(autojump_clock: trio.testing.MockClock) -> None:
    """A handler that always fails."""

    def broken(_update: Update) -> Reply:
        raise RuntimeError("no luck")

    async with running_bot(decide=broken) as bot:
        await bot.send(USER)
        await bot.settled()
        assert outcomes(bot, FINISHED) == {"dead": 1}
        assert value(bot.metrics, "svc_updates_retried_total") == len(bot.logs.of("RETRY")) > 1


@pytest.mark.parametrize(
    ("fault", "settings", "doubts", "finished"),
    [
        ("cut_after", {}, {"begun": 1, "found": 1}, {"done": 2}),
        ("cut_before", {}, {"begun": 1, "not_found": 1}, {"done": 2}),
        ("cut_after", {"in_doubt": "resend"}, {"begun": 1, "resent": 1}, {"done": 2}),
        (
            "cut_after",
            {"in_doubt": "skip", "in_doubt_fallback": "skip"},
            {"begun": 1, "skipped": 1},
            {"done": 1, "in_doubt": 1},
        ),
    ],
)
async def test_doubts_are_counted_with_what_came_of_them(
    fault: Any,
    settings: dict[str, Any],
    doubts: dict[str, float],
    finished: dict[str, float],
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each begins once and ends once, whether it is looked for or the policy decides."""
    async with running_bot(**settings) as bot:
        await bot.send(8)
        await bot.settled()
        bot.sandbox.faults.order(fault, method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        assert outcomes(bot, DOUBTS) == doubts
        assert outcomes(bot, FINISHED) == finished


# Calls


async def test_calls_of_the_bot_api_are_measured(autojump_clock: trio.testing.MockClock) -> None:
    """By method and outcome, as long as they took; a 429 with the seconds that it asks for; probes apart."""
    async with running_bot(latency=0.2) as bot:
        bot.sandbox.faults.order("flood", retry_after=37, method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        assert value(bot.metrics, CALLS, method="sendMessage", outcome="flood") == 1
        assert value(bot.metrics, "svc_flood_seconds_total") == 37
        assert value(bot.metrics, CALLS, method="sendMessage", outcome="ok") == 1
        took = value(bot.metrics, "svc_bot_api_call_seconds_sum", method="sendMessage", outcome="ok")
        assert 0.2 <= (took or 0) < 0.5
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        assert value(bot.metrics, CALLS, method="sendMessage", outcome="in_doubt") == 1
        assert (value(bot.metrics, CALLS, method="probe", outcome="refused") or 0) > 0
        assert value(bot.metrics, CALLS, method="editMessageReplyMarkup", outcome="refused") is None


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Script(), "ok"),
        (Script(refused=Refused("input", "no")), "refused"),
        (Script(refused=NotSent("no connection")), "not_sent"),
        (Script(cut=True, callbacks=(5.0,)), "in_doubt"),
    ],
)
async def test_calls_of_a_provider_are_measured(
    script: Script, outcome: str, autojump_clock: trio.testing.MockClock
) -> None:
    """By its name, what was asked of it, and what became of that."""
    world = JobsWorld()
    world.provider.scripts.append(script)
    async with world.running() as bot:
        await bot.send(USER, "a cat")
        await world.ended()
        calls = "svc_provider_call_seconds_count"
        assert value(bot.metrics, calls, provider="kie", operation="create", outcome=outcome) == 1
        assert (
            outcome == "refused" or (value(bot.metrics, calls, provider="kie", operation="task", outcome="ok") or 0) > 0
        )


# Groups


async def test_groups_are_observed_whether_they_are_written_or_not(autojump_clock: trio.testing.MockClock) -> None:
    """How many items, and how long their statement took."""
    seen: list[tuple[int, float]] = []
    errors: list[Exception] = [DatabaseUnavailable("away")]

    async def write(items: Any) -> Any:
        await trio.sleep(0.5)
        if errors:
            raise errors.pop()
        return items

    commit: GroupCommit[int, int] = GroupCommit(write, observe=lambda items, seconds: seen.append((items, seconds)))
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit.run)
            with pytest.raises(DatabaseUnavailable):
                await commit.submit(0)
            async with trio.open_nursery() as callers:
                for item in range(3):
                    callers.start_soon(commit.submit, item)
            nursery.cancel_scope.cancel()
    assert seen == [(1, 0.5), (3, 0.5)]


# Readings


class Database:
    """Answers with one more update in the inbox each time."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def take(self) -> Readings:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise DatabaseUnavailable("away")
        self.asked += 1
        return Readings(at=trio.current_time(), inbox=self.asked, jobs={"kie": {"running": 3}})


async def test_the_readings_are_the_leaders_and_go_with_the_lead(autojump_clock: trio.testing.MockClock) -> None:
    """Read every five seconds while ACTIVE; then they are gone, so that the greatest over all instances is right."""
    database = Database()
    async with running_bot(take_readings=database.take) as bot:
        await trio.sleep(12)
        assert value(bot.metrics, "svc_inbox_updates") == database.asked == 3
        assert value(bot.metrics, "svc_inbox_oldest_seconds") == 0
        assert value(bot.metrics, "svc_jobs", provider="kie", state="running") == 3
        bot.lock.blocked = True
        bot.lock.sessions[-1].abandon()
        await bot.state(State.PASSIVE)
        await trio.sleep(10)
        assert database.asked == 3
        assert value(bot.metrics, "svc_inbox_updates") is None
        assert value(bot.metrics, "svc_readings_timestamp_seconds") is None
        assert b"# TYPE svc_inbox_updates gauge\n" in bot.metrics.page()


async def test_while_the_database_is_away_the_last_readings_stay(autojump_clock: trio.testing.MockClock) -> None:
    """Their timestamp tells how old they are."""
    database = Database()
    async with running_bot(take_readings=database.take) as bot:
        await trio.sleep(2)
        database.away = True
        read_at = value(bot.metrics, "svc_readings_timestamp_seconds")
        await trio.sleep(60)
        assert value(bot.metrics, "svc_inbox_updates") == 1
        assert value(bot.metrics, "svc_readings_timestamp_seconds") == read_at
        database.away = False
        await trio.sleep(6)
        assert value(bot.metrics, "svc_inbox_updates") == 2


class Untouchable:
    """Stands for what nobody may use."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AssertionError(f"{name} was used")


async def test_a_scrape_asks_nobody(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred of them: nothing is read, nothing is called, no time passes."""
    database = Database()
    async with running_bot(take_readings=database.take) as bot:
        await bot.send(USER)
        await bot.settled()
        await trio.sleep(2)
        asked, called, now = database.asked, len(bot.sandbox.telegram.call_log), trio.current_time()
        client = bot.service.app.test_client()
        bot.service._parts.inbox = Untouchable()
        for _ in range(100):
            response = await client.get("/metrics")
            assert response.status_code == 200
        assert (database.asked, len(bot.sandbox.telegram.call_log), trio.current_time()) == (asked, called, now)
        bot.service._parts.inbox = bot.inbox

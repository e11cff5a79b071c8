"""What the ACTIVE instance does besides answering: none of its errors is worth the period."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest
import trio
import trio.testing

from statemachine import State
from svc.delivery.active_period import ActivePeriod
from svc.delivery.chores import kept_up
from svc.storage.inbox import CANNOT_BE_TOLD, Received, Term
from tests.harness import captured_logs, running_bot
from tests.memory.inbox import MemoryInbox, Row


async def test_a_chore_that_fails_comes_again_and_the_period_goes_on(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading back fails in a way that nobody has foreseen: it is logged with its traceback, and done all the same."""
    backfill = MemoryInbox.backfill
    failures = 3

    async def fails_at_first(inbox: MemoryInbox, *args: Any, **kwargs: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise ZeroDivisionError("unforeseen")
        return await backfill(inbox, *args, **kwargs)

    inbox = MemoryInbox()
    async with running_bot(inbox=inbox) as bot:
        monkeypatch.setattr(MemoryInbox, "backfill", fails_at_first)
        inbox.rows[1] = Row(Received(1, 7, "unknown", b'{"update_id": 1}', 0.0))
        await bot.send(8)
        await bot.settled()
        assert inbox.processed[1].outcome == "ignored"
        failed = bot.logs.of("CHORE_FAILED")
        assert [line["chore"] for line in failed] == ["BACKFILL"] * 3
        assert all("ZeroDivisionError" in line["exception"] for line in failed)
        assert len(bot.menus(8)) == 1
        assert bot.service.lifecycle.state is State.ACTIVE
        assert [line["to"] for line in bot.logs.of("STATE")] == ["PASSIVE", "ACTIVE"]


@pytest.mark.parametrize("method", ["resolve_doubts", "prune"])
async def test_any_chore_may_fail_for_ever(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It is tried with growing pauses, twice a minute in the end, and people are answered meanwhile."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(MemoryInbox, method, broken)
    async with running_bot() as bot:
        await trio.sleep(600)
        assert 20 < len(bot.logs.of("CHORE_FAILED")) < 40
        await bot.send(7)
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_a_chore_that_went_well_for_long_begins_again_soon(autojump_clock: trio.testing.MockClock) -> None:
    """The pause grows with failures in a row, and not with those of other days; a chore that ends has ended."""
    began: list[float] = []
    lasting = [0.0, 0.0, 0.0, 0.0, 1000.0, 0.0]

    async def chore(_period: ActivePeriod) -> None:
        began.append(trio.current_time())
        if len(began) > len(lasting):
            return
        await trio.sleep(lasting[len(began) - 1])
        raise ExceptionGroup("several", [ZeroDivisionError("unforeseen")])

    period = cast(ActivePeriod, type("Period", (), {"term": Term(1, None)}))  # type: ignore[arg-type]
    with captured_logs() as logs:
        await kept_up("CHORE", chore, random.Random(0))(period)
    ended = [start + lasts for start, lasts in zip(began, lasting, strict=False)]
    pauses = [start - end for start, end in zip(began[1:], ended, strict=True)]
    full = [1.0, 2.0, 4.0, 8.0, 1.0, 2.0]
    assert all(0.75 * most <= pause <= most for pause, most in zip(pauses, full, strict=True))
    assert len(logs.of("CHORE_FAILED")) == 6


async def test_an_instance_that_follows_goes_on_too(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails while it is PASSIVE is no reason to end: it stores updates, and leads when it is its turn."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(MemoryInbox, "notify_leader", broken)
    async with running_bot(passive=True) as bot:
        await bot.send(7)
        await trio.sleep(10)
        assert {line["chore"] for line in bot.logs.of("CHORE_FAILED")} == {"NOTIFY"}
        bot.lock.unblock()
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_the_end_of_a_period_is_no_failure(autojump_clock: trio.testing.MockClock) -> None:
    """Chores are cancelled with their period: nothing is logged."""
    async with running_bot() as bot:
        await trio.sleep(5)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        await bot.state(State.PASSIVE)
        await bot.state(State.ACTIVE)
        await bot.drain()
        assert bot.logs.of("CHORE_FAILED") == []


async def test_what_is_in_doubt_for_the_second_time_is_dead_and_said(autojump_clock: trio.testing.MockClock) -> None:
    """An earlier leader's send, and one before it, may have arrived: the log says that it is dead, and why."""
    inbox = MemoryInbox()
    inbox.rows[1] = Row(Received(1, 7, "message", b"{}", 0.0), state="processing", epoch=0, token=5, doubts=1)
    async with running_bot(inbox=inbox) as bot:
        await bot.settled()
        assert bot.logs.names(1) == ["IN_DOUBT", "DEAD"]
        assert inbox.dead[1][1] == CANNOT_BE_TOLD
        assert bot.calls() == []

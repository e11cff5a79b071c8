"""What a worker does with an update that it does not answer."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from svc.bot.reply import NOTHING
from svc.storage.errors import DatabaseUnavailable
from tests.harness import running_bot
from tests.memory.inbox import Processed


async def test_an_update_without_an_answer_is_ignored(autojump_clock: trio.testing.MockClock) -> None:
    """Recorded as that, without an attempt, and nothing is sent."""
    async with running_bot(decide=lambda _: NOTHING) as bot:
        update_id = await bot.send(7)
        await bot.settled()
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.attempts) == ("ignored", 0)
        assert bot.calls() == []


async def test_it_waits_for_the_database(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If that cannot be recorded the update stays in the inbox, and comes up again."""
    tries: list[int] = []
    async with running_bot(decide=lambda _: NOTHING) as bot:
        dismiss = bot.inbox.dismiss

        async def fails_once(update_id: int) -> None:
            tries.append(update_id)
            if len(tries) == 1:
                raise DatabaseUnavailable("gone")
            await dismiss(update_id)

        monkeypatch.setattr(bot.inbox, "dismiss", fails_once)
        update_id = await bot.send(7)
        await bot.settled()
        assert tries == [update_id] * 2
        assert [line["update_id"] for line in bot.logs.of("DB_LOST")] == [update_id]
        assert bot.inbox.processed[update_id].outcome == "ignored"
        assert len(bot.logs.of("DONE")) == 1, "what failed was reported as done"


async def test_what_is_processed_already_is_not_answered_again(autojump_clock: trio.testing.MockClock) -> None:
    """A row left beside its record: `begin` says so, and the worker drops it."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        while not bot.inbox.rows:
            await trio.sleep(0.1)
        bot.inbox.processed[update_id] = Processed("done", at=trio.current_time())
        bot.lock.unblock()
        await bot.settled()
        assert "DEDUP_SKIP" in bot.logs.names(update_id)
        assert bot.menus(7) == []

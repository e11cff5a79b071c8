"""How updates come in: one `Intake` for webhook and polling, and in the whole bot what each of the two does."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from statemachine import State
from svc.intake.accept import Intake
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Received
from tests.harness import captured_logs, running_bot
from tests.intake import Store


def received(update_id: int) -> Received:
    return Received(update_id, 5, "message", b"{}", 0.0)


class Accepting:
    """An `Intake` between a store and a channel with room for two hints."""

    def __init__(self) -> None:
        self.store = Store()
        hints, self.hints = trio.open_memory_channel[Received](2)
        self.intake = Intake(self.store, hints)

    def hinted(self) -> list[int]:
        """The updates hinted since the last call."""
        return [self.hints.receive_nowait().update_id for _ in range(self.hints.statistics().current_buffer_used)]


async def test_a_new_update_is_committed_logged_and_hinted() -> None:
    """In this order: neither log nor hint comes before the commit."""
    accepting = Accepting()
    accepting.store.may_return = trio.Event()
    new: list[bool] = []

    async def accept() -> None:
        new.append(await accepting.intake.accept(received(7)))

    with captured_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            await trio.testing.wait_all_tasks_blocked()
            assert (logs.names(), accepting.hinted()) == ([], [])
            accepting.store.may_return.set()
    (line,) = logs.lines
    assert (line["event"], line["update_id"], line["chat_id"], line["type"]) == ("ENQUEUED", 7, 5, "message")
    assert (new, list(accepting.store.stored), accepting.hinted()) == ([True], [7], [7])


async def test_a_duplicate_is_logged_and_not_hinted() -> None:
    """The workers have had its hint before."""
    accepting = Accepting()
    with captured_logs() as logs:
        assert [await accepting.intake.accept(received(7)) for _ in range(2)] == [True, False]
    assert logs.names(7) == ["ENQUEUED", "DUPLICATE"]
    assert accepting.hinted() == [7]


async def test_an_update_without_room_for_its_hint_is_accepted() -> None:
    """BACKLOG, at debug: the workers read it from the inbox. The same when nobody receives hints any more."""
    accepting = Accepting()
    with captured_logs() as logs:
        assert all([await accepting.intake.accept(received(number)) for number in (1, 2, 3)])
        accepting.hints.close()
        assert await accepting.intake.accept(received(4))
    assert [line["update_id"] for line in logs.of("BACKLOG")] == [3, 4]
    assert {line["level"] for line in logs.of("BACKLOG")} == {"debug"}
    assert list(accepting.store.stored) == [1, 2, 3, 4]


async def test_an_update_that_is_not_committed_is_neither_logged_nor_hinted() -> None:
    """The error, or the cancellation, is the caller's: what to do about it differs between webhook and polling."""
    accepting = Accepting()
    accepting.store.fault = DatabaseUnavailable("gone")
    with captured_logs() as logs:
        with pytest.raises(DatabaseUnavailable):
            await accepting.intake.accept(received(7))
        with trio.CancelScope() as scope:
            scope.cancel(reason="too late")
            await accepting.intake.accept(received(8))
    assert scope.cancelled_caught
    assert (logs.names(), accepting.hinted()) == ([], [])


# In the whole bot


async def test_active_sets_the_webhook_once_and_passive_never(autojump_clock: trio.testing.MockClock) -> None:
    """WEBHOOK_URL: set when ACTIVE begins, not again, pending updates kept; a PASSIVE instance asks getMe only."""
    async with running_bot(passive=True, webhook_url="https://bot.example/webhook") as bot:
        await bot.send(7)
        await trio.sleep(5)
        methods = [call.method for call in bot.sandbox.telegram.call_log if call.method != "getMe"]
        assert methods == ["setWebhook"]  # the harness's own
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await bot.settled()
        await trio.sleep(300)
        settings = [call for call in bot.sandbox.telegram.call_log if call.method == "setWebhook"][1:]
        assert len(settings) == 1
        assert settings[0].params["drop_pending_updates"] is False
        assert len(bot.menus(7)) == 1


async def test_polling_needs_no_webhook(autojump_clock: trio.testing.MockClock) -> None:
    """INTAKE=polling: every /start gets one menu, also across a drain and a second instance."""
    async with running_bot(intake="polling") as bot:
        bot.sandbox.telegram.call(bot.sandbox.telegram.bot().token, "deleteWebhook", {})
        for user in range(1, 31):
            await bot.send(user)
        await bot.settled()
        assert [len(bot.menus(user)) for user in range(1, 31)] == [1] * 30
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started < 1


async def test_polling_names_a_webhook_that_is_set(autojump_clock: trio.testing.MockClock) -> None:
    """A webhook that is still set is named in the log, and not removed."""
    async with running_bot(intake="polling") as bot:
        await trio.sleep(30)
        (first, *_) = bot.logs.of("POLL_CONFLICT")
        assert "https://bot.example/webhook" in first["reason"]
        assert bot.sandbox.telegram.bot().webhook is not None

"""What a worker does with an update that it does not answer, cannot begin, or has to give up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx
import pytest
import trio
import trio.testing

from statemachine import State
from svc.bot.texts import ENGLISH
from svc.delivery.deciding import MOST_BLAMED
from svc.handler.reply import NOTHING, Call, Reply
from svc.storage.errors import DatabaseBusy, DatabaseUnavailable
from svc.storage.inbox import NO_CHAT, Attempt, Begun, CallMade, Ending, Received
from telegram_client.updates import Update
from tests.harness import RunningBot, running_bot
from tests.memory.inbox import InboxOfTwoSteps, MemoryInbox, Processed
from tests.transports import FakeTransport


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
    async with running_bot(decide=lambda _: NOTHING, passive=True) as bot:
        dismiss = bot.inbox.dismiss

        async def fails_once(update_id: int) -> None:
            tries.append(update_id)
            if len(tries) == 1:
                raise DatabaseUnavailable("gone")
            await dismiss(update_id)

        monkeypatch.setattr(bot.inbox, "dismiss", fails_once)
        update_id = await bot.send(7)
        await trio.sleep(0.5)
        bot.lock.unblock()
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


async def lose_the_lock(bot: RunningBot) -> None:
    """The lock's connection ends, and with it the lease."""
    assert bot.lock.holder is not None
    bot.lock.holder.abandon()
    await bot.state(State.PASSIVE)


class SlowConnection:
    """A transport for the sandbox's Telegram that takes for ever to connect for `method`, until `opened`."""

    def __init__(self, method: str) -> None:
        self.waiting = trio.Event()
        self.opened = trio.Event()
        self._method = method

    def open(self, bot: Callable[[], RunningBot]) -> httpx.AsyncBaseTransport:
        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(self._method) and not self.opened.is_set():
                self.waiting.set()
                await self.opened.wait()
            return await bot().sandbox.transport().handle_async_request(request)

        return FakeTransport(answer, reads_body=False)


PRESS = (
    Call("answerCallbackQuery", {"callback_query_id": "1"}),
    Call("sendMessage", {"chat_id": 7, "text": "the last one"}),
)


@pytest.mark.parametrize("calls", [PRESS[1:], PRESS], ids=["alone", "after an answer"])
async def test_what_had_not_left_when_the_lease_ended_is_not_in_doubt(
    calls: tuple[Call, ...], autojump_clock: trio.testing.MockClock
) -> None:
    """It was begun, and its message still waited for a connection: the next term sends it at once, and no doubt is
    counted. That a repeatable call before it was made changes nothing."""
    slow = SlowConnection("sendMessage")
    async with running_bot(decide=lambda _: Reply(calls), transport=lambda: slow.open(lambda: bot)) as bot:
        update_id = await bot.send(7)
        await slow.waiting.wait()
        await lose_the_lock(bot)
        slow.opened.set()
        lost = trio.current_time()
        await bot.settled()
        assert trio.current_time() - lost < 5
        assert len(bot.calls()) == 1
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.attempts, row.doubts) == ("done", 2, 0)
        assert bot.logs.of("IN_DOUBT") == []
        assert [line["error"] for line in bot.logs.of("RETRY")] == ["given up before it was sent"]


def fail_first(bot: RunningBot, error: Exception, *, after_it_was_done: bool) -> list[Attempt]:
    """Let the first `begin` raise `error`; the list holds the attempts that are made."""
    begin = bot.inbox.begin
    attempts: list[Attempt] = []

    async def fails_once(attempt: Attempt) -> Begun:
        attempts.append(attempt)
        if len(attempts) > 1:
            return await begin(attempt)
        if after_it_was_done:
            await begin(attempt)
        raise error

    bot.inbox.begin = fails_once  # type: ignore[method-assign]
    return attempts


@pytest.mark.parametrize("after_it_was_done", [False, True])
async def test_a_busy_row_holds_up_no_worker(after_it_was_done: bool, autojump_clock: trio.testing.MockClock) -> None:
    """It comes again a second later, as the same attempt: should the database have done it all the same, that is
    found then. The only worker has answered others meanwhile."""
    async with running_bot(inbox=InboxOfTwoSteps(), workers=1) as bot:
        attempts = fail_first(bot, DatabaseBusy("locked"), after_it_was_done=after_it_was_done)
        update_id = await bot.send(7)
        await trio.sleep(0.1)
        await bot.send(8)
        await trio.sleep(0.1)
        assert (len(bot.menus(7)), len(bot.menus(8))) == (0, 1)
        await bot.settled()
        assert len(bot.menus(7)) == 1
        first, again = [attempt for attempt in attempts if attempt.update_id == update_id]
        assert first.token == again.token
        assert (bot.inbox.processed[update_id].attempts, bot.inbox.processed[update_id].doubts) == (1, 0)


@pytest.mark.parametrize("error", [DatabaseBusy("locked"), DatabaseUnavailable("gone")])
async def test_what_may_have_begun_when_the_lease_ended_is_not_in_doubt(
    error: Exception, autojump_clock: trio.testing.MockClock
) -> None:
    """The database has begun it and its answer was lost; nothing was sent, and the next term does it at once."""
    async with running_bot(inbox=InboxOfTwoSteps()) as bot:
        attempts = fail_first(bot, error, after_it_was_done=True)
        update_id = await bot.send(7)
        while not attempts:
            await trio.sleep(0.01)
        await lose_the_lock(bot)
        lost = trio.current_time()
        await bot.settled()
        assert trio.current_time() - lost < 5
        assert bot.inbox.processed[update_id].doubts == 0
        assert len(bot.menus(7)) == 1


@pytest.mark.parametrize(("calls", "repeatable"), [(PRESS, False), (PRESS[:1], True)])
async def test_an_attempt_says_whether_it_may_be_repeated(
    calls: tuple[Call, ...], repeatable: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """So that, whatever becomes of this process, an edit is made again and a message is in doubt."""
    async with running_bot(inbox=InboxOfTwoSteps(), decide=lambda _: Reply(calls)) as bot:
        begin = bot.inbox.begin
        said: list[bool] = []

        async def note(attempt: Attempt) -> Begun:
            said.append(attempt.repeatable)
            return await begin(attempt)

        bot.inbox.begin = note  # type: ignore[method-assign]
        await bot.send(7)
        await bot.settled()
        assert said == [repeatable]


async def test_a_malformed_update_is_dead_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """One line in the log, one attempt, no apology: nobody waits for it, and it can be looked at."""
    async with running_bot() as bot:
        payload = b'{"update_id": 1, "message": {"message_id": "not a number", "chat": {"id": 7}}}'
        await bot.inbox.store(Received(1, NO_CHAT, "message", payload, trio.current_time()))
        bot.lock.notify_new_work()
        await bot.settled()
        _, reason = bot.inbox.dead[1]
        assert reason.startswith("it cannot be decoded: ")
        said = [line["event"] for line in bot.logs.lines if line.get("update_id") == 1 and line["level"] != "debug"]
        assert said == ["DEAD"]
        assert bot.inbox.processed[1].attempts == 1
        await trio.sleep(1)
        assert bot.calls() == []


async def test_a_handler_that_exits_ends_no_process(autojump_clock: trio.testing.MockClock) -> None:
    """SystemExit is a failure like any other: retried, dead in the end, and the others are answered."""

    def exits(update: Update) -> Reply:
        if update.message is not None and update.message.text == "exit":
            raise SystemExit(3)
        return Reply((Call("sendMessage", {"chat_id": 8, "text": "fine"}),))

    async with running_bot(decide=exits) as bot:
        update_id = await bot.send(7, "exit")
        await bot.send(8)
        await bot.settled()
        assert bot.inbox.dead[update_id][1] == "SystemExit: 3"
        assert bot.calls(chat_id=8)[0].params["text"] == "fine"


async def test_a_blamed_update_is_dead_without_a_call(autojump_clock: trio.testing.MockClock) -> None:
    """Its handler is not called any more, and its user is told."""
    called: list[int] = []

    def decide(update: Update) -> Reply:
        called.append(update.update_id)
        return NOTHING

    async with running_bot(passive=True, decide=decide) as bot:
        update_id = await bot.send(7)
        other = await bot.send(8)
        while len(bot.inbox.rows) < 2:
            await trio.sleep(0.1)
        bot.inbox.rows[update_id].blamed = MOST_BLAMED
        await trio.sleep(1)
        bot.lock.unblock()
        await bot.settled()
        await trio.sleep(1)
        assert called == [other]
        assert update_id in bot.inbox.dead
        assert [call.params["text"] for call in bot.calls(chat_id=7)] == [ENGLISH.apology]


class InboxOfSlowRecords(MemoryInbox):
    """Its settlements are made once they may be."""

    def __init__(self) -> None:
        super().__init__()
        self.may_settle = trio.Event()

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self.may_settle.wait()
        await super().settle(attempt, ending, calls)


async def test_a_worker_is_one_record_ahead_and_no_more(autojump_clock: trio.testing.MockClock) -> None:
    """While the record of a message waits, the next one is answered; the one after that waits until it is made. So as
    little is in doubt after a crash as two for each worker.
    """
    inbox = InboxOfSlowRecords()
    async with running_bot(inbox=inbox, workers=1) as bot:
        for user in (1, 2, 3):
            await bot.send(user)
        await trio.sleep(5)
        assert len(bot.calls()) == 2
        assert {row.state for row in bot.inbox.rows.values()} == {"processing", "pending"}
        inbox.may_settle.set()
        await bot.settled()
        assert all(len(bot.menus(user)) == 1 for user in (1, 2, 3))


async def test_a_chats_next_waits_for_the_record(autojump_clock: trio.testing.MockClock) -> None:
    """Its order is kept by the database: before the first is done there, the second does not begin."""
    inbox = InboxOfSlowRecords()
    async with running_bot(inbox=inbox) as bot:
        for _ in range(2):
            await bot.send(7)
        await trio.sleep(5)
        assert len(bot.calls()) == 1
        inbox.may_settle.set()
        await bot.settled()
        assert len(bot.calls()) == 2

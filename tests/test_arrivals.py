"""What begins with its storing, and what does not: a commit less where nothing is in the way, and the same answers."""

from __future__ import annotations

import json

import pytest
import trio

from sandbox.asgi import asgi_post
from statemachine import State
from svc.handler.reply import NOTHING, Call, Reply
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Attempt, Begun, Received, Stored
from telegram_client.updates import Update
from tests.bots import TestBot
from tests.harness import SECRET, RunningBot, running_bot
from tests.memory.inbox import MemoryInbox
from tests.memory.job_rows import unix_time
from tests.test_orders import order, pause_of

pytestmark = pytest.mark.usefixtures("autojump_clock")


class CountingInbox(MemoryInbox):
    """Notes which updates came with an attempt, and which were begun by a statement of their own. The answer to a store
    with an attempt can be lost, or take `delay` seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.with_attempt: list[int] = []
        self.begun: list[int] = []
        self.lose_answer = False
        self.delay = 0.0
        self.stored = trio.Event()

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        stored = await super().store(update, attempt)
        if attempt is None:
            return stored
        self.with_attempt.append(update.update_id)
        self.stored.set()
        await trio.sleep(self.delay)
        if self.lose_answer:
            self.lose_answer = False
            raise DatabaseUnavailable("the answer was lost")
        return stored

    async def begin(self, attempt: Attempt) -> Begun:
        self.begun.append(attempt.update_id)
        return await super().begin(attempt)


def says(text: str) -> TestBot:
    def decide(update: Update) -> Reply:
        return NOTHING if update.message is None else a_reply(update.message.chat.id, text)

    return TestBot(decide)


def a_reply(chat_id: int, text: str) -> Reply:
    return Reply((Call("sendMessage", {"chat_id": chat_id, "text": text}),))


async def a_while(bot: RunningBot) -> None:
    """A second later, what is written is younger than the term."""
    await trio.sleep(1.0)
    await bot.settled()


async def test_one_commit_stores_and_begins() -> None:
    """Of somebody who writes while a worker is idle; the menu comes once, and the log is that of any update."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await bot.settled()
        assert (inbox.with_attempt, inbox.begun) == ([update_id], [])
        assert len(bot.menus(7)) == 1
        assert inbox.processed[update_id].outcome == "done"
        assert bot.logs.names(update_id) == [
            "ENQUEUED",
            "DEDUP_CHECK",
            "ACTIVE_PROCESS_START",
            "START",
            "MAIN_MENU_SENT",
            "DONE",
        ]


async def test_a_chats_second_waits_for_its_first() -> None:
    """What comes while another update of the chat is being stored, or worked on, comes to its turn behind it."""
    inbox = CountingInbox()
    inbox.delay = 0.5
    async with running_bot(inbox=inbox, bot=says("hi"), latency=0.2) as bot:
        await a_while(bot)
        ids = [await bot.send(7, "one"), await bot.send(7, "two")]
        await inbox.stored.wait()
        ids.append(await bot.send(7, "three"))
        await bot.settled()
        assert inbox.with_attempt == ids[:1]
        assert inbox.begun == ids[1:]
        assert [call.params["text"] for call in bot.calls("sendMessage", 7)] == ["hi"] * 3


async def test_no_more_begin_than_workers_are_idle() -> None:
    """Each that begins has a worker of its own; the others wait unbegun, as any that waits for a worker."""
    inbox = CountingInbox()
    inbox.delay = 0.1
    async with running_bot(inbox=inbox, bot=says("hi"), workers=2, latency=0.5) as bot:
        await a_while(bot)
        for user in range(1, 6):
            await bot.send(user, "hello")
        await bot.settled()
        assert (len(inbox.with_attempt), len(inbox.begun)) == (2, 3)
        assert len(bot.calls()) == 5


async def deliver(bot: RunningBot, user: int) -> tuple[int, int]:
    """A user writes, and the webhook is given that once; the update's id and the status."""
    update = bot.sandbox.telegram.user_sends_text(user, "/start")
    assert update is not None
    headers = [("Content-Type", "application/json"), ("X-Telegram-Bot-Api-Secret-Token", SECRET)]
    result = await asgi_post(bot.service.app)("/webhook", headers, json.dumps(update.as_object()).encode())
    return update.id, result.status


async def test_what_was_written_before_the_term_is_stored_first() -> None:
    """A handler that ends the process must not meet what is not in the inbox: that would be delivered for ever."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox, passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(0.9)
        inbox.rows.clear()  # as if it had not been stored, and were delivered to the next leader
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        payload = {"update_id": update_id, "message": {"message_id": 1, "date": 0, "chat": {"id": 7}, "text": "/start"}}
        headers = [("Content-Type", "application/json"), ("X-Telegram-Bot-Api-Secret-Token", SECRET)]
        await asgi_post(bot.service.app)("/webhook", headers, json.dumps(payload).encode())
        while inbox.rows:
            await trio.sleep(0.05)
        assert (inbox.with_attempt, inbox.begun) == ([], [update_id])
        assert len(bot.menus(7)) == 1


async def test_a_passive_instance_only_stores() -> None:
    """There is no period from which anything could be begun."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox, passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(1.0)
        assert list(inbox.rows) == [update_id]
        assert (inbox.with_attempt, bot.calls()) == ([], [])


async def test_flood_control_is_asked_first() -> None:
    """Whoever would have to wait for a turn waits stored, and gives way to nobody by that."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox, bot=says("hi"), send_rate_chat=0.5) as bot:
        await a_while(bot)
        for _ in range(6):
            await bot.send(7, "hello")
            await trio.sleep(0.3)
        await bot.settled()
        assert len(bot.calls("sendMessage", 7)) == 6
        assert 0 < len(inbox.with_attempt) < 6
        assert sorted({*inbox.with_attempt, *inbox.begun}) == sorted(inbox.processed)


async def test_nothing_begins_while_sending_is_paused() -> None:
    """An operator's pause holds for what comes in, too."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox) as bot:
        await a_while(bot)
        await order(inbox, pause_of())
        await bot.send(7)
        await trio.sleep(5)
        assert (inbox.with_attempt, bot.calls()) == ([], [])
        await order(inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_a_pause_that_comes_within_the_commit_is_kept() -> None:
    """It has begun by then, and is put back."""
    inbox = CountingInbox()
    inbox.delay = 1.5
    async with running_bot(inbox=inbox) as bot:
        await a_while(bot)
        await bot.send(7)
        await inbox.stored.wait()
        await order(inbox, pause_of())
        await trio.sleep(5)
        assert len(inbox.with_attempt) == 1
        assert bot.calls() == []
        await order(inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_an_answer_that_is_lost_loses_nothing() -> None:
    """It may have begun: it is put back, Telegram is told to come again, and the menu comes once."""
    inbox = CountingInbox()
    inbox.lose_answer = True
    async with running_bot(inbox=inbox, standby=False) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await bot.settled()
        assert inbox.begun == [update_id]
        assert bot.logs.names(update_id).count("NOT_STORED") == 1
        assert len(bot.menus(7)) == 1
        assert inbox.processed[update_id].doubts == 0


async def test_a_term_that_ends_within_the_commit_leaves_nothing_begun() -> None:
    """No worker is there any more: whoever leads next begins it anew, and is in no doubt."""
    inbox = CountingInbox()
    inbox.delay = 1.0
    async with running_bot(inbox=inbox) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await inbox.stored.wait()
        assert inbox.rows[update_id].state == "processing"
        assert bot.lock.holder is not None
        bot.lock.blocked = True
        bot.lock.holder.abandon()
        await bot.state(State.PASSIVE)
        await trio.sleep(2.0)
        assert inbox.rows[update_id].state == "pending"
        bot.lock.unblock()
        await bot.settled()
        assert len(bot.menus(7)) == 1
        assert inbox.processed[update_id].doubts == 0


async def test_a_drain_between_the_commit_and_the_worker_leaves_nothing_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue closes before the worker that it was for has taken it: nothing was sent, and it is put back."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox) as bot:
        await a_while(bot)
        period = bot.service.lifecycle.active.period
        assert period is not None
        queue, add_begun = period.queue, period.queue.add_begun

        def add_and_close(update: Received) -> bool:
            added = add_begun(update)
            queue.close()
            return added

        monkeypatch.setattr(queue, "add_begun", add_and_close)
        update_id = await bot.send(7)
        await trio.sleep(1.0)
        assert inbox.with_attempt == [update_id]
        assert inbox.rows[update_id].state == "pending"
        assert bot.calls() == []


async def test_a_handler_that_fails_is_called_again_and_told_once() -> None:
    """What it raises before the update is stored is nobody's loss: it is stored, and fails as any other."""
    calls: list[int] = []

    def decide(update: Update) -> Reply:
        calls.append(update.update_id)
        raise RuntimeError("no")

    inbox = CountingInbox()
    async with running_bot(inbox=inbox, bot=TestBot(decide)) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await trio.sleep(0.5)
        assert inbox.with_attempt == []
        assert calls == [update_id, update_id]
        assert len(bot.logs.of("HANDLER_FAILED")) == 1


async def test_what_needs_no_answer_is_done_with_its_storing() -> None:
    """Once, by no worker, and it is said and counted as any that is ignored."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox, decide=lambda _: NOTHING) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await trio.sleep(0.1)
        assert inbox.rows == {}
        assert (inbox.processed[update_id].outcome, inbox.processed[update_id].attempts) == ("ignored", 0)
        assert bot.logs.names(update_id) == ["ENQUEUED", "DONE"]
        assert [done["outcome"] for done in bot.logs.of("DONE")] == ["ignored"]
        assert bot.metrics.registry.get_sample_value("svc_updates_finished_total", {"outcome": "ignored"}) == 1


async def test_it_waits_behind_what_its_chat_has_asked() -> None:
    """That may change what it means: it is decided in its turn, by the state that there is then."""
    inbox = CountingInbox()
    inbox.delay = 0.5

    def decide(update: Update) -> Reply:
        assert update.message is not None
        return NOTHING if update.message.text == "aside" else a_reply(update.message.chat.id, "hi")

    async with running_bot(inbox=inbox, decide=decide) as bot:
        await a_while(bot)
        first, second = await bot.send(7, "hello"), await bot.send(7, "aside")
        await bot.settled()
        assert inbox.with_attempt == [first]
        assert bot.logs.names(second) == ["ENQUEUED", "DONE"]


async def test_where_its_answer_is_lost_it_comes_again_and_is_a_duplicate() -> None:
    """Telegram is told so, and nothing is owed."""
    inbox = CountingInbox()
    inbox.lose_answer = True
    async with running_bot(inbox=inbox, decide=lambda _: NOTHING, standby=False) as bot:
        await a_while(bot)
        update_id = await bot.send(7)
        await trio.sleep(10)
        assert bot.logs.names(update_id) == ["NOT_STORED", "DUPLICATE"]
        assert (inbox.rows, list(inbox.processed)) == ({}, [update_id])


@pytest.mark.parametrize(("edited_after", "at_once"), [(-60, False), (60, True)])
async def test_an_edit_counts_by_when_it_was_made(edited_after: float, at_once: bool) -> None:
    """Of an old message, too: it is what was written since the term began."""
    inbox = CountingInbox()
    async with running_bot(inbox=inbox, decide=lambda _: NOTHING) as bot:
        await a_while(bot)
        began = int(unix_time())
        edited = {"message_id": 1, "date": began - 86_400, "edit_date": began + edited_after, "chat": {"id": 7}}
        payload = {"update_id": 5, "edited_message": edited | {"text": "a typo, mended"}}
        headers = [("Content-Type", "application/json"), ("X-Telegram-Bot-Api-Secret-Token", SECRET)]
        await asgi_post(bot.service.app)("/webhook", headers, json.dumps(payload).encode())
        await bot.settled()
        assert (inbox.with_attempt == [5]) == at_once
        assert inbox.processed[5].outcome == "ignored"

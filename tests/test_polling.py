"""INTAKE=polling: every update is in the inbox before Telegram may forget it, and comes in once."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio

from sandbox.app import Sandbox
from sandbox.call_log import RecordedCall
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from svc.intake.accept import Intake
from svc.intake.polling import LONGEST_PAUSE, POLL_LIMIT, POLL_SECONDS, open_poller, poll
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Received, Stored, StoreOutcome
from svc.waiting import until
from telegram_client.updates import read_update
from tests.harness import DEADLOCK, Logs, captured_logs
from tests.memory.inbox import MemoryInbox
from tests.transports import FakeTransport, answering

ROOT = "https://api.telegram.org"
WEBHOOK = WebhookSettings("https://old.example/webhook")


class Polled:
    """A poller between a sandbox and an inbox. `draining` set ends it, as in the service."""

    def __init__(self, sandbox: Sandbox, inbox: MemoryInbox, logs: Logs, hints: int) -> None:
        self.sandbox = sandbox
        self.inbox = inbox
        self.logs = logs
        self.draining = trio.Event()
        self.ended = trio.Event()
        self._hints, self._hinted = trio.open_memory_channel[Received](hints)

    def send(self, user: int, text: str = "hello") -> int:
        """A user writes; the update's id."""
        update = self.sandbox.telegram.user_sends_text(user, text)
        assert update is not None
        return update.id

    @property
    def hinted(self) -> list[int]:
        """The updates hinted to the workers since the last call, in order."""
        found: list[int] = []
        while True:
            try:
                found.append(self._hinted.receive_nowait().update_id)
            except trio.WouldBlock:
                return found

    @property
    def pending(self) -> list[int]:
        """What Telegram has not forgotten."""
        return list(self.sandbox.telegram.bot().pending)

    @property
    def polls(self) -> list[RecordedCall]:
        """Every getUpdates that has been answered, or has failed."""
        return self.sandbox.telegram.call_log.find("getUpdates")

    async def poll(self, store: Callable[[Received], Awaitable[Stored]] | None = None) -> None:
        """Poll until `draining`, with `store` in place of the inbox's own."""
        async with open_poller(DEMO_TOKEN, root=ROOT, open_transport=self.sandbox.transport) as api:
            intake = Intake(store or self.inbox.store, self._hints)
            await until(self.draining, partial(poll, api, intake, rng=random.Random(0)))
        self.ended.set()


@asynccontextmanager
async def polling(
    sandbox: Sandbox | None = None,
    inbox: MemoryInbox | None = None,
    *,
    hints: int = 1000,
    store: Callable[[Received], Awaitable[Stored]] | None = None,
) -> AsyncIterator[Polled]:
    """A poller at work, whose first getUpdates has reached Telegram."""
    with captured_logs(secrets=(DEMO_TOKEN,)) as logs, trio.fail_after(DEADLOCK):
        polled = Polled(sandbox or Sandbox(), inbox or MemoryInbox(), logs, hints)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(polled.poll, store)
            await trio.sleep(0.1)
            yield polled
            nursery.cancel_scope.cancel(reason="the test is over")


async def test_every_update_is_stored_once_and_hinted(autojump_clock: trio.testing.MockClock) -> None:
    """Each update reaches inbox and workers at once, in order, with the chat and kind that the inbox needs."""
    async with polling() as polled:
        first, second = polled.send(7, "one"), polled.send(7, "two")
        await trio.sleep(0.1)
        assert polled.hinted == [first, second]
        row = polled.inbox.rows[first].update
        assert (row.chat_id, row.kind) == (7, "message")
        assert row.arrived == pytest.approx(0.1)
        assert polled.logs.names(first) == ["ENQUEUED"]
        await trio.sleep(300)
        assert list(polled.inbox.rows) == [first, second]
        assert polled.hinted == []
        assert polled.pending == []


async def test_a_payload_is_what_a_webhook_would_have_brought(autojump_clock: trio.testing.MockClock) -> None:
    """The stored bytes are the update's JSON, also with an emoji cut in two and a NUL in its text."""
    async with polling() as polled:
        update_id = polled.send(7, "a\ud83d\0Ж👋")
        await trio.sleep(0.1)
        payload = polled.inbox.rows[update_id].update.payload
        update = polled.sandbox.telegram.messages(7)[0]
        assert json.loads(payload) == {"update_id": update_id, "message": update}
        assert payload.startswith(f'{{"update_id":{update_id},"message":'.encode())
        parsed = read_update(payload)
        assert parsed.message is not None
        assert parsed.message.text == "a\ufffd\0Ж👋"


async def test_an_unknown_kind_is_stored_too(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram adds kinds without notice; the workers decide what is of interest."""
    async with polling() as polled:
        update = polled.sandbox.telegram.push_update("new_kind_of_2030", {"user": {"id": 9}})
        assert update is not None
        await trio.sleep(0.1)
        row = polled.inbox.rows[update.id].update
        assert (row.kind, row.chat_id) == ("new_kind_of_2030", 9)


async def test_the_offset_moves_only_after_the_commit(autojump_clock: trio.testing.MockClock) -> None:
    """While a store is under way nothing is confirmed: Telegram still has all of the batch."""
    commit = trio.Event()
    inbox = MemoryInbox()

    async def store(update: Received) -> Stored:
        await commit.wait()
        return await inbox.store(update)

    async with polling(inbox=inbox, store=store) as polled:
        sent = [polled.send(user) for user in range(1, 6)]
        await trio.sleep(5)
        assert polled.pending == sent
        assert len(polled.polls) == 1
        assert polled.hinted == []
        commit.set()
        await trio.sleep(0.1)
        assert polled.pending == []
        assert sorted(inbox.rows) == sent


async def test_a_chat_is_stored_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """Of one chat an update is stored only after the one before it: or it could be read back and answered first."""
    inbox = MemoryInbox()
    failing = [True]
    tried: list[int] = []

    async def store(update: Received) -> Stored:
        tried.append(update.update_id)
        await trio.sleep(0.01)
        if failing and len(inbox.rows) == 2:
            failing.pop()
            raise DatabaseUnavailable("cut off")
        return await inbox.store(update)

    async with polling(inbox=inbox, store=store) as polled:
        sent = [polled.send(7) for _ in range(5)]
        await trio.sleep(0.5)
        assert tried == sent[:3]
        assert list(inbox.rows) == sent[:2]
        await trio.sleep(2)
        assert tried == sent[:3] + sent
        assert list(inbox.rows) == sent
        assert polled.hinted == sent


async def test_a_batch_is_stored_side_by_side(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred updates take the time of one commit, which is what the inbox groups them into."""
    sandbox = Sandbox()
    sent = [update.id for user in range(1, 101) if (update := sandbox.telegram.user_sends_text(user, "hello"))]
    waiting: list[int] = []
    commit = trio.Event()

    async def store(update: Received) -> Stored:
        waiting.append(update.update_id)
        await commit.wait()
        return Stored(StoreOutcome.FIRST)

    async with polling(sandbox, store=store) as polled:
        assert sorted(waiting) == sent
        commit.set()
        await trio.sleep(0.1)
        assert sorted(polled.hinted) == sent


async def test_a_backlog_of_many_batches_comes_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred at a time, one batch after the other, until Telegram has none."""
    sandbox = Sandbox()
    sent = [update.id for user in range(1, 251) if (update := sandbox.telegram.user_sends_text(user, "hello"))]
    async with polling(sandbox) as polled:
        await trio.sleep(1)
        hinted = polled.hinted
        batches = [sorted(hinted[start : start + POLL_LIMIT]) for start in range(0, len(sent), POLL_LIMIT)]
        assert [update_id for batch in batches for update_id in batch] == sent
        assert polled.pending == []


async def test_full_hints_are_no_loss(autojump_clock: trio.testing.MockClock) -> None:
    """The channel is only the fast path: what does not fit is in the inbox, and polling goes on."""
    async with polling(hints=1) as polled:
        sent = [polled.send(user) for user in range(1, 6)]
        await trio.sleep(0.1)
        assert sorted(polled.inbox.rows) == sent
        assert len(polled.hinted) == 1
        assert polled.pending == []


async def test_an_outage_of_the_database_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The same batch is asked for again until it is stored, soon after the database is back; then it comes no more."""
    async with polling() as polled:
        polled.inbox.go_away()
        sent = [polled.send(user) for user in range(1, 4)]
        await trio.sleep(600)
        assert polled.pending == sent
        assert polled.inbox.rows == {}
        assert "3 of 3 updates are not stored" in polled.logs.of("POLL_RETRY")[0]["error"]
        assert 600 / LONGEST_PAUSE <= len(polled.logs.of("POLL_RETRY")) < 100
        polled.inbox.come_back()
        await trio.sleep(LONGEST_PAUSE + 1)
        assert sorted(polled.hinted) == sent
        assert polled.pending == []


async def test_a_batch_stored_in_part_is_completed(autojump_clock: trio.testing.MockClock) -> None:
    """What was stored is worked on at once and known when it comes again; what was not is stored then."""
    inbox = MemoryInbox()
    failing = [True]

    async def store(update: Received) -> Stored:
        if update.chat_id == 2 and failing:
            failing.pop()
            raise DatabaseUnavailable("cut off")
        return await inbox.store(update)

    async with polling(inbox=inbox, store=store) as polled:
        one, two, three = (polled.send(user) for user in (1, 2, 3))
        await trio.sleep(0.1)
        assert sorted(polled.hinted) == [one, three]
        assert polled.pending == [one, two, three]
        await trio.sleep(2)
        assert polled.hinted == [two]
        assert polled.logs.names(one) == ["ENQUEUED", "DUPLICATE"]
        assert polled.pending == []


async def test_a_store_that_hangs_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    """No commit in time is no commit: the batch is asked for again."""
    inbox = MemoryInbox()
    hanging = [True]

    async def store(update: Received) -> Stored:
        if hanging:
            hanging.pop()
            await trio.sleep_forever()
        return await inbox.store(update)

    async with polling(inbox=inbox, store=store) as polled:
        update_id = polled.send(1)
        await trio.sleep(60)
        assert "no commit in time" in polled.logs.of("POLL_RETRY")[0]["error"]
        assert polled.hinted == [update_id]


async def test_an_unforeseen_error_of_the_store_ends_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """It is logged with its traceback, and the update is neither confirmed nor lost."""
    inbox = MemoryInbox()
    failing = [True]

    async def store(update: Received) -> Stored:
        if failing:
            failing.pop()
            raise RuntimeError("a bug")
        return await inbox.store(update)

    async with polling(inbox=inbox, store=store) as polled:
        update_id = polled.send(1)
        await trio.sleep(5)
        (line,) = polled.logs.of("NOT_STORED")
        assert "a bug" in line["exception"]
        assert list(inbox.rows) == [update_id]


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html", "error", "hang"])
async def test_a_failed_poll_is_asked_again(autojump_clock: trio.testing.MockClock, fault: str) -> None:
    """Asking twice is harmless: nothing is lost or repeated, whatever became of the request."""
    sandbox = Sandbox()
    sandbox.faults.order(fault, method="getUpdates", count=3)
    async with polling(sandbox) as polled:
        update_id = polled.send(1)
        await trio.sleep(400)
        assert polled.hinted == [update_id]
        assert polled.pending == []
        retries = polled.logs.of("POLL_RETRY")
        assert len(retries) == 3
        assert not any("exception" in line for line in retries)


async def test_a_confirmation_that_got_lost_repeats_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The request that confirms a batch fails on its way: it is asked again with the same offset."""
    async with polling() as polled:
        polled.sandbox.faults.order("cut_before", method="getUpdates")
        update_id = polled.send(1)
        await trio.sleep(0.1)
        assert polled.pending == [update_id]
        await trio.sleep(2)
        assert polled.pending == []
        assert polled.logs.names(update_id) == ["ENQUEUED"]


async def test_flood_control_is_obeyed(autojump_clock: trio.testing.MockClock) -> None:
    """After a 429 Telegram is not asked for as long as it said."""
    sandbox = Sandbox()
    sandbox.faults.order("flood", method="getUpdates", retry_after=30)
    async with polling(sandbox) as polled:
        polled.send(1)
        await trio.sleep(29)
        assert len(polled.polls) == 1
        await trio.sleep(2)
        assert len(polled.hinted) == 1


async def test_ids_that_start_anew_are_not_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    """After a quiet week ids may begin anywhere, also below the last offset, which would make Telegram forget them."""
    async with polling() as polled:
        polled.send(1)
        await trio.sleep(8 * 60)
        polled.sandbox.telegram.bot().next_update_id = 5
        assert polled.send(2) == 5
        await trio.sleep(60)
        assert 5 in polled.inbox.rows
        assert polled.pending == []


async def test_an_idle_bot_is_asked_once_in_50_seconds(autojump_clock: trio.testing.MockClock) -> None:
    """Long polls, back to back, and nothing else."""
    async with polling() as polled:
        await trio.sleep(10 * POLL_SECONDS)
        assert len(polled.polls) == 10
        assert {call.method for call in polled.sandbox.telegram.call_log} == {"getUpdates"}


async def test_an_empty_answer_at_once_is_followed_by_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    """A gateway that does not hold the request open is not asked without end; the log says so; what comes is taken."""
    answers = iter([b"[]"] * 10 + [b'[{"update_id":7,"message":{"chat":{"id":1}}}]'])
    transport = FakeTransport(lambda _: httpx.Response(200, content=b'{"ok":true,"result":%b}' % next(answers, b"[]")))
    hints, hinted = trio.open_memory_channel[Received](1)
    with captured_logs() as logs:
        async with open_poller(DEMO_TOKEN, root=ROOT, open_transport=lambda: transport) as api:
            with trio.move_on_after(100):
                await poll(api, Intake(MemoryInbox().store, hints), rng=random.Random(0))
    assert 10 < len(transport.requests) < 20
    assert "no updates, after less than 1 s" in logs.of("POLL_RETRY")[0]["error"]
    assert all(json.loads(request.content)["limit"] == POLL_LIMIT for request in transport.requests)
    assert hinted.receive_nowait().update_id == 7


async def test_a_duplicate_is_confirmed_when_its_store_has_returned(autojump_clock: trio.testing.MockClock) -> None:
    """A duplicate counts like any other: it goes through the same `accept`, and while `store` waits, for a standby say,
    nothing of its batch is confirmed."""
    inbox, confirmed = MemoryInbox(), trio.Event()

    async def store(update: Received) -> Stored:
        stored = await inbox.store(update)
        if stored.outcome is StoreOutcome.DUPLICATE:
            await confirmed.wait()
        return stored

    sandbox = Sandbox()
    async with polling(sandbox, inbox) as polled:
        sandbox.faults.order("cut_before", method="getUpdates", count=None)
        old = polled.send(1)
        await trio.sleep(0.1)
        polled.draining.set()
        await polled.ended.wait()
    sandbox.faults.clear()
    async with polling(sandbox, inbox, store=store) as polled:
        new = polled.send(2)
        await trio.sleep(5)
        assert polled.pending == [old, new]
        confirmed.set()
        await trio.sleep(1)
        assert polled.logs.names(old) == ["DUPLICATE"]
        assert polled.pending == []


async def test_updates_without_a_chat_do_not_wait_for_each_other(autojump_clock: trio.testing.MockClock) -> None:
    """They share no order: one that cannot be stored keeps none of the others from the inbox."""
    inbox = MemoryInbox()
    sandbox = Sandbox()
    sent = [sandbox.telegram.push_update("poll", {"id": str(number)}) for number in range(3)]
    ids = [update.id for update in sent if update is not None]

    async def store(update: Received) -> Stored:
        assert update.chat_id == 0
        if update.update_id == ids[0]:
            raise DatabaseUnavailable("not this one")
        return await inbox.store(update)

    async with polling(sandbox, inbox, store=store) as polled:
        assert sorted(inbox.rows) == ids[1:]
        assert polled.pending == ids


async def test_a_webhook_in_the_way_is_named(autojump_clock: trio.testing.MockClock) -> None:
    """One line a try, ever more seldom, says which and what to do; it stays until somebody removes it."""
    sandbox = Sandbox()
    sandbox.telegram.bot().webhook = WEBHOOK
    async with polling(sandbox) as polled:
        update_id = polled.send(1)
        await trio.sleep(600)
        lines = polled.logs.of("POLL_CONFLICT")
        assert "https://old.example/webhook" in lines[0]["reason"]
        assert "svc webhook delete" in lines[0]["reason"]
        assert 5 < len(lines) < 30
        assert sandbox.telegram.bot().webhook is WEBHOOK
        sandbox.telegram.call(DEMO_TOKEN, "deleteWebhook", {})
        await trio.sleep(60)
        assert polled.hinted == [update_id]


async def test_a_batch_that_is_too_large_is_asked_for_in_parts(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred long updates are more than an answer may be: they come in smaller batches, all of them."""
    sandbox = Sandbox()
    sent = [sandbox.telegram.user_sends_text(user, "x" * 100_000) for user in range(1, 101)]
    async with polling(sandbox) as polled:
        await trio.sleep(60)
        assert sorted(polled.inbox.rows) == [update.id for update in sent if update is not None]
        assert {line["error"] for line in polled.logs.of("POLL_RETRY")} == {"InDoubt: getUpdates: DecodingError"}
        assert polled.pending == []


async def test_one_update_that_cannot_be_stored_holds_up_none_before_it(autojump_clock: trio.testing.MockClock) -> None:
    """Batches shrink until only that one is asked for; nothing is forgotten, and what comes before it is confirmed."""
    sandbox, inbox = Sandbox(), MemoryInbox()
    sent = [sandbox.telegram.user_sends_text(user, "hello") for user in range(1, 31)]
    poison = sent[20]
    assert poison is not None

    async def store(update: Received) -> Stored:
        if update.update_id == poison.id:
            raise ValueError("this one never")
        return await inbox.store(update)

    async with polling(sandbox, inbox, store=store) as polled:
        await trio.sleep(300)
        assert min(polled.pending) == poison.id
        assert {update.id for update in sent[:20] if update is not None} <= set(inbox.rows)


async def test_a_webhook_set_while_polling_is_explained(autojump_clock: trio.testing.MockClock) -> None:
    """The poll under way ends with 409, and the line names the webhook."""
    async with polling() as polled:
        url = {"url": "https://new.example/webhook"}
        assert polled.sandbox.telegram.call(DEMO_TOKEN, "setWebhook", url).status == 200
        await trio.sleep(0.1)
        (line,) = polled.logs.of("POLL_CONFLICT")
        assert "https://new.example/webhook" in line["reason"]


async def test_a_second_poller_is_named(autojump_clock: trio.testing.MockClock) -> None:
    """Somebody else polls with this token: the line says so, and polling goes on once they are gone."""
    async with polling() as polled:
        async with open_poller(DEMO_TOKEN, root=ROOT, open_transport=polled.sandbox.transport) as other:
            with trio.move_on_after(0.1):
                await other.call("getUpdates", {"timeout": POLL_SECONDS})
        (line,) = polled.logs.of("POLL_CONFLICT")
        assert "another process" in line["reason"]
        update_id = polled.send(1)
        await trio.sleep(10)
        assert polled.hinted == [update_id]


async def test_a_restart_neither_loses_nor_repeats(autojump_clock: trio.testing.MockClock) -> None:
    """A poller that ends between commit and confirmation: the next one is given the batch again, and knows it."""
    sandbox, inbox = Sandbox(), MemoryInbox()
    async with polling(sandbox, inbox) as polled:
        # Stored, and then the process is gone before its next request reaches Telegram.
        sandbox.faults.order("cut_before", method="getUpdates", count=None)
        first = polled.send(1)
        await trio.sleep(0.1)
        assert list(inbox.rows) == [first]
        polled.draining.set()
        await polled.ended.wait()
    sandbox.faults.clear()
    late = sandbox.telegram.user_sends_text(2, "hello")
    assert late is not None
    async with polling(sandbox, inbox) as polled:
        await trio.sleep(1)
        assert polled.logs.names(first) == ["DUPLICATE"]
        assert polled.hinted == [late.id]
        assert list(inbox.rows) == [first, late.id]
        assert polled.pending == []


@pytest.mark.parametrize("seed", range(20))
async def test_restarts_and_faults_at_any_moment(autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Whenever pollers end, calls are lost and the database is away: each update is new to the inbox exactly once,
    and those of a chat in order."""
    rng = random.Random(seed)
    sandbox, inbox = Sandbox(seed=seed), MemoryInbox()
    sent: list[int] = []
    new: list[int] = []
    by_chat: dict[int, list[int]] = {}

    async def store(update: Received) -> Stored:
        await trio.sleep(rng.choice((0, 0.01)))
        stored = await inbox.store(update)
        if stored.outcome is not StoreOutcome.DUPLICATE:
            new.append(update.update_id)
            by_chat.setdefault(update.chat_id, []).append(update.update_id)
        await trio.sleep(rng.choice((0, 0.01)))  # cancelled here, it is stored all the same
        return stored

    for _ in range(30):
        async with polling(sandbox, inbox, store=store) as polled:
            for _ in range(rng.randrange(8)):
                sent.append(polled.send(rng.randrange(1, 5)))
                await trio.sleep(rng.choice((0, 0.005, 0.02)))
            if rng.random() < 0.3:
                sandbox.faults.order(rng.choice(("cut_before", "cut_after", "html")), method="getUpdates")
            if rng.random() < 0.2:
                inbox.go_away()
            await trio.sleep(rng.choice((0, 0.005, 2)))
            polled.draining.set()
            await polled.ended.wait()
            inbox.come_back()
    async with polling(sandbox, inbox, store=store) as polled:
        await trio.sleep(30)
        assert polled.pending == []
    assert sorted(new) == sent
    assert all(ids == sorted(ids) for ids in by_chat.values())
    assert sorted(inbox.rows) == sent


async def test_a_drain_ends_the_poll_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """It does not wait out the 50 seconds of the poll under way."""
    async with polling() as polled:
        started = trio.current_time()
        polled.draining.set()
        await polled.ended.wait()
        assert trio.current_time() == started
        update_id = polled.send(1)
        await trio.sleep(120)
        assert polled.pending == [update_id]
        assert polled.inbox.rows == {}


@pytest.mark.parametrize("result", ['"no list"', '[{"update_id": "no number"}]', "[[]]", "null"])
async def test_an_answer_that_makes_no_sense_is_no_busy_loop(
    autojump_clock: trio.testing.MockClock, result: str
) -> None:
    """Neither the end of polling nor a storm of requests: logged, and asked again with pauses."""
    transport = FakeTransport(answering(200, f'{{"ok":true,"result":{result}}}'.encode()))
    hints, _hinted = trio.open_memory_channel[Received](1)
    with captured_logs() as logs:
        async with open_poller(DEMO_TOKEN, root=ROOT, open_transport=lambda: transport) as api:
            with trio.move_on_after(100):
                await poll(api, Intake(MemoryInbox().store, hints), rng=random.Random(0))
    assert 10 < len(transport.requests) < 20
    assert len(logs.of("POLL_RETRY")) == len(transport.requests)
    assert "NotAnUpdate" in logs.of("POLL_RETRY")[0]["error"]


async def test_the_sockets_wait_as_long_as_telegram_does(autojump_clock: trio.testing.MockClock) -> None:
    """httpx's read timeout is longer than a long poll: with a usual call's every quiet poll would fail."""
    transport = FakeTransport(Sandbox().transport().handle_async_request)
    async with open_poller(DEMO_TOKEN, root=ROOT, open_transport=lambda: transport) as api:
        assert await api.call("getUpdates", {"timeout": POLL_SECONDS}) == []
    assert transport.requests[0].extensions["timeout"].get("read", 3600) > POLL_SECONDS

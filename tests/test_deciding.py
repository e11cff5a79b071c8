"""From payload to decision, with handlers that fail, that end the process and that nobody may be blamed for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import trio
import trio.testing

from svc.delivery import deciding as deciding_module
from svc.delivery.deciding import MOST_BLAMED, Deciding, Decision
from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.delivery.identity import Identity
from svc.delivery.knowing import WAIT_FOR_NAME, Knowing
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Creating, Known
from svc.handler.reply import NOTHING, Call, Reply
from svc.storage.inbox import JOB_ENDED, NO_CHAT, ChatState, Received, Term
from svc.storage.jobs import job_event
from telegram_client.updates import Update
from tests.bots import TestBot
from tests.harness import captured_logs
from tests.memory.inbox import MemoryInbox
from tests.memory.jobs import MemoryJobs

POISON = "poison"


class ProcessEnded(KeyboardInterrupt):
    """Stands for the end of the process: nothing after it is done. Nobody catches a KeyboardInterrupt."""


def handler(update: Update) -> Reply:
    assert update.message is not None
    if update.message.text == POISON:
        raise ProcessEnded
    return Reply((Call("sendMessage", {"chat_id": update.message.chat.id, "text": "fine"}),))


def received(update_id: int, text: str = "hi", *, arrived: float = -1.0) -> Received:
    """An update of a chat of its own, by default from before the term."""
    message = {"message_id": 1, "chat": {"id": update_id, "type": "private"}, "text": text}
    payload = json.dumps({"update_id": update_id, "message": message}).encode()
    return Received(update_id, update_id, "message", payload, arrived)


async def stored(*updates: Received) -> MemoryInbox:
    inbox = MemoryInbox()
    for update in updates:
        await inbox.store(update)
    return inbox


async def new_term(
    inbox: MemoryInbox, decide: Callable[[Update], Reply] = handler, *, after_crash: bool = True
) -> Deciding:
    term = await inbox.take_over(uuid4(), "one")
    return Deciding(TestBot(decide), inbox, term, HandlerWatchdog(3600.0), knowing(inbox), after_crash=after_crash)


def knowing(inbox: MemoryInbox) -> Knowing:
    """What there is to know in these tests: the time, and the chat's state."""
    return Knowing(MemoryJobs(inbox), Creating(per_user=3), Identity(), lambda: 1000.0 + trio.current_time())


async def test_an_update_that_ends_three_processes_is_dead(autojump_clock: trio.testing.MockClock) -> None:
    """Each leader dies of it, until it has been blamed often enough; its handler is then not called again."""
    poison = received(1, POISON)
    inbox = await stored(poison)
    for _ in range(MOST_BLAMED):
        deciding = await new_term(inbox)
        with pytest.raises(ProcessEnded):
            await deciding.decide(poison)
    deciding = await new_term(inbox)
    decision = await deciding.decide(poison)
    assert decision.dead == "the process has ended 3 times while its handler was called"
    assert decision.update is not None, "the user is told"


async def test_only_the_one_that_was_being_decided_is_blamed(autojump_clock: trio.testing.MockClock) -> None:
    """Its neighbours, decided before it or waiting behind it, are as innocent as before."""
    updates = [received(number, POISON if number == 4 else "hi") for number in range(1, 7)]
    inbox = await stored(*updates)
    for _ in range(MOST_BLAMED):
        deciding = await new_term(inbox)
        for update in updates[:3]:
            await deciding.decide(update)
        with pytest.raises(ProcessEnded):
            await deciding.decide(updates[3])
    deciding = await new_term(inbox)
    decisions = [await deciding.decide(update) for update in updates]
    assert [decision.dead is not None for decision in decisions] == [number == 4 for number in range(1, 7)]
    assert {number: row.blamed for number, row in inbox.rows.items() if row.blamed} == {4: MOST_BLAMED}


async def test_nobody_is_blamed_for_a_term_that_ends_otherwise(autojump_clock: trio.testing.MockClock) -> None:
    """The note is taken back when the handler has returned, and when the worker is cancelled at that moment."""
    update = received(1)
    inbox = await stored(update)
    await (await new_term(inbox)).decide(update)
    assert await blamed_by_the_next(inbox) == 0

    deciding = await new_term(inbox)
    notes = Notes(inbox)
    with trio.CancelScope() as lease:
        notes.then = lease.cancel
        await deciding.decide(update)
    assert lease.cancelled_caught
    assert await blamed_by_the_next(inbox) == 0


async def blamed_by_the_next(inbox: MemoryInbox) -> int:
    """How often update 1 has been blamed, after the first note of a new term."""
    await inbox.note_deciding(await inbox.take_over(uuid4(), "two"), None)
    return inbox.rows[1].blamed


class Notes:
    """What is noted in an inbox; `then` is called after each note."""

    def __init__(self, inbox: MemoryInbox) -> None:
        self.made: list[int | None] = []
        self.then: Callable[[], object] = int
        self._note = inbox.note_deciding
        inbox.note_deciding = self  # type: ignore[method-assign]

    async def __call__(self, term: Term, update_id: int | None) -> int:
        self.made.append(update_id)
        blamed = await self._note(term, update_id)
        self.then()
        return blamed


async def test_only_what_a_former_leader_may_have_died_of_is_noted(autojump_clock: trio.testing.MockClock) -> None:
    """What arrives in this term costs no statement; and of a backlog only the first part does."""
    old = [received(number) for number in range(1, 9)]
    inbox = await stored(*old)
    notes = Notes(inbox)
    deciding = await new_term(inbox)
    await deciding.decide(received(100, arrived=trio.current_time()))
    assert notes.made == []
    deciding._notes_left = 5
    for update in old:
        await deciding.decide(update)
    assert [each for each in notes.made if each is not None] == [1, 2, 3, 4, 5]


async def test_after_an_announced_release_only_what_was_blamed_before_is_noted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The former leader has not died of anything; but one before it may have."""
    innocent, blamed = received(1), replace(received(2), blamed=True)
    inbox = await stored(innocent, blamed)
    notes = Notes(inbox)
    deciding = await new_term(inbox, after_crash=False)
    for update in (innocent, blamed):
        await deciding.decide(update)
    assert [each for each in notes.made if each is not None] == [2]


async def test_of_a_chat_the_oldest_is_noted(autojump_clock: trio.testing.MockClock) -> None:
    """A former leader had not come to those behind it. Updates without a chat stand behind nobody."""
    of_a_chat = [replace(received(number), chat_id=7) for number in (1, 2, 3)]
    without = [replace(received(number), chat_id=NO_CHAT) for number in (4, 5)]
    inbox = await stored(*of_a_chat, *without)
    notes = Notes(inbox)
    deciding = await new_term(inbox)
    for update in (*of_a_chat, *without):
        await deciding.decide(update)
    assert [each for each in notes.made if each is not None] == [1, 4, 5]


async def test_one_note_follows_the_other(autojump_clock: trio.testing.MockClock) -> None:
    """Where the next one waits already, the note is overwritten and not taken back in between."""
    old = [received(number) for number in (1, 2, 3)]
    inbox = await stored(*old)
    notes = Notes(inbox)
    deciding = await new_term(inbox)
    async with trio.open_nursery() as nursery:
        for update in old:
            nursery.start_soon(deciding.decide, update)
    assert len(notes.made) == 4
    assert notes.made[-1] is None


async def test_no_handler_is_called_unnoted_while_the_database_is_away(autojump_clock: trio.testing.MockClock) -> None:
    """It waits until it can be noted."""
    update = received(1)
    inbox = await stored(update)
    called: list[float] = []

    def decide(_: Update) -> Reply:
        called.append(trio.current_time())
        return NOTHING

    deciding = await new_term(inbox, decide)
    inbox.go_away()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deciding.decide, update)
        await trio.sleep(30)
        assert called == []
        inbox.come_back()
    assert called == [pytest.approx(30, abs=deciding_module.NOTE_AGAIN_AFTER)]


async def decision_of(decide: Callable[[Update], object]) -> Decision:
    deciding = await new_term(MemoryInbox(), decide)  # type: ignore[arg-type]
    with captured_logs() as logs:
        decision = await deciding.decide(received(1, arrived=0.0))
    assert logs.names() == ["HANDLER_FAILED"]
    return decision


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), RuntimeError("no luck"), BaseException("odd")])
async def test_whatever_a_handler_raises_is_its_updates_failure(
    error: BaseException, autojump_clock: trio.testing.MockClock
) -> None:
    """`sys.exit()` in a handler ends no process and no period."""

    def decide(_: Update) -> Reply:
        raise error

    decision = await decision_of(decide)
    assert decision.failure is not None
    assert decision.failure.error is error


NO_CALLS = Reply(("sendMessage",)), Reply((Call("sendMessage", None),))  # type: ignore[arg-type]


@pytest.mark.parametrize("reply", [None, "hello", *NO_CALLS])
async def test_a_reply_that_is_none_is_the_handlers_failure(
    reply: object, autojump_clock: trio.testing.MockClock
) -> None:
    """It is found out before anything is begun, and no worker stumbles over it."""
    decision = await decision_of(lambda _: reply)
    assert decision.failure is not None
    assert isinstance(decision.failure.error, TypeError | AttributeError)


async def test_what_cannot_be_decoded_is_dead_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """No handler is called, and nothing is logged here."""
    deciding = await new_term(MemoryInbox())
    with captured_logs() as logs:
        bad = Received(1, 0, "message", b'{"update_id": 1, "message": {"message_id": "x"}}', 0.0)
        decision = await deciding.decide(bad)
    assert decision.dead is not None
    assert decision.dead.startswith("it cannot be decoded: ")
    assert logs.lines == []


JOB = Job(5, 7, 7, "kie", "m", {}, {}, "ready", 0.0)


def job_ended(payload: bytes = job_event(JOB), update_id: int = -5) -> Received:
    return Received(update_id, 7, JOB_ENDED, payload, 0.0)


async def deciding_for(bot: Bot, inbox: MemoryInbox) -> Deciding:
    return Deciding(bot, inbox, await inbox.take_over(uuid4(), "one"), HandlerWatchdog(3600.0), knowing(inbox))


async def test_the_end_of_a_job_is_given_to_its_own_handler(autojump_clock: trio.testing.MockClock) -> None:
    """What says so is the row's kind and an id below zero: nothing that Telegram sends can be taken for one."""
    reply = Reply((Call("sendMessage", {"chat_id": 7, "text": "made"}),))
    deciding = await deciding_for(TestBot(handler, finished=lambda job, known: reply), MemoryInbox())
    decision = await deciding.decide(job_ended())
    assert (decision.job, decision.update, decision.reply) == (JOB, None, reply)
    forged = await deciding.decide(job_ended(b'{"update_id":5,"job":{}}', 5))
    assert forged.job is None
    assert forged.failure is not None, "the handler of updates was called, for one without a message"
    broken = await deciding.decide(job_ended(b'{"update_id":-5,"job":{}}'))
    assert broken.dead is not None


async def test_the_later_state_of_a_chat_counts(autojump_clock: trio.testing.MockClock) -> None:
    """What this term has written, or what was read; after a row that could not begin, what is read."""
    seen: list[object] = []

    def look(update: Update, known: Known) -> Reply:
        seen.append(dict(known.state))
        return NOTHING

    deciding = await deciding_for(TestBot(knowing=look), MemoryInbox())
    old = replace(received(1), state=ChatState(3, b'{"n":3}'))
    decision = await deciding.decide(old)
    assert decision.state_version == 3
    deciding.note_done(old, decision, b'{"n":4}')
    assert (await deciding.decide(old)).state_version == 4
    await deciding.decide(replace(old, state=ChatState(5, b'{"n":5}')))
    deciding.note_stale(old)
    await deciding.decide(old)
    assert seen == [{"n": 3}, {"n": 4}, {"n": 5}, {"n": 3}]


@pytest.mark.parametrize("error", [SystemExit(3), RuntimeError("no luck")])
async def test_whatever_else_a_bot_raises_is_its_updates_failure(
    error: BaseException, autojump_clock: trio.testing.MockClock
) -> None:
    """Also where it is asked whether it wants jobs, and for its apology, of which then there is none."""

    class Broken(TestBot):
        def wants_jobs(self, update: Update, state: Mapping[str, Any]) -> bool:
            raise error

        def apology(self, update: Update, known: Known) -> Call | None:
            raise error

    deciding = await deciding_for(Broken(handler), MemoryInbox())
    with captured_logs() as logs:
        decision = await deciding.decide(received(1, arrived=0.0))
    assert decision.failure is not None
    assert decision.failure.error is error
    assert decision.apology is None
    assert logs.names() == ["HANDLER_FAILED"] * 2


async def test_only_a_command_that_names_a_bot_waits_for_its_name(autojump_clock: trio.testing.MockClock) -> None:
    """Five seconds at most, after which it is decided later; all others are decided at once."""
    deciding = await deciding_for(TestBot(lambda _: NOTHING), MemoryInbox())
    for text in ("/start", "write to a@b.example", "hi"):
        await deciding.decide(received(1, text, arrived=0.0))
    assert trio.current_time() == 0.0
    decision = await deciding.decide(received(1, " /start@some_bot x", arrived=0.0))
    assert trio.current_time() == WAIT_FOR_NAME
    assert decision.later is not None


def send(text: str) -> Call:
    return Call("sendMessage", {"chat_id": 7, "text": text})


def test_every_call_that_may_be_made_counts() -> None:
    """Which of them is made shows only while they are: so all sends must be such as can be looked for."""
    edit = Call("editMessageText", {"chat_id": 7, "message_id": 1, "text": "x"})
    photo = Call("sendPhoto", {"chat_id": 7, "photo": "https://x.example/y.png"})
    decision = Decision(reply=Reply((edit,), instead=((edit, send("a")), (photo,))))
    assert decision.sends == (send("a"), photo)
    assert decision.chat == 7
    assert decision.moves_file
    assert Decision(reply=Reply((edit,)), apology=send("sorry")).sends == (send("sorry"),)
    assert Decision(reply=NOTHING).is_nothing
    assert not Decision(reply=Reply(state={})).is_nothing

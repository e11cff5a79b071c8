"""A bot in the whole service: what it is told, what it changes, what is said of its jobs, and what else it can say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from sandbox.app import Sandbox
from sandbox.faults import FaultKind
from svc.bot.texts import ENGLISH
from svc.delivery.deciding import MOST_BLAMED
from svc.delivery.retry_policy import LOOK_AFTER_FILE, MAX_ATTEMPTS
from svc.handler.job import Job, JobRequest
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, RemoteFile, Reply
from svc.settings.environment import Fallback
from svc.storage.inbox import Received
from svc.storage.jobs import Created, Ready
from telegram_client.probes import PROBE
from telegram_client.updates import Update
from tests.bots import TestBot
from tests.harness import RunningBot, running_bot
from tests.memory.job_rows import unix_time
from tests.memory.jobs import MemoryJobs

USER = 7


def say(chat_id: int, text: str, **more: Any) -> Call:
    return Call("sendMessage", {"chat_id": chat_id, "text": text, **more})


def texts(bot: RunningBot, chat_id: int = USER) -> list[str]:
    return [call.params["text"] for call in bot.calls("sendMessage", chat_id)]


def count(update: Update, known: Known) -> Reply:
    """Counts the messages of each chat in its state."""
    if update.message is None:
        return NOTHING
    number = known.state.get("number", 0) + 1
    return Reply((say(update.message.chat.id, str(number)),), state={"number": number})


async def test_each_update_is_decided_by_the_state_that_the_one_before_has_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Those that wait were stored before that was written; none is decided twice for it. Each chat has its own."""
    async with running_bot(bot=TestBot(knowing=count), latency=1.0) as bot:
        for _ in range(5):
            await bot.send(USER)
        await bot.send(8)
        await bot.settled()
        assert texts(bot) == ["1", "2", "3", "4", "5"]
        assert texts(bot, 8) == ["1"]
        assert (bot.inbox.chats[USER].version, bot.inbox.chats[8].version) == (5, 1)
        assert bot.logs.of("BUSY") == []


async def test_a_state_that_was_changed_elsewhere_is_read_again(autojump_clock: trio.testing.MockClock) -> None:
    """What is remembered may be wrong: then the update cannot begin, and is decided by what the database has."""
    async with running_bot(bot=TestBot(knowing=count)) as bot:
        await bot.send(USER)
        await bot.settled()
        bot.inbox.chats[USER] = bot.inbox.chats[USER]._replace(version=7, json=b'{"number":70}')
        await bot.send(USER)
        await bot.settled()
        del bot.inbox.chats[USER]
        await bot.send(USER)
        await bot.settled()
        assert texts(bot) == ["1", "71", "1"]


async def test_what_is_refused_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """State and answer go together: who has blocked the bot is where he was."""
    async with running_bot(bot=TestBot(knowing=count), passive=True) as bot:
        update_id = await bot.send(USER)
        bot.sandbox.telegram.user_blocks_bot(USER)
        bot.lock.blocked = False
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "refused"
        await bot.send(USER)
        await bot.settled()
        assert texts(bot) == ["1"]


async def test_what_cannot_be_decoded_ends_in_a_chat_with_a_state_too(autojump_clock: trio.testing.MockClock) -> None:
    """It is dead at once, changes nothing, and keeps nobody behind it waiting."""
    async with running_bot(bot=TestBot(knowing=count)) as bot:
        await bot.send(USER)
        await bot.settled()
        bad = Received(3, USER, "message", b'{"update_id":3,"message":{"message_id":"x"}}', trio.current_time())
        await bot.inbox.store(bad)
        await bot.send(USER)
        await bot.settled()
        assert bot.inbox.dead[3][1].startswith("it cannot be decoded: ")
        assert texts(bot) == ["1", "2"]
        assert bot.logs.of("BUSY") == []


async def test_a_change_without_a_call_is_made(autojump_clock: trio.testing.MockClock) -> None:
    """It is an attempt like any, and nothing is sent."""
    async with running_bot(bot=TestBot(lambda _: Reply(state={"seen": True}))) as bot:
        update_id = await bot.send(USER)
        await bot.settled()
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.attempts) == ("done", 1)
        assert bot.inbox.chats[USER].json == b'{"seen":true}'
        assert bot.calls() == []


WORK = JobRequest("kie", "a-model", {"prompt": "a cat"}, USER, {"again": True})


def order(update: Update) -> Reply:
    """A status message, and a job."""
    return Reply((say(USER, "working"),), job=WORK)


async def make(bot: RunningBot, job_id: int, ending: Ready) -> None:
    """Have the job made."""
    jobs, term = MemoryJobs(bot.inbox), bot.inbox.term
    assert term is not None
    assert await jobs.begin_create(term, job_id, 1)
    await jobs.record_create(job_id, 1, Created("task"))
    assert await jobs.end_job(term, job_id, ending)


async def test_a_job_is_asked_for_and_its_end_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """With a secret that nobody guesses; its status message is the one that was sent; then it is delivered."""
    told: list[Job] = []

    def finished(job: Job, known: Known) -> Reply:
        told.append(job)
        return Reply((say(job.chat_id, f"{job.model} is {job.state}"),), state={"last": job.job_id})

    async with running_bot(bot=TestBot(order, finished=finished)) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        row = bot.inbox.jobs[job_id]
        assert (row.job.state, row.job.input, row.job.context) == ("wanted", WORK.input, WORK.context)
        assert row.job.status_message_id == bot.inbox.processed[job_id].sent_id
        assert row.job.status_message_id is not None
        assert len(row.secret) >= 22
        await make(bot, job_id, Ready(()))
        await bot.settled()
        assert [job.job_id for job in told] == [job_id]
        assert texts(bot) == ["working", "a-model is ready"]
        assert bot.inbox.jobs[job_id].job.state == "delivered"
        assert bot.inbox.chats[USER].json == b'{"last":%d}' % job_id


def jobs_ended(bot: RunningBot, ending: str, reason: str = "") -> float:
    labels = {"ending": ending, "reason": reason}
    return bot.metrics.registry.get_sample_value("svc_jobs_ended_total", labels) or 0.0


@pytest.mark.parametrize("policy", [None, "skip"])
async def test_a_delivery_in_doubt_is_told_of_as_any(
    autojump_clock: trio.testing.MockClock, policy: Fallback | None
) -> None:
    """It is logged and counted that the job was delivered where a look has found it; where no look can tell, that it
    was not.
    """

    def finished(job: Job, known: Known) -> Reply:
        return Reply((say(job.chat_id, "made"),))

    changes: dict[str, Any] = {"in_doubt_fallback": policy} if policy else {}
    async with running_bot(bot=TestBot(order, finished=finished), **changes) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        if policy:
            bot.sandbox.faults.order("error", method=PROBE, count=None, status=400, description="Bad Request: a riddle")
        await make(bot, job_id, Ready(()))
        await bot.settled()
        assert texts(bot) == ["working", "made"]
        if policy:
            assert [line["job_id"] for line in bot.logs.of("JOB_FAILED")] == [job_id]
            assert jobs_ended(bot, "failed", "not_delivered") == 1
        else:
            (told,) = bot.logs.of("JOB_DELIVERED")
            assert (told["job_id"], told["chat_id"], told["model"]) == (job_id, USER, "a-model")
            assert told["ms"] >= 1000
            assert jobs_ended(bot, "delivered") == 1


async def test_a_job_whose_end_is_kept_quiet_has_failed(autojump_clock: trio.testing.MockClock) -> None:
    """The bot has nothing to say to who has blocked it: the log and the metrics say what became of the job."""
    async with running_bot(bot=TestBot(order, finished=lambda job, known: NOTHING)) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        await make(bot, job_id, Ready(()))
        await bot.settled()
        assert bot.inbox.jobs[job_id].job.error == "not_delivered"
        assert [line["job_id"] for line in bot.logs.of("JOB_FAILED")] == [job_id]
        assert jobs_ended(bot, "failed", "not_delivered") == 1


@pytest.mark.parametrize("reply", [None, Reply((say(USER, "more"),), job=WORK)])
async def test_a_job_whose_end_cannot_be_handled_has_failed(
    autojump_clock: trio.testing.MockClock, reply: Reply | None
) -> None:
    """As an update it is tried a few times. The end of a job cannot ask for another: nobody would have asked for it."""

    def finished(job: Job, known: Known) -> Reply:
        assert reply is not None, "a fault of the handler"
        return reply

    async with running_bot(bot=TestBot(order, finished=finished)) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        await make(bot, job_id, Ready(()))
        await bot.settled()
        assert len(bot.logs.of("HANDLER_FAILED")) == MAX_ATTEMPTS
        job = bot.inbox.jobs[job_id].job
        assert (job.state, job.error) == ("failed", "not_delivered")
        assert texts(bot) == ["working"]


async def test_a_job_may_be_taken_back(autojump_clock: trio.testing.MockClock) -> None:
    """As long as nobody has begun to make it."""
    replies = iter([order(Update(1)), Reply((say(USER, "stopped"),), cancel=1)])

    async with running_bot(bot=TestBot(lambda _: next(replies))) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        replies = iter([Reply((say(USER, "stopped"),), cancel=job_id)])
        await bot.send(USER)
        await bot.settled()
        assert bot.inbox.jobs[job_id].job.state == "cancelled"


async def test_the_chats_jobs_are_told_where_they_are_wanted(autojump_clock: trio.testing.MockClock) -> None:
    """The newest first; while the database is away, who wants them waits."""
    seen: list[Sequence[int]] = []

    def look(update: Update, known: Known) -> Reply:
        seen.append([job.job_id for job in known.jobs])
        return order(update)

    async with running_bot(bot=TestBot(knowing=look, wants_jobs=True)) as bot:
        first = await bot.send(USER)
        await bot.settled()
        second = await bot.send(USER)
        await bot.settled()
        await bot.send(USER)
        await bot.settled()
        assert seen == [[], [first], [second, first]]
    async with running_bot(bot=TestBot(knowing=look)) as bot:
        await bot.send(USER)
        await bot.settled()
        assert seen[-1] == []


async def test_it_is_told_the_time_and_who_it_is(autojump_clock: trio.testing.MockClock) -> None:
    """The time of day, how long the update has waited, its own name as getMe tells it, and what may be created."""
    seen: list[Known] = []

    def look(update: Update, known: Known) -> Reply:
        seen.append(known)
        return NOTHING

    async with running_bot(passive=True, bot=TestBot(knowing=look)) as bot:
        await bot.send(USER)
        await trio.sleep(100)
        bot.lock.blocked = False
        await bot.settled()
        await bot.send(USER, f"/start@{bot.sandbox.telegram.bot().user['username']}")
        await bot.settled()
        waited, fresh = seen
        assert waited.age == pytest.approx(100, abs=2)
        assert fresh.age == pytest.approx(0, abs=1)
        assert fresh.now - waited.now < 5
        assert fresh.me is not None
        assert (fresh.me.id, fresh.me.username) == (
            bot.sandbox.telegram.bot().user["id"],
            bot.sandbox.telegram.bot().user["username"],
        )
        assert fresh.creating.per_user == 2


async def test_a_command_with_its_name_waits_until_that_is_known(autojump_clock: trio.testing.MockClock) -> None:
    """For a minute nobody says who it is: /start@name is not taken for another bot's, and has its menu after that."""
    sandbox = Sandbox(now=unix_time)
    sandbox.faults.order(FaultKind.ERROR, method="getMe", count=None)
    async with running_bot(sandbox=sandbox) as bot:
        await bot.send(USER, "/start@sandbox_bot")
        await bot.send(USER, "/help")
        await trio.sleep(60)
        assert bot.calls("sendMessage") == []
        sandbox.faults.clear()
        await bot.settled()
        assert len(texts(bot)) == 2
        assert texts(bot)[0].startswith("👋")


EMPTY = say(USER, "")
"""Telegram refuses it."""


async def test_where_a_call_is_refused_others_are_made(autojump_clock: trio.testing.MockClock) -> None:
    """One list after the other, each in place of the whole; the first that is not refused is the answer."""
    edit = Call("editMessageText", {"chat_id": USER, "message_id": 12345, "text": "gone"})
    reply = Reply((edit,), instead=((say(USER, "first half"), EMPTY)[1:], (say(USER, "said"),), (say(USER, "never"),)))
    async with running_bot(decide=lambda _: reply) as bot:
        update_id = await bot.send(USER)
        await bot.settled()
        assert texts(bot) == ["said"]
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.attempts) == ("done", 1)
        assert [line["instead"] for line in bot.logs.of("REFUSED")] == ["sendMessage", "sendMessage"]


async def test_the_last_refusal_stands(autojump_clock: trio.testing.MockClock) -> None:
    """If nothing may be said, the update is dead as it would be without another way."""
    async with running_bot(decide=lambda _: Reply((EMPTY,), instead=((EMPTY,),))) as bot:
        update_id = await bot.send(USER)
        await bot.settled()
        assert "text is empty" in bot.inbox.dead[update_id][1]


async def test_whoever_has_blocked_the_bot_is_told_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    """A photo is not what he refuses."""
    reply = Reply((say(USER, "one"),), instead=((say(USER, "two"),),))
    async with running_bot(decide=lambda update: reply if update.message else NOTHING, passive=True) as bot:
        update_id = await bot.send(USER)
        bot.sandbox.telegram.user_blocks_bot(USER)
        bot.lock.blocked = False
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "refused"
        assert [line.get("instead") for line in bot.logs.of("REFUSED")] == [None]


async def test_files_take_a_part_of_the_workers(autojump_clock: trio.testing.MockClock) -> None:
    """However many wait to be moved, somebody else is answered at once."""

    def decide(update: Update) -> Reply:
        assert update.message is not None
        chat_id = update.message.chat.id
        return Reply((say(chat_id, "x", photo="https://x.example/y.png") if chat_id < 100 else say(chat_id, "y"),))

    async with running_bot(decide=decide, workers=4, latency=5.0) as bot:
        for user in range(1, 7):
            await bot.send(user)
        await trio.sleep(1)
        began = trio.current_time()
        await bot.send(100)
        while not bot.calls("sendMessage", 100):
            await trio.sleep(0.1)
        assert trio.current_time() - began < 6
        await bot.settled()
        assert [len(bot.calls("sendMessage", user)) for user in range(1, 7)] == [1] * 6


async def test_a_poisonous_end_of_a_job_is_found_too(autojump_clock: trio.testing.MockClock) -> None:
    """It is noted like an update that a former leader may have died of."""
    async with running_bot(passive=True, bot=TestBot(order, finished=lambda job, known: NOTHING)) as bot:
        job_id = await bot.send(USER)
        bot.lock.blocked = False
        await bot.settled()
        await make(bot, job_id, Ready(()))
        bot.inbox.rows[-job_id].blamed = MOST_BLAMED
        await bot.settled()
    assert bot.inbox.jobs[job_id].job.state == "failed"


@pytest.mark.parametrize("settings", [{}, {"in_doubt": "resend"}], ids=["looks", "resend"])
async def test_a_file_that_a_former_leader_may_have_sent_is_not_sent_again_at_once(
    autojump_clock: trio.testing.MockClock, settings: dict[str, Any]
) -> None:
    """Telegram may take half a minute to make a message of it: until then finding nothing tells nothing, and without
    looks no policy decides.
    """

    def finished(job: Job, known: Known) -> Reply:
        return Reply((say(job.chat_id, "made"),))

    async with running_bot(bot=TestBot(order, finished=finished), **settings) as bot:
        job_id = await bot.send(USER)
        await bot.settled()
        await make(bot, job_id, Ready(()))
        row, term = bot.inbox.rows[-job_id], bot.inbox.term
        assert term is not None
        # It has begun long ago: the file had to be fetched first.
        row.state, row.epoch, row.token, row.started = "processing", term.epoch, 1, trio.current_time() - 60
        row.watermark, row.attempts = bot.inbox.processed[job_id].sent_id, 1
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        killed = trio.current_time()
        await bot.settled()
        assert texts(bot) == ["working", "made"]
        assert LOOK_AFTER_FILE < trio.current_time() - killed < 3 * LOOK_AFTER_FILE
        assert bot.inbox.jobs[job_id].job.state == "delivered"


NOT_TO_BE_HAD = Call("sendPhoto", {"chat_id": USER, "photo": RemoteFile("http://10.0.0.1/cat.png", "cat.png")})


async def test_a_file_that_cannot_be_had_is_told_as_a_link(autojump_clock: trio.testing.MockClock) -> None:
    """A fetch that fails is as good as a refusal."""
    async with running_bot(decide=lambda _: Reply((NOT_TO_BE_HAD,), instead=((say(USER, "a link"),),))) as bot:
        update_id = await bot.send(USER)
        await bot.settled()
        assert texts(bot) == ["a link"]
        assert bot.inbox.processed[update_id].attempts == 1
        assert [line["instead"] for line in bot.logs.of("REFUSED")] == ["sendMessage"]


async def test_as_the_last_way_it_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    """Its server may be back by then. In the end the person is told that it did not work."""
    async with running_bot(decide=lambda _: Reply((NOT_TO_BE_HAD,))) as bot:
        update_id = await bot.send(USER)
        await bot.settled()
        assert len(bot.logs.of("RETRY")) == MAX_ATTEMPTS - 1
        assert "in a private network" in bot.inbox.dead[update_id][1]
        assert texts(bot) == [ENGLISH.apology]

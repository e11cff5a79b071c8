"""A whole bot whose sends end in doubt: what became of each is found out, soon, and nobody gets anything twice."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from sandbox.answers import BLOCKED, ok, upgraded
from svc.bot.texts import ENGLISH
from svc.delivery.retry_policy import LOOK_AFTER_TIMEOUT, MAX_ATTEMPTS
from svc.handler.reply import Call, Reply
from svc.storage.inbox import CANNOT_BE_TOLD, Received
from svc.storage.looks import LOOK_GAP, MOST_LOOKS, DueLook, LookOutcome
from telegram_client.limits import PROBE_SHARE
from telegram_client.probes import PROBE
from telegram_client.updates import Update
from tests.harness import RunningBot, running_bot
from tests.memory.inbox import MemoryInbox, Row
from tests.probes import bot_says, probes

USER, OTHER = 7, 8


async def warm(bot: RunningBot) -> None:
    """Somebody else has been answered: a message of our own is known."""
    await bot.send(OTHER)
    await bot.settled()


def counted(bot: RunningBot, event: str) -> float:
    return bot.metrics.registry.get_sample_value("svc_events_total", {"event": event}) or 0.0


# Found, or sent


@pytest.mark.parametrize(
    ("fault", "options"), [("cut_after", {}), ("error_after", {"status": 504}), ("slow_after", {"delay": 30.0})]
)
async def test_what_has_arrived_is_found_and_not_sent_again(
    fault: str, options: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """One menu, within five seconds of a cut; its id is kept, no doubt is counted, and the log tells it."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order(fault, method="sendMessage", **options)
        update_id = await bot.send(USER)
        while "UNCLEAR" not in bot.logs.names(update_id):
            await trio.sleep(0.01)
        cut = trio.current_time()
        await bot.settled()
        assert trio.current_time() - cut < (LOOK_AFTER_TIMEOUT + 2 if fault == "slow_after" else 5)
        (menu,) = bot.menus(USER)
        assert menu.fault == fault
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.doubts, row.attempts) == ("done", 0, 1)
        assert row.sent_id == bot.sandbox.telegram.messages(USER)[-1]["message_id"]
        (found,) = bot.logs.of("FOUND")
        assert (found["update_id"], found["message_id"]) == (update_id, row.sent_id)
        assert found["probes"] == len(probes(bot.sandbox.telegram))
        assert found["ms"] >= 1000 * (trio.current_time() - cut - 0.1)
        assert (counted(bot, "FOUND"), counted(bot, "IN_DOUBT"), counted(bot, "UNCLEAR")) == (1, 0, 1)


@pytest.mark.parametrize("fault", ["cut_before", "error", "html"])
async def test_what_has_not_arrived_is_sent_after_two_looks(fault: str, autojump_clock: trio.testing.MockClock) -> None:
    """Rule 5: one menu, within five seconds; the looks are apart, and the last is right before the message."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order(fault, method="sendMessage")
        update_id = await bot.send(USER)
        await trio.sleep(0.01)
        cut = trio.current_time()
        await bot.settled()
        (menu,) = bot.menus(USER)
        assert trio.current_time() - cut < 5
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.doubts, row.attempts) == ("done", 0, 2)
        names = [name for name in bot.logs.names(update_id) if name in ("UNCLEAR", "LOOKED", "NOT_FOUND", "IN_DOUBT")]
        assert names == ["UNCLEAR", "LOOKED", "NOT_FOUND"]
        looked_at = [call.at for call in probes(bot.sandbox.telegram, USER)]
        assert max(later - earlier for earlier, later in pairwise(looked_at)) >= LOOK_GAP
        assert 0 <= menu.at - looked_at[-1] < 0.5


async def test_without_an_answer_in_time_the_first_look_waits_longer(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 5: the server may still be at it, so what is looked for at once would not be there yet."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("hang", method="sendMessage")
        update_id = await bot.send(USER)
        await bot.settled()
        (unclear,) = bot.logs.of("UNCLEAR")
        assert unclear["look_in"] == LOOK_AFTER_TIMEOUT
        began, *_ = [call.at for call in bot.sandbox.telegram.call_log.find("sendMessage", chat_id=USER)]
        assert probes(bot.sandbox.telegram, USER)[0].at - began >= 10 + LOOK_AFTER_TIMEOUT
        assert bot.inbox.processed[update_id].outcome == "done"
        assert len(bot.menus(USER)) == 1


async def test_absent_at_first_is_not_absent(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 5: the server has not seen its own message yet when it is first asked; the second look finds it."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        bot.sandbox.faults.order(
            "error",
            method=PROBE,
            chat_id=USER,
            count=5,
            status=400,
            description="Bad Request: message to edit not found",
        )
        update_id = await bot.send(USER)
        await bot.settled()
        assert "LOOKED" in bot.logs.names(update_id)
        assert len(bot.logs.of("FOUND")) == 1
        assert len(bot.menus(USER)) == 1


async def test_the_watermark_is_older_than_the_send(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 2: what others' answers tell while it is under way is greater than its id, and does not hide it."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("slow_after", method="sendMessage", chat_id=USER, delay=30.0)
        update_id = await bot.send(USER)
        await trio.sleep(0.1)
        (message,) = bot.sandbox.telegram.messages(USER)[1:]
        watermark = bot.inbox.rows[update_id].watermark
        assert watermark == message["message_id"] - 1
        for user in (21, 22, 23):
            await bot.send(user)
        await bot.settled()
        (found,) = bot.logs.of("FOUND")
        assert found["message_id"] == message["message_id"]
        assert len(bot.menus(USER)) == 1


async def test_the_chat_waits_and_then_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 1: while one send of a chat is in doubt none of it begins; found, the next goes at once. No other waits."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        first, *later = [await bot.send(USER) for _ in range(4)]
        await trio.sleep(0.5)
        await bot.send(9)
        await trio.sleep(0.3)
        assert len(bot.menus(9)) == 1
        assert len(bot.menus(USER)) == 1
        while not bot.logs.of("FOUND"):
            await trio.sleep(0.01)
        found = trio.current_time()
        await bot.settled()
        assert trio.current_time() - found < 0.5
        assert len(bot.menus(USER)) == 4
        done = [line["update_id"] for line in bot.logs.of("DONE") if line["chat_id"] == USER]
        assert done == later
        assert bot.inbox.processed[first].outcome == "done"


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_without_verify_nothing_is_probed(policy: str, autojump_clock: trio.testing.MockClock) -> None:
    """Rule 7: another program may send with the same token; then looking is turned off, and it is as it was."""
    async with running_bot(in_doubt=policy) as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        assert probes(bot.sandbox.telegram) == []
        assert len(bot.menus(USER)) == (2 if policy == "resend" else 1)
        assert counted(bot, "IN_DOUBT") == 1


async def test_what_the_person_has_deleted_is_sent_again(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 8: it looks absent. Documented, and better than no menu."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        await bot.send(USER)
        while len(bot.sandbox.telegram.messages(USER)) < 2:
            await trio.sleep(0.01)
        bot.sandbox.telegram.bot().chats[USER].messages.popitem()
        await bot.settled()
        assert len(bot.menus(USER)) == 2
        assert counted(bot, "NOT_FOUND") == 1


# A leader that died


def left_behind(bot: RunningBot, message_id: int, *, dead_if_sent: str | None = None) -> int:
    """A row that a killed leader has begun, for a message with this id; returns the update's."""
    message = {
        "message_id": message_id,
        "chat": {"id": USER, "type": "private"},
        "from": {"id": USER},
        "text": "/start",
    }
    payload = json.dumps({"update_id": 1, "message": message}).encode()
    update = Received(1, USER, "message", payload, trio.current_time(), message_id=message_id)
    bot.inbox.rows[1] = Row(
        update,
        state="processing",
        epoch=0,  # of a process that is no more
        token=5,
        attempts=1,
        started=trio.current_time(),
        watermark=message_id,
        dead_if_sent=dead_if_sent,
    )
    return 1


@pytest.mark.parametrize("arrived", [True, False])
async def test_the_next_leader_finds_what_the_last_has_sent(
    arrived: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Killed with -9 between the send and its record: exactly one menu, soon after the takeover, and nobody guessed."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.telegram.user_sends_text(USER, "x", token=None)
        await bot.settled()
        asked = bot.sandbox.telegram.messages(USER)[-1]["message_id"]
        before = len(bot.menus(USER))
        sent = bot_says(bot.sandbox.telegram, USER, "the menu of the killed one") if arrived else None
        update_id = left_behind(bot, asked)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        killed = trio.current_time()
        await bot.settled()
        assert trio.current_time() - killed < 5.5
        row = bot.inbox.processed[update_id]
        assert (row.outcome, row.doubts) == ("done", 0)
        assert row.sent_id == sent or not arrived
        assert len(bot.menus(USER)) - before == (0 if arrived else 1)
        assert bot.logs.of("IN_DOUBT") == []
        for outcome, times in (("begun", 1), ("found", arrived), ("not_found", not arrived)):
            # Nobody else could count the doubt of the one that was killed.
            assert bot.metrics.registry.get_sample_value("svc_doubts_total", {"outcome": outcome}) == times


async def test_an_apology_of_a_killed_leader_is_not_made_twice(autojump_clock: trio.testing.MockClock) -> None:
    """Found: the update is dead for the reason that it was sent for."""
    async with running_bot() as bot:
        await warm(bot)
        await bot.send(USER)
        await bot.settled()
        asked = bot.sandbox.telegram.messages(USER)[-1]["message_id"]
        bot_says(bot.sandbox.telegram, USER, ENGLISH.apology)
        update_id = left_behind(bot, asked, dead_if_sent="RuntimeError: no luck")
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        await bot.settled()
        assert bot.inbox.dead[update_id][1] == "RuntimeError: no luck"
        assert len(bot.calls(chat_id=USER)) == 2


# Apologies


def broken(update: Update) -> Reply:
    if update.message is not None and update.message.text == "boom":
        raise RuntimeError("no luck")
    return Reply((Call("sendMessage", {"chat_id": update.message.chat.id if update.message else 0, "text": "fine"}),))


@pytest.mark.parametrize(("fault", "attempts"), [("cut_after", MAX_ATTEMPTS), ("cut_before", MAX_ATTEMPTS + 1)])
async def test_an_apology_is_looked_for_like_any_message(
    fault: str, attempts: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Rule 1: it is its attempt's send. Exactly one is made, the update is dead after it, and the chat waits for it."""
    async with running_bot(decide=broken) as bot:
        await warm(bot)
        bot.sandbox.faults.order(fault, method="sendMessage", chat_id=USER)
        update_id = await bot.send(USER, "boom")
        await bot.send(USER, "and now?")
        await bot.settled()
        assert [call.params["text"] for call in bot.calls(chat_id=USER)] == [ENGLISH.apology, "fine"]
        assert bot.inbox.dead[update_id][1] == "RuntimeError: no luck"
        assert bot.inbox.processed[update_id].attempts == attempts
        assert bot.logs.of("IN_DOUBT") == []


async def test_an_apology_that_is_not_looked_for_is_made_once(autojump_clock: trio.testing.MockClock) -> None:
    """IN_DOUBT=resend: it may or may not have arrived; dead, and no second one."""
    async with running_bot(decide=broken, in_doubt="resend") as bot:
        bot.sandbox.faults.order("cut_before", method="sendMessage", chat_id=USER)
        update_id = await bot.send(USER, "boom")
        await bot.settled()
        await trio.sleep(30)
        assert bot.calls(chat_id=USER) == []
        assert update_id in bot.inbox.dead


async def test_nothing_is_sent_for_a_failure_that_is_retried(autojump_clock: trio.testing.MockClock) -> None:
    """The user is told once, when it is the last attempt."""
    async with running_bot(decide=broken) as bot:
        update_id = await bot.send(USER, "boom")
        while bot.inbox.rows[update_id].attempts < MAX_ATTEMPTS - 1 if update_id in bot.inbox.rows else True:
            assert bot.calls(chat_id=USER) == []
            await trio.sleep(0.1)
        await bot.settled()
        assert len(bot.calls(chat_id=USER)) == 1


# What cannot be told


async def undisturbed(bot: RunningBot) -> list[Any]:
    """One send in doubt, settled; the probes that were made of its chat."""
    bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
    await bot.send(USER)
    await bot.settled()
    return probes(bot.sandbox.telegram, USER)


@pytest.mark.parametrize(("fallback", "menus"), [("resend", 2), ("skip", 1)])
@pytest.mark.parametrize("text", ["Bad Request: MESSAGE_ID_INVALID", "Bad Request: inline keyboard expected!"])
async def test_words_that_nobody_knows_leave_it_to_the_policy(
    text: str, fallback: str, menus: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Rule 4: one probe, then IN_DOUBT in the log with the reason, counted, and it is as it was without looking."""
    async with running_bot(in_doubt_fallback=fallback) as bot:
        await warm(bot)
        bot.sandbox.faults.order("error", method=PROBE, chat_id=USER, status=400, description=text, count=None)
        assert len(await undisturbed(bot)) == 1
        assert len(bot.menus(USER)) == menus
        (line,) = bot.logs.of("IN_DOUBT")
        assert text in line["reason"]
        assert line["policy"] == fallback
        assert sum(row.doubts for row in bot.inbox.processed.values()) == 1


async def test_a_probe_that_edits_ends_looking_loudly(autojump_clock: trio.testing.MockClock) -> None:
    """A Telegram that takes the probe for an edit: one message has lost its keyboard, no other does, ever."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.telegram._methods[PROBE.lower()] = PROBE, lambda *_: ok(True)
        bot.sandbox.faults.order("cut_after", method="sendMessage", count=3)
        for user in (USER, 21, 22):
            await bot.send(user)
        await bot.settled()
        assert len(bot.logs.of("PROBE_EDITED")) == 1
        assert len(bot.calls(PROBE)) == 1
        assert len(probes(bot.sandbox.telegram)) == 1
        assert [len(bot.menus(user)) for user in (USER, 21, 22)] == [2, 2, 2]
        assert counted(bot, "IN_DOUBT") == 3


async def test_it_is_found_however_many_ids_nobody_knows(autojump_clock: trio.testing.MockClock) -> None:
    """Thirty ids went to somebody nobody here has heard of: it lies next to the watermark all the same."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        await bot.send(USER)
        await trio.sleep(0.1)
        for _ in range(30):
            bot_says(bot.sandbox.telegram, OTHER, "nobody's answer")
        await bot.send(9)
        await bot.settled()
        assert len(bot.logs.of("FOUND")) == 1
        assert len(bot.menus(USER)) == 1


async def test_with_more_than_25_candidates_it_cannot_be_told(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 4: nothing of it is there, and what else might be it is too much to probe."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_before", method="sendMessage", chat_id=USER)
        await bot.send(USER)
        await trio.sleep(0.1)
        for _ in range(30):
            bot_says(bot.sandbox.telegram, OTHER, "nobody's answer")
        await bot.send(9)
        await bot.settled()
        assert bot.logs.of("FOUND") == []
        assert "25" in bot.logs.of("IN_DOUBT")[0]["reason"]
        assert len(bot.menus(USER)) == 1


async def test_who_has_blocked_the_bot_meanwhile_gets_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """403: cannot be told, and the message that is sent again is refused."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        update_id = await bot.send(USER)
        await trio.sleep(0.1)
        bot.sandbox.telegram.refuse_chat(USER, BLOCKED)
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "refused"
        assert len(bot.menus(USER)) == 1


async def test_a_group_that_migrated_is_not_looked_for(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 4: the message went to another chat, with another sequence of ids, than the watermark is of."""
    old, new = -100, -1_001_000_000_000
    async with running_bot() as bot:
        await warm(bot)
        for chat_id, kind in ((old, "group"), (new, "supergroup")):
            await bot.send(USER, chat_type=kind, chat_id=chat_id)
        await bot.settled()
        bot.sandbox.telegram.refuse_chat(old, upgraded(new))
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=new)
        await bot.send(USER, chat_type="group", chat_id=old)
        await bot.settled()
        assert probes(bot.sandbox.telegram) == []
        assert counted(bot, "IN_DOUBT") == 1
        assert len(bot.menus(new)) == 3


async def test_a_bot_that_has_never_sent_anything_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Rule 6: nothing to try a probe on. After a few looks the policy decides, in half a minute."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        assert trio.current_time() < 30
        assert probes(bot.sandbox.telegram) == []
        assert len(bot.menus(USER)) == 2
        assert counted(bot, "IN_DOUBT") == 1


async def test_looks_have_an_end(autojump_clock: trio.testing.MockClock) -> None:
    """Rule 5: a Bot API that answers sends and never a probe uses up the budget; then the policy decides."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("error", method=PROBE, status=500, count=None)
        assert await undisturbed(bot) == []
        assert len(bot.logs.of("LOOKED")) == MOST_LOOKS - 1
        assert counted(bot, "IN_DOUBT") == 1
        assert len(bot.menus(USER)) == 2


@pytest.mark.parametrize(
    ("fault", "options"),
    [("flood", {"retry_after": 1}), ("error", {"status": 500}), ("html", {}), ("cut_before", {}), ("cut_after", {})],
)
async def test_a_probe_that_fails_is_survived(
    fault: str, options: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """429, 5xx, a cut connection: the probe is made again, each is counted, and it is found within the time."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order(fault, method=PROBE, count=2, **options)
        await undisturbed(bot)
        (found,) = bot.logs.of("FOUND")
        assert found["probes"] == len(probes(bot.sandbox.telegram)) == 2 + 1 + 5 + 1
        assert len(bot.menus(USER)) == 1


# Late duplicates


async def test_what_arrives_after_both_looks_is_counted_and_left(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram carries the first one out after all, right before the second: nothing can prevent that. It is said."""
    async with running_bot() as bot:
        await warm(bot)
        settle_look = bot.inbox.settle_look
        late: list[int] = []

        async def and_then_it_arrives(*args: Any, **kwargs: Any) -> LookOutcome:
            outcome = await settle_look(*args, **kwargs)
            if outcome is LookOutcome.SEND:
                late.append(bot_says(bot.sandbox.telegram, USER, "late"))
            return outcome

        monkeypatch.setattr(bot.inbox, "settle_look", and_then_it_arrives)
        bot.sandbox.faults.order("cut_before", method="sendMessage")
        update_id = await bot.send(USER)
        await bot.settled()
        await trio.sleep(5)
        (line,) = bot.logs.of("LATE_DUPLICATE")
        assert (line["update_id"], line["message_id"]) == (update_id, late[0])
        assert line["sent_again"] == bot.inbox.processed[update_id].sent_id
        assert counted(bot, "LATE_DUPLICATE") == 1
        assert [message["message_id"] for message in bot.sandbox.telegram.messages(USER)[1:]] == [
            late[0],
            line["sent_again"],
        ]


async def test_nothing_is_said_where_nothing_came_late(autojump_clock: trio.testing.MockClock) -> None:
    """Sent again, once, and looked at once more."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_before", method="sendMessage")
        await bot.send(USER)
        await bot.settled()
        await trio.sleep(5)
        assert bot.logs.of("LATE_DUPLICATE") == []


# The pace


def most_within(times: list[float], seconds: float) -> int:
    return max(sum(start <= time < start + seconds for time in times) for start in times)


async def test_probes_keep_to_their_share_and_nobody_waits_for_them(autojump_clock: trio.testing.MockClock) -> None:
    """SEND_RATE=30 and a crowd in doubt: ten probes a second at most, all are found in the end; who writes meanwhile is
    answered at once."""
    crowd = range(100, 108)
    async with running_bot(send_rate=30.0) as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", count=len(crowd))
        for user in crowd:
            await bot.send(user)
        await trio.sleep(3)
        for newcomer in range(200, 205):
            written = trio.current_time()
            await bot.send(newcomer)
            while not bot.menus(newcomer):
                await trio.sleep(0.01)
            assert trio.current_time() - written < 0.1
            await trio.sleep(0.2)
        await bot.settled()
        times = [call.at for call in probes(bot.sandbox.telegram)]
        assert most_within(times, 0.999) == 30 * PROBE_SHARE
        assert most_within(times + [call.at for call in bot.calls()], 0.999) <= 30
        assert all(len(bot.menus(user)) == 1 for user in crowd)
        assert counted(bot, "FOUND") == len(crowd)


async def test_a_row_that_is_being_looked_at_is_not_claimed_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes take longer than the row stays claimed: there is one look all the same, and it counts as one."""
    async with running_bot(latency=0.3) as bot:
        await warm(bot)
        claimed: list[DueLook] = []
        due_looks = bot.inbox.due_looks

        async def noted(*args: Any, **more: Any) -> list[DueLook]:
            due = await due_looks(*args, **more)
            claimed.extend(due)
            return due

        monkeypatch.setattr(bot.inbox, "due_looks", noted)
        await undisturbed(bot)
        assert len(claimed) == 1
        (found,) = bot.logs.of("FOUND")
        assert found["probes"] == len(probes(bot.sandbox.telegram)) == 1 + 5 + 1
        assert found["ms"] > 1000 * LOOK_GAP


async def test_nothing_is_looked_for_while_the_bot_is_paused(autojump_clock: trio.testing.MockClock) -> None:
    """401 for everything: no probes, no looks are used up, nothing is sent on a guess; then it is found."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        await bot.send(USER)
        while not bot.logs.of("UNCLEAR"):
            await trio.sleep(0.01)
        fault = bot.sandbox.faults.order("error", status=401, description="Unauthorized", count=None)
        await trio.sleep(120)
        assert len(bot.logs.of("LOOKED")) <= 1
        bot.sandbox.faults.withdraw(fault)
        await bot.settled()
        assert len(bot.menus(USER)) == 1
        assert bot.logs.of("IN_DOUBT") == []


async def test_a_database_that_is_away_costs_time_only(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is recorded, nothing is concluded; the chore goes on by itself."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        update_id = await bot.send(USER)
        while not bot.logs.of("UNCLEAR"):
            await trio.sleep(0.01)
        await trio.sleep(1.2)
        bot.inbox.go_away()
        await trio.sleep(3)
        bot.inbox.come_back()
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "done"
        assert len(bot.menus(USER)) == 1
        assert bot.logs.of("CHORE_FAILED") == []


async def test_an_older_leaders_doubt_of_an_unknown_kind_follows_the_policy(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Begun without a watermark, by a version that did not look: as it was, with IN_DOUBT_FALLBACK."""
    inbox = MemoryInbox()
    inbox.rows[1] = Row(Received(1, USER, "message", b"{}", 0.0), state="processing", epoch=0, token=5, doubts=1)
    async with running_bot(inbox=inbox) as bot:
        await bot.settled()
        assert inbox.dead[1][1] == CANNOT_BE_TOLD
        assert probes(bot.sandbox.telegram) == []


async def test_a_probe_is_cut_off_with_the_lease(autojump_clock: trio.testing.MockClock) -> None:
    """It tells nothing that could not be asked again: the next term looks at once, and hears no old answer first."""
    async with running_bot() as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        bot.sandbox.faults.order("hang", method=PROBE)
        await bot.send(USER)
        while not probes(bot.sandbox.telegram):
            await trio.sleep(0.01)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        lost = trio.current_time()
        await bot.settled()
        assert trio.current_time() - lost < 3
        assert len(bot.menus(USER)) == 1


async def test_looks_do_not_wait_for_workers(autojump_clock: trio.testing.MockClock) -> None:
    """All workers, and what else asks, wait for answers that do not come: the looks have connections of their own."""
    async with running_bot(workers=2) as bot:
        await warm(bot)
        bot.sandbox.faults.order("cut_after", method="sendMessage", chat_id=USER)
        await bot.send(USER)
        while not bot.logs.of("UNCLEAR"):
            await trio.sleep(0.01)
        unclear = trio.current_time()
        bot.sandbox.faults.order("hang", method="sendMessage", count=2)
        for user in (21, 22):
            await bot.send(user)
        while not bot.logs.of("FOUND"):
            await trio.sleep(0.01)
        assert trio.current_time() - unclear < 5

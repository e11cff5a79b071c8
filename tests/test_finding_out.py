"""Real instances whose sends end without an answer: what became of each is found out, and nobody gets anything twice.

Where a Telegram answers by other rules than those that were read, nothing is found out, and it is as without looking.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
import trio

from fleet.instances import Fleet, running_fleet
from fleet.process import ServiceProcess, service_environment
from fleet.promises import check_promises, rows, settled
from fleet.traffic import new_users_write
from fleet.waiting import DEADLINE, eventually
from sandbox.rules import Edits, Ids
from telegram_client.probes import PROBE
from tests.processes import ROOT, python, run

pytestmark = pytest.mark.processes

# Longer than anything here takes: no answer comes before its instance is killed.
NEVER = 60.0
# Until after the kill, and over before a second look: carried out though nobody waits for it any more.
SOON = 2.0
# Longer than what a next leader waits for before it looks for the sends of a former one that is dead.
HANGS = 6.0
BEYOND = 5
"""Ids that a look probes where nobody has written since."""
GROUP, SUPERGROUP = -5, -1_000_000_000_005


class Life(NamedTuple):
    """What is kept of a processed update: how it ended, the doubts, the message that was sent, and its history."""

    outcome: str
    doubts: int
    sent_id: int | None
    history: list[dict[str, Any]]

    @property
    def events(self) -> list[str]:
        """What happened to it, in order."""
        return [entry["event"] for entry in self.history]


async def lives(fleet: Fleet) -> dict[int, Life]:
    """The processed updates by their users, each of whom has written once."""
    found = await rows(fleet.database_url, "SELECT update_id, outcome, doubts, sent_id, history FROM processed_updates")
    return {fleet.users[row[0]]: Life(row[1], row[2], row[3], json.loads(row[4])) for row in found}


async def history_in_inbox(fleet: Fleet, user: int) -> list[dict[str, Any]]:
    """What has happened so far to the update of a user who waits."""
    update_id = update_of(fleet, user)
    found = await rows(fleet.database_url, f"SELECT history FROM inbox WHERE update_id = {update_id}")
    return json.loads(found[0][0]) if found else []


async def shown(fleet: Fleet, user: int) -> str:
    """What `svc updates show` prints about the update of a user."""
    environment = service_environment(fleet.database_url, "http://127.0.0.1:1", 1)
    command = python("-m", "svc", "updates", "show", str(update_of(fleet, user)))
    done = await run(*command, env=environment, folder=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def update_of(fleet: Fleet, user: int) -> int:
    """The update of a user who has written once."""
    return next(update_id for update_id, each in fleet.users.items() if each == user)


def probes(fleet: Fleet) -> int:
    """How many messages have been asked about."""
    return len(fleet.sandbox.telegram.call_log.find(PROBE))


def fault(fleet: Fleet, kind: str, users: Iterable[int], **settings: Any) -> None:
    """What goes wrong with the next send to each of these users."""
    for user in users:
        fleet.sandbox.faults.order(kind, method="sendMessage", chat_id=user, **settings)


async def first_menu(fleet: Fleet, leader: ServiceProcess) -> int:
    """Somebody's menu arrives, which later looks are tried out on. It was sent an hour ago; the user."""
    (user,) = new_users_write(fleet, 1)
    await leader.event("DONE", update_id=update_of(fleet, user))
    for message in fleet.sandbox.telegram.bot().chats[user].messages.values():
        message.made_at -= 3600
    return user


def next_users(fleet: Fleet, count: int) -> list[int]:
    """The users who write next."""
    first = max(fleet.users.values()) + 1
    return list(range(first, first + count))


def users_of(lines: Sequence[dict[str, Any]]) -> set[int]:
    """The chats that lines of the log are about."""
    return {line["chat_id"] for line in lines}


async def one_menu_each(fleet: Fleet) -> dict[int, Life]:
    """Everybody is answered: with one menu, whose id is known, and without any doubt. What is kept of them."""
    await check_promises(fleet)
    kept = await lives(fleet)
    assert fleet.menus() == dict.fromkeys(fleet.users.values(), 1)
    assert {(life.outcome, life.doubts) for life in kept.values()} == {("done", 0)}
    sent = {message.chat_id: message.message_id for message in fleet.sandbox.telegram.sent()}
    assert {user: life.sent_id for user, life in kept.items()} == sent
    assert not any(service.lines("IN_DOUBT") for service in fleet.members)
    return kept


async def test_killed_with_sends_in_flight(empty_database_url: str) -> None:
    """Of twelve sends in flight some have arrived, some arrive after the kill, some never. The next one finds the
    former and sends the latter again; everybody has one menu, and the updates tell why."""
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start_active()
        await first_menu(fleet, old)
        users = next_users(fleet, 12)
        arrived, on_their_way, lost = users[:4], users[4:8], users[8:]
        fault(fleet, "slow_after", arrived, delay=NEVER)
        fault(fleet, "slow", on_their_way, delay=SOON)
        fault(fleet, "hang", lost)
        new = await fleet.start()
        new_users_write(fleet, len(users))
        await eventually(lambda: len(old.sends) == 1 + len(users))
        old.send_signal(signal.SIGKILL)
        fleet.targets.remove(old)

        await new.active()
        kept = await one_menu_each(fleet)
        assert users_of(new.lines("FOUND")) >= set(arrived)
        assert users_of(new.lines("NOT_FOUND")) == set(lost)

        message_id = kept[arrived[0]].sent_id
        story = await shown(fleet, arrived[0])
        assert ": done" in story
        assert "in doubt: what was sent may have arrived" in story
        assert re.search(rf"found: the message is there.* message_id={message_id} look=\d probes=\d", story)
        assert "attempts: 1, sends that stayed in doubt: 0" in story
        story = await shown(fleet, lost[0])
        assert re.search(r"looked for: not found so far.* look=1 probes=\d", story)
        assert re.search(r"not found: nothing is there, so it is sent again.* look=\d probes=\d", story)
        assert "sendMessage: ok in " in story
        assert "attempts: 2, sends that stayed in doubt: 0" in story


async def test_without_an_answer_and_without_a_restart(empty_database_url: str) -> None:
    """Cut after the fact, a gateway's 504, carried out late: found. Cut before the fact: sent again. So in private, in
    a group and in a supergroup, by the instance that leads."""
    async with running_fleet(empty_database_url) as fleet:
        leader = await fleet.start_active()
        await first_menu(fleet, leader)
        users = next_users(fleet, 8)
        arrived, lost = [*users[:6], GROUP, SUPERGROUP], users[6:]
        fault(fleet, "cut_after", [*users[:2], GROUP, SUPERGROUP])
        fault(fleet, "error_after", users[2:4], status=504, description="Gateway Timeout")
        fault(fleet, "late", users[4:6], delay=0.7)
        fault(fleet, "cut_before", lost)
        new_users_write(fleet, len(users))
        for chat_id, chat_type in ((GROUP, "group"), (SUPERGROUP, "supergroup")):
            update = fleet.sandbox.telegram.user_sends_text(1, "/start", chat_type=chat_type, chat_id=chat_id)
            assert update is not None
            fleet.users[update.id] = chat_id
        await eventually(lambda: fleet.menus().keys() >= set(fleet.users.values()))

        kept = await one_menu_each(fleet)
        assert users_of(leader.lines("FOUND")) == set(arrived)
        assert users_of(leader.lines("NOT_FOUND")) == set(lost)
        assert all(kept[user].events[-1] == "found" for user in arrived)
        assert all(kept[user].events[-3:] == ["looked", "not_found", "done"] for user in lost)


async def test_a_crowd_in_doubt_at_once(empty_database_url: str) -> None:
    """All workers' sends are cut off and arrive late, the last one first, and nobody writes meanwhile: all are found,
    though most have ids far above the greatest that is known."""
    async with running_fleet(empty_database_url) as fleet:
        leader = await fleet.start_active()
        await first_menu(fleet, leader)
        users = next_users(fleet, 16)
        for place, user in enumerate(reversed(users)):
            fault(fleet, "late", [user], delay=0.3 + 0.03 * place)
        new_users_write(fleet, len(users))
        await eventually(lambda: fleet.menus().keys() >= set(fleet.users.values()))
        await one_menu_each(fleet)


@pytest.mark.parametrize("arrived", [True, False], ids=["found", "sent again"])
async def test_killed_between_two_looks(empty_database_url: str, arrived: bool) -> None:
    """The first look finds nothing, in one case since the message is not seen yet, and its instance is killed. The next
    one goes on with the count in the row: one more look decides."""
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start_active()
        await first_menu(fleet, old)
        (user,) = next_users(fleet, 1)
        fleet.sandbox.telegram.rules.change(unseen_for=600)
        fault(fleet, "cut_after" if arrived else "cut_before", [user])
        # The first look is let through. The second gets no answer, however long it takes to notice the first.
        fleet.sandbox.faults.order("slow_after", count=BEYOND, method=PROBE, chat_id=user, delay=0)
        fleet.sandbox.faults.order("hang", count=None, method=PROBE, chat_id=user)
        new = await fleet.start()
        new_users_write(fleet, 1)
        with trio.fail_after(DEADLINE):
            while "looked" not in [entry["event"] for entry in await history_in_inbox(fleet, user)]:
                await trio.sleep(0.05)
        old.send_signal(signal.SIGKILL)
        fleet.targets.remove(old)
        fleet.sandbox.telegram.rules.reset()
        fleet.sandbox.faults.clear()

        epoch = await new.active()
        kept = await one_menu_each(fleet)
        by_the_next = [entry for entry in kept[user].history if entry.get("epoch") == epoch]
        assert [entry["event"] for entry in by_the_next] == (["found"] if arrived else ["not_found", "done"])
        looks = [entry["look"] for entry in kept[user].history if "look" in entry]
        assert looks == sorted(set(looks))
        assert looks[-1] > 1


BROKEN: dict[str, dict[str, str]] = {
    **{rule.value: {"edits": rule} for rule in Edits if rule is not Edits.DOCUMENTED},
    **{rule.value: {"ids": rule} for rule in Ids if rule is not Ids.SHARED},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_telegram_with_other_rules(empty_database_url: str, broken: dict[str, str]) -> None:
    """Other answers to probes, or other ids: everybody gets a menu, nobody more than two, and the service goes on. That
    nothing can be told of answers is recorded as a doubt; where a probe edits, the process makes no other."""
    async with running_fleet(empty_database_url) as fleet:
        leader = await fleet.start_active()
        fleet.sandbox.telegram.rules.change(**broken)
        first = await first_menu(fleet, leader)
        users = next_users(fleet, 6)
        arrived, lost = users[:3], users[3:]
        fault(fleet, "cut_after", arrived)
        fault(fleet, "cut_before", lost)
        new_users_write(fleet, len(users))
        await settled(fleet)
        (newcomer,) = new_users_write(fleet, 1)
        await settled(fleet)

        menus, kept = fleet.menus(), await lives(fleet)
        assert all(menus[user] == 1 for user in (first, newcomer, *lost))
        assert all(menus[user] in (1, 2) for user in arrived)
        if "edits" in broken:
            assert users_of(leader.lines("IN_DOUBT")) == set(users)
            assert all((kept[user].outcome, kept[user].doubts) == ("done", 1) for user in users)
        edits = len(fleet.sandbox.telegram.call_log.find(PROBE, status=200))
        assert len(leader.lines("PROBE_EDITED")) == edits == (broken.get("edits") == Edits.CARRIED_OUT)
        assert leader.running


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_without_looking(empty_database_url: str, policy: str) -> None:
    """IN_DOUBT=resend or skip: nothing is ever probed; who was in doubt is sent a menu once more, or none."""
    async with running_fleet(empty_database_url, IN_DOUBT=policy) as fleet:
        leader = await fleet.start_active()
        await first_menu(fleet, leader)
        arrived, lost = next_users(fleet, 2)
        fault(fleet, "cut_after", [arrived])
        fault(fleet, "cut_before", [lost])
        new_users_write(fleet, 2)
        await settled(fleet)
        more = policy == "resend"
        assert (fleet.menus()[arrived], fleet.menus()[lost]) == (1 + more, more)
        kept = await lives(fleet)
        assert all(kept[user].doubts == 1 for user in (arrived, lost))
        assert users_of(leader.lines("IN_DOUBT")) == {arrived, lost}
        assert probes(fleet) == 0


async def test_what_cannot_be_told_is_left_out_if_that_is_the_fallback(empty_database_url: str) -> None:
    """IN_DOUBT_FALLBACK=skip: what is found or known to be absent is unaffected; what cannot be told is not sent."""
    async with running_fleet(empty_database_url, IN_DOUBT_FALLBACK="skip") as fleet:
        leader = await fleet.start_active()
        await first_menu(fleet, leader)
        users = next_users(fleet, 4)
        fault(fleet, "cut_after", users[::2])
        fault(fleet, "cut_before", users[1::2])
        new_users_write(fleet, 2)
        await one_menu_each(fleet)

        fleet.sandbox.telegram.rules.change(edits=Edits.OTHER_WORDS)
        new_users_write(fleet, 2)
        await settled(fleet)
        kept = await lives(fleet)
        assert [fleet.menus()[user] for user in users] == [1, 1, 1, 0]
        assert all((kept[user].outcome, kept[user].doubts) == ("in_doubt", 1) for user in users[2:])
        assert users_of(leader.lines("IN_DOUBT")) == set(users[2:])


async def test_a_send_that_hangs_in_a_rolling_deploy_is_left_to_its_owner(empty_database_url: str) -> None:
    """SIGTERM while a send hangs: the next one leads and asks nothing, since its owner lives and hears the answer. The
    chat's next message waits for that."""
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start_active()
        await first_menu(fleet, old)
        (user,) = next_users(fleet, 1)
        fault(fleet, "slow_after", [user], delay=HANGS)
        new = await fleet.start()
        new_users_write(fleet, 1)
        await eventually(lambda: len(old.sends) == 2)
        old.send_signal(signal.SIGTERM)
        fleet.targets.remove(old)
        await new.active()
        assert old.running
        fleet.sandbox.telegram.user_sends_text(user, "hello?")
        assert await old.exit_code() == 0
        await eventually(lambda: len(new.sends) == 1)
        assert old.lines("DONE", chat_id=user)
        await settled(fleet)
        texts = [message.text for message in fleet.sandbox.telegram.sent(user)]
        assert (len(texts), len(set(texts))) == (2, 2), "one menu, and one answer to the text"
        assert new.sends[0].begun > old.sends[-1].ended
        assert probes(fleet) == 0
        assert not any(service.lines("IN_DOUBT") for service in fleet.members)

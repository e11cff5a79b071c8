"""What `make torture` decides by: its schedule, who writes what, and the verdict, which finds whatever it is for."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.bot_api import BotApiCall
from fleet.call_faults import SETTINGS, CallFaults, drawn
from fleet.torture.in_flight import in_flight
from fleet.torture.operator import Span, sent_while_paused
from fleet.torture.people import LINES, OTHER, Sent, Written, answer_of, script
from fleet.torture.scenes import SCENES, schedule_of
from fleet.torture.schedule import KINDS, Target, kills, mixed
from fleet.torture.verdict import Verdict, judge, percentile
from sandbox.faults import Faults
from svc.bot.menu_bot import bot
from svc.handler.known import Known
from telegram_client.updates import read_update

MENU, HINT = LINES[0].answer, LINES[1].answer


# The schedule


def test_the_schedule_is_made_from_the_seed_alone() -> None:
    """The same seed, the same faults; another one, others."""
    assert mixed(1, 60, 3) == mixed(1, 60, 3) != mixed(2, 60, 3)


@pytest.mark.parametrize("seed", range(20))
def test_five_minutes_have_a_hundred_faults_and_half_a_minute_a_dozen(seed: int) -> None:
    """Every kind is among those of five minutes, and none is over-represented."""
    faults = mixed(seed, 300, 3)
    counts = Counter(fault.kind for fault in faults)
    assert len(faults) >= 100
    assert counts.keys() == KINDS.keys()
    assert max(counts.values()) - min(counts.values()) <= 1
    assert 10 <= len(mixed(seed, 30, 3)) <= 20


def test_faults_come_in_order_within_the_time_and_last_as_long_as_their_kind_may() -> None:
    """Whom they hit follows from their kind; of the instances it is mostly the ACTIVE one."""
    faults = mixed(3, 300, 3)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    for fault in faults:
        least, most = KINDS[fault.kind].lasting
        assert least <= fault.lasting <= most
        assert 0 < fault.at < 300
        assert fault.who == KINDS[fault.kind].target or fault.who in (Target.ACTIVE, Target.PASSIVE)
    whom = Counter(fault.who for fault in faults)
    assert whom[Target.ACTIVE] > whom[Target.PASSIVE] > 0


def test_a_single_instance_is_hit_as_the_active_one() -> None:
    """There is no PASSIVE one to be hit."""
    assert not any(fault.who is Target.PASSIVE for fault in mixed(1, 300, 1))


def test_only_the_kinds_that_can_be_made_are_planned() -> None:
    """Without libfaketime no clock jumps."""
    assert {fault.kind for fault in mixed(1, 60, 3, ["kill", "stop"])} == {"kill", "stop"}


def test_the_scenes_have_their_faults() -> None:
    """Eight kills at equal distances; answers that are lost need no schedule."""
    assert [fault.at for fault in kills(80, 8)] == [5, 15, 25, 35, 45, 55, 65, 75]
    assert len(schedule_of("kills", 1, 64, 3)) == 8
    assert schedule_of("answers", 1, 20, 2) == []
    assert SCENES["answers"].shares.keys() <= {"cut_after", *SETTINGS}


def test_calls_go_wrong_by_their_shares() -> None:
    """Each kind has its part of 0 to 1, in turn, and the rest goes well."""
    shares = [("a", 0.25), ("b", 0.5)]
    assert [drawn(shares, number) for number in (0.0, 0.24, 0.25, 0.74, 0.75, 0.99)] == ["a", "a", "b", "b", None, None]


def test_a_fault_that_is_drawn_is_ordered_for_that_very_call() -> None:
    """By method and chat; calls that name no chat are spared, and so are all once it is over."""

    class First:
        def random(self) -> float:
            return 0.0

    faults: Any = Faults()
    calls: Any = CallFaults(faults, First())  # type: ignore[arg-type]
    with calls.in_force({"flood": 0.1}):
        calls.before_call("getMe", None)
        assert faults.take("getMe", {}) is None
        calls.before_call("sendMessage", 7)
        assert faults.take("sendMessage", {"chat_id": 8}) is None
        assert faults.take("sendMessage", {"chat_id": 7}).kind == "flood"
    calls.before_call("sendMessage", 7)
    assert faults.take("sendMessage", {"chat_id": 7}) is None


# People


def test_every_message_of_a_person_has_an_answer_of_its_own() -> None:
    """Ten people write thirteen messages: who writes several writes them in order, and no answer is asked for twice."""
    asked: dict[int, list[str]] = defaultdict(list)
    for user, line in islice(script(), 26):
        asked[user].append(line.answer)
    assert len(asked) == 20
    assert all(len(set(answers)) == len(answers) for answers in asked.values())
    assert Counter(map(len, asked.values())) == {1: 18, 4: 2}
    assert asked[1] == asked[11] == [line.answer for line in LINES]


@pytest.mark.parametrize("line", LINES)
def test_the_bot_s_answers_are_told_apart(line: Any) -> None:
    """By what the bot really says to each line."""
    (call,) = bot.decide(_update(line.text, line.language), Known()).calls
    assert answer_of(call.params) == line.answer


def test_an_apology_and_anything_else_are_no_answers() -> None:
    """They belong to no message."""
    call = bot.apology(_update("/start", "ru"), Known())
    assert call is not None
    assert answer_of(call.params) == "apology"
    assert answer_of({"text": "Hello"}) == OTHER


def _update(text: str, language: str) -> Any:
    sender = f'{{"id":7,"is_bot":false,"first_name":"Ann","language_code":"{language}"}}'
    message = f'{{"message_id":1,"date":1,"from":{sender},"chat":{{"id":7,"type":"private"}},"text":"{text}"}}'
    return read_update(f'{{"update_id":1,"message":{message}}}'.encode())


# The verdict


def written(*answers: str, chat_id: int = 7) -> list[Written]:
    """What one person wrote, a second between each."""
    return [Written(100 + number, chat_id, answer, float(number)) for number, answer in enumerate(answers)]


def sent(*answers: str, chat_id: int = 7, first: float = 10.0) -> list[Sent]:
    """What one person was sent, a second between each."""
    return [Sent(chat_id, answer, first + number) for number, answer in enumerate(answers)]


def judged(asked: list[Written], got: list[Sent], doubts: dict[int, int] | None = None) -> Verdict:
    return judge(asked, got, {message.update_id: message.at + 1 for message in asked}, doubts or {})


def test_one_answer_each_and_in_order_is_as_promised() -> None:
    """Nothing is found, and the waits count from the writing."""
    verdict = judged(written(MENU, HINT), sent(MENU, HINT))
    assert verdict.breaches(strict=True) == []
    assert (verdict.written, verdict.accepted, verdict.menus, verdict.waits) == (2, 2, 1, [10.0, 10.0])
    assert verdict.waits_from_200 == [9.0, 9.0]
    assert verdict.answered == {100: 10.0, 101: 11.0}


@pytest.mark.parametrize(
    ("got", "breach"),
    [
        (sent(MENU), "1 got no answer"),
        (sent(MENU, HINT, MENU), "1 were answered twice, and no doubt was recorded"),
        (sent(HINT, MENU), "1 answers were out of their chat's order"),
        ([*sent(MENU, HINT), *sent(MENU, chat_id=8)], "1 messages that nobody asked for"),
        (sent(MENU, HINT, "apology"), "1 messages that nobody asked for"),
    ],
    ids=["lost", "twice", "out of order", "another chat", "apology"],
)
def test_each_breach_is_found(got: list[Sent], breach: str) -> None:
    """And nothing besides it."""
    assert judged(written(MENU, HINT), got).breaches() == [breach]


def test_a_second_answer_of_an_earlier_message_is_not_out_of_order() -> None:
    """It is one too many, and late; the first ones were in order."""
    verdict = judged(written(MENU, HINT), sent(MENU, HINT, MENU))
    assert verdict.out_of_order == []


@pytest.mark.parametrize("got", [sent(), sent(MENU, MENU)], ids=["none", "two"])
def test_a_recorded_doubt_excuses_unless_asked_to_be_strict(got: list[Sent]) -> None:
    """It is counted by itself in any case."""
    verdict = judged(written(MENU), got, {100: 1})
    assert (verdict.excused, verdict.lost, verdict.twice) == (1, [], [])
    assert verdict.breaches() == []
    assert len(verdict.breaches(strict=True)) == 1


def test_ids_that_break_the_rules_excuse_a_second_answer_and_no_loss() -> None:
    """Nobody can know of what cannot be found."""
    verdict = judged(written(MENU, HINT), sent(MENU, MENU))
    verdict.ids_broken = True
    assert verdict.breaches() == ["1 got no answer"]


def test_what_is_not_about_messages_is_a_breach_too() -> None:
    """A call by who was not ACTIVE, an edit, an instance that ended, and what is not settled."""
    verdict = Verdict(0, 0, 0, strays=["a call"], edits=1, ended=["instance 1 ended"], unsettled="not settled")
    assert len(verdict.breaches()) == 4


def test_what_is_begun_in_a_pause_is_a_breach() -> None:
    """What was in flight when the pause was known to be obeyed may arrive, also by a call that comes later."""
    span = Span(100.0, 200.0)
    begins = {1: [50.0, 99.0], 2: [99.0, 101.0], 4: [99.0, 250.0]}
    calls = [BotApiCall("sendMessage", chat_id, at) for chat_id, at in ((1, 110.0), (2, 110.0), (3, 110.0), (4, 260.0))]
    service = SimpleNamespace(sends=calls, times_by_chat=lambda _event: begins)
    found = list(sent_while_paused([service], [span]))  # type: ignore[list-item]
    assert [sentence.split(" s into")[0] for sentence in found] == [
        "instance 1 sent to chat 2 10.00",
        "instance 1 sent to chat 3 10.00",
    ]
    assert Verdict(0, 0, 0, paused=found).breaches() == ["2 messages were begun while sending was paused"]


def test_a_percentile_is_a_value_that_was_there() -> None:
    """The longest, where there are too few to tell."""
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([float(number) for number in range(200)], 0.5) == 100.0
    assert percentile([], 0.5) == 0.0


def test_what_is_begun_and_not_over_is_in_flight() -> None:
    """Once more begun is once more in flight."""
    steps = [("ACTIVE_PROCESS_START", 1), ("ACTIVE_PROCESS_START", 2), ("DONE", 1), ("RETRY", 2), ("STATE", None)]
    log = [{"event": event, "update_id": update_id} for event, update_id in [*steps, ("ACTIVE_PROCESS_START", 2)]]
    assert in_flight(log) == {2}

"""What counts as accepted, answered, lost and twice, and that a day of it takes no more memory than a minute."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.score.score import GRACE, MAX_ASKED, Answered, Score
from demo.views import HandoverView
from sandbox.call_log import RecordedCall

ANN, BOB = 5_000_001, 5_000_002
NOW = 1_700_000_000.0


def sent(person: int, at: float = NOW, method: str = "sendMessage", status: int = 200) -> RecordedCall:
    """The call that answers somebody."""
    return RecordedCall(at, 424242, method, {"chat_id": person, "text": "menu"}, status, at)


def pressed(score: Score, *update_ids: int, person: int = ANN, judged: bool = True) -> None:
    """They press at NOW, and it is accepted at once."""
    for update_id in update_ids:
        score.pressed(update_id, person, NOW, judged=judged)
        score.acknowledged(update_id, 0.004, NOW)


def counts(score: Score) -> tuple[int, int, int, int, int]:
    """Accepted, answered, waiting, lost, twice."""
    view = score.view(NOW)
    return view.accepted, view.answered, view.waiting, view.lost, view.twice


def test_one_start_and_its_menu() -> None:
    score = Score()
    score.pressed(1, ANN, NOW, judged=True)
    assert counts(score) == (0, 0, 1, 0, 0)
    score.acknowledged(1, 0.004, NOW + 0.004)
    assert counts(score) == (1, 0, 1, 0, 0)
    assert score.called(sent(ANN, NOW + 0.25)) == Answered(ANN, 0.25, NOW + 0.25)
    assert counts(score) == (1, 1, 0, 0, 0)
    view = score.view(NOW + 1)
    assert (view.ack_p50_ms, view.ack_p99_ms, view.menu_p50_ms, view.menu_p99_ms) == (4, 4, 250, 250)


def test_a_second_menu_is_twice_however_late_it_comes() -> None:
    """And it is not taken for the answer to what they press next."""
    score = Score()
    for update_id in range(1, 30_000):
        pressed(score, update_id, person=ANN + update_id % 5_000)
        score.called(sent(ANN + update_id % 5_000))
    assert score.view(NOW).twice == 0
    assert score.called(sent(ANN)) is None
    assert score.view(NOW).twice == 1
    pressed(score, 40_000)
    assert score.view(NOW).waiting == 1
    assert score.called(sent(ANN)) is not None
    assert score.view(NOW).twice == 1


def test_a_menu_before_the_200_and_an_update_that_came_twice() -> None:
    """The instance died between storing and answering: Telegram brings the update to the next one, which knows it."""
    score = Score()
    score.pressed(1, ANN, NOW, judged=True)
    score.called(sent(ANN))
    for _ in range(2):
        score.acknowledged(1, 0.004, NOW)
    assert counts(score) == (1, 1, 0, 0, 0)
    assert score.questionable(NOW + 60) == []


@pytest.mark.parametrize(
    "call",
    [
        sent(ANN, status=429),
        sent(ANN, status=0),
        sent(ANN, method="sendChatAction"),
        sent(ANN, method="sendMessageDraft"),
        sent(ANN, method="editMessageText"),
        sent(BOB),
    ],
    ids=lambda call: f"{call.method}-{call.status}",
)
def test_what_is_no_answer(call: RecordedCall) -> None:
    score = Score()
    pressed(score, 1)
    assert score.called(call) is None
    assert counts(score) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("method", ["sendMessage", "sendPhoto", "sendMediaGroup", "copyMessage", "forwardMessage"])
def test_whatever_puts_something_into_the_chat_is_an_answer(method: str) -> None:
    score = Score()
    pressed(score, 1)
    assert score.called(sent(ANN, method=method)) is not None
    assert counts(score) == (1, 1, 0, 0, 0)


def test_a_bot_that_answers_with_several_messages() -> None:
    """The answer is there with the last of them; even a part of it again is twice, and the whole of it no more so."""
    score = Score(messages_per_start=2)
    pressed(score, 1, 2)
    assert [score.called(sent(ANN)) is not None for _ in range(4)] == [False, True, False, True]
    assert counts(score) == (2, 2, 0, 0, 0)
    for twice in (1, 1, 2):
        score.called(sent(ANN))
        assert score.view(NOW).twice == twice


def test_only_what_was_accepted_a_while_ago_is_asked_about() -> None:
    """The oldest first, and not too many."""
    score = Score()
    score.pressed(1, ANN, NOW, judged=True)
    pressed(score, *range(2, MAX_ASKED + 100))
    assert score.questionable(NOW + GRACE) == []
    assert score.questionable(NOW + GRACE + 0.1) == list(range(2, MAX_ASKED + 2))


def test_lost_is_what_the_database_does_not_know_twice_in_a_row() -> None:
    """Whoever is lost waits no longer; an answer after all is an answer, but lost stays."""
    score = Score()
    pressed(score, 1)
    score.known_to_database([1], waiting=[], finished=[])
    score.known_to_database([1], waiting=[1], finished=[])
    score.known_to_database([1], waiting=[], finished=[])
    assert counts(score) == (1, 0, 1, 0, 0)
    score.known_to_database([1], waiting=[], finished=[])
    assert counts(score) == (1, 0, 0, 1, 0)
    assert score.questionable(NOW + 60) == []
    score.called(sent(ANN))
    assert counts(score) == (1, 1, 0, 1, 0)


def test_an_answer_that_comes_while_the_database_is_asked() -> None:
    score = Score()
    pressed(score, 1)
    score.known_to_database([1], waiting=[], finished=[])
    score.called(sent(ANN))
    score.known_to_database([1], waiting=[], finished=[])
    assert counts(score) == (1, 1, 0, 0, 0)


def test_finished_settles_an_update_but_a_start_without_its_menu_is_lost() -> None:
    score = Score()
    pressed(score, 1, judged=False, person=BOB)
    pressed(score, 2)
    for _ in range(2):
        score.known_to_database([1, 2], waiting=[], finished=[1, 2])
    assert counts(score) == (2, 0, 0, 1, 0)
    assert score.questionable(NOW + 60) == []


def test_of_others_an_update_that_is_gone_is_lost_and_their_messages_are_nobodys_business() -> None:
    score = Score()
    pressed(score, 1, judged=False)
    assert score.called(sent(ANN)) is None
    for _ in range(2):
        score.known_to_database([1], waiting=[], finished=[])
    assert counts(score) == (1, 0, 0, 1, 0)


def test_latencies_are_those_of_the_last_minute() -> None:
    score = Score()
    for n in range(1, 101):
        score.pressed(n, ANN, NOW, judged=True)
        score.acknowledged(n, n / 1000, NOW)
    view = score.view(NOW + 59)
    assert (view.ack_p50_ms, view.ack_p99_ms, view.menu_p50_ms) == (50, 99, None)
    assert score.view(NOW + 60).ack_p50_ms is None


def test_the_last_handover_and_what_was_found_out() -> None:
    score = Score()
    score.found_out()
    score.handed_over("deploy", 0.031, NOW)
    score.handed_over("crash", 0.25, NOW + 1)
    view = score.view(NOW)
    assert (view.found_out, view.handover) == (1, HandoverView("crash", 250, NOW + 1))


def test_it_takes_no_more_memory_with_time() -> None:
    """Once the samples of latencies are full, it is as large after twice as many."""

    def size_after(rounds: Iterable[int]) -> int:
        for n in rounds:
            pressed(score, n, person=ANN + n % 100)
            score.called(sent(ANN + n % 100))
        return len(pickle.dumps(score))

    score = Score()
    first = size_after(range(100_000, 125_000))
    assert size_after(range(125_000, 150_000)) == pytest.approx(first, rel=0.01)


@dataclass
class Recount:
    """Keeps all that ever happened, and counts it anew each time."""

    starts: list[tuple[int, int, bool]] = field(default_factory=list)
    """Update id, person, judged; in order."""
    steps: dict[int, list[int]] = field(default_factory=dict)
    """By person: +1 for a message, -1 for a /start."""
    accepted: dict[int, float] = field(default_factory=dict)
    verdicts: dict[int, str] = field(default_factory=dict)
    """By update: W in the inbox, F finished, N neither."""

    def twice_of(self, person: int) -> int:
        """By how much their messages were ever ahead of their /starts."""
        return max(accumulate(self.steps.get(person, []), initial=0)) if self.judged(person) else 0

    def answered_of(self, person: int) -> int:
        """Their messages that were owed."""
        return self.steps.get(person, []).count(1) - self.twice_of(person) if self.judged(person) else 0

    def judged(self, person: int) -> bool:
        return any(judged for _, who, judged in self.starts if who == person)

    def is_answered(self, update_id: int) -> bool:
        """Whether it is among as many of this person's first /starts as were answered."""
        (person,) = [who for id_, who, _ in self.starts if id_ == update_id]
        theirs = [id_ for id_, who, _ in self.starts if who == person]
        return update_id in theirs[: self.answered_of(person)]

    def is_lost(self, update_id: int, judged: bool) -> bool:
        said = self.verdicts.get(update_id, "")
        return "NN" in (said.replace("F", "N") if judged else said)

    def is_settled(self, update_id: int, judged: bool) -> bool:
        return (
            self.is_answered(update_id) or self.is_lost(update_id, judged) or (not judged and self.finished(update_id))
        )

    def finished(self, update_id: int) -> bool:
        return "F" in self.verdicts.get(update_id, "")

    def questionable(self, now: float) -> list[int]:
        old = [id_ for id_, at in self.accepted.items() if now - at > GRACE]
        judged = {id_: judged for id_, _, judged in self.starts}
        return [id_ for id_ in old if not self.is_settled(id_, judged[id_])]

    def counts(self) -> tuple[int, int, int, int, int]:
        people = {person for _, person, _ in self.starts}
        lost = [id_ for id_, _, judged in self.starts if self.is_lost(id_, judged)]
        waiting = [
            id_ for id_, _, judged in self.starts if judged and not self.is_answered(id_) and id_ not in set(lost)
        ]
        answered, twice = sum(map(self.answered_of, people)), sum(map(self.twice_of, people))
        return len(self.accepted), answered, len(waiting), len(lost), twice


JUDGED, OTHERS = (1, 2), (3,)


@given(st.data())
def test_it_is_what_a_recount_of_everything_says(data: st.DataObject) -> None:
    """Whatever the order of presses, 200s, messages and answers of the database."""
    score, recount, now = Score(), Recount(), NOW
    for step in data.draw(st.lists(st.sampled_from("pppaaammdd"), max_size=60)):
        now += data.draw(st.sampled_from([0.0, 1.0, 6.0]))
        person = data.draw(st.sampled_from(JUDGED + OTHERS))
        if step == "p":
            recount.starts.append((len(recount.starts), person, person in JUDGED))
            score.pressed(len(recount.starts) - 1, person, now, judged=person in JUDGED)
            recount.steps.setdefault(person, []).append(-1)
        elif step == "a" and recount.starts:
            (update_id, _, _) = data.draw(st.sampled_from(recount.starts))
            recount.accepted.setdefault(update_id, now)
            score.acknowledged(update_id, 0.0, now)
        elif step == "m":
            score.called(sent(person, now))
            if person in recount.steps:
                recount.steps[person].append(1)
        elif step == "d":
            asked = score.questionable(now)
            assert asked == recount.questionable(now)
            said = {id_: data.draw(st.sampled_from("WFNN")) for id_ in asked}
            score.known_to_database(asked, *([id_ for id_ in asked if said[id_] == kind] for kind in "WF"))
            for id_ in asked:
                recount.verdicts[id_] = recount.verdicts.get(id_, "") + said[id_]
        assert counts(score) == recount.counts()

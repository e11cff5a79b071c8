"""The tour: what its steps make of what Telegram saw, in numbers and in words, and that one of them runs at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import trio
import trio.testing

import demo.tour.tour
from demo.people import FIRST, People
from demo.score.score import Score
from demo.system import System
from demo.tour.steps import crash, deploy, freeze, picture, start
from demo.tour.steps.anna import ANNA, Anna
from demo.tour.steps.crash import Fate, held_up
from demo.tour.steps.fate import Told
from demo.tour.steps.footing import LOAD, people_writing
from demo.tour.steps.step import Outcome, Say, Step, StepFailed
from demo.tour.steps.witness import ChatSeen, CrowdSeen, Witness, seen_in
from demo.tour.steps.words import answers, duration, people
from demo.tour.tour import DEADLINE, Busy, Tour
from demo.views import StepView
from sandbox.app import Sandbox
from sandbox.state import StoredMessage
from sandbox.telegram import DEMO_TOKEN

Clock = trio.testing.MockClock


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 ms"), (0.0002, "1 ms"), (0.0342, "34 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (12.34, "12.3 s")],
)
def test_durations(seconds: float, words: str) -> None:
    """Milliseconds below a second, else seconds with one decimal; what has taken time is never 0 ms."""
    assert duration(seconds) == words


def test_one_and_several() -> None:
    """Singular and plural."""
    assert [people(1), people(2), people(1204)] == ["1 person", "2 people", "1,204 people"]
    assert [answers(0, "menu"), answers(1, "menu"), answers(2, "answer")] == ["no menu", "one menu", "2 answers"]


def chat(story: str) -> Iterator[StoredMessage]:
    """Messages a second apart, the first at the Unix time 100: P is the person's, B the bot's, a dot is silence."""
    for second, sender in enumerate(story):
        if sender != ".":
            yield StoredMessage({"from": {"is_bot": sender == "B"}}, 100.0 + second, editable=False)


@pytest.mark.parametrize(
    ("story", "each", "seen"),
    [
        ("..", 1, ChatSeen(0, (), 0)),
        ("P.B", 1, ChatSeen(1, (2.0,), 0)),
        ("P..", 1, ChatSeen(1, (), 0)),
        ("PBB", 1, ChatSeen(1, (1.0,), 1)),
        ("PBPB", 1, ChatSeen(2, (1.0, 1.0), 0)),
        ("PP.BB", 1, ChatSeen(2, (3.0, 3.0), 0)),
        ("PB.B", 2, ChatSeen(1, (3.0,), 0)),
        ("PB", 2, ChatSeen(1, (), 0)),
        ("PBBB", 2, ChatSeen(1, (2.0,), 1)),
        ("BPB", 1, ChatSeen(1, (1.0,), 0)),
        # Written from the tenth second on is not looked at, nor is the answer to it; but neither is it one too many.
        ("PB........PB", 1, ChatSeen(1, (1.0,), 0)),
        ("PBB.......P.", 1, ChatSeen(1, (1.0,), 0)),
    ],
)
def test_what_was_seen_in_a_chat(story: str, each: int, seen: ChatSeen) -> None:
    """The n-th answer is the one to the n-th message; what the bot says before anybody wrote is for something older."""
    assert seen_in(chat(story), since=100.0, until=110.0, each=each) == seen


def test_what_was_written_before_is_not_looked_at() -> None:
    """Nor its answer, which may come later."""
    assert seen_in(chat("P.BPB"), since=101.0, until=110.0) == ChatSeen(1, (1.0,), 0)


@pytest.mark.parametrize(
    ("chats", "sentence"),
    [
        ((), "Nobody pressed /start meanwhile."),
        (
            (ChatSeen(1, (0.2,), 0),),
            "1 person pressed /start meanwhile and has one menu, after 200 ms.",
        ),
        (
            (ChatSeen(1, (0.2,), 0), ChatSeen(1, (3.12,), 0)),
            "2 people pressed /start meanwhile, each has one menu; the slowest waited 3.1 s.",
        ),
        (
            (ChatSeen(2, (0.2, 0.1), 0), ChatSeen(1, (0.1,), 0)),
            "2 people pressed /start 3 times meanwhile, each press got one menu; the slowest waited 200 ms.",
        ),
        (
            (ChatSeen(2, (0.2,), 0), ChatSeen(1, (0.1,), 2)),
            "2 people pressed /start 3 times meanwhile: 1 still waits for their menu and 1 has more than one.",
        ),
        (
            (ChatSeen(1, (), 0), ChatSeen(1, (), 0), ChatSeen(1, (), 0)),
            "3 people pressed /start meanwhile: 3 still wait for their menu.",
        ),
    ],
)
def test_a_crowd_in_words(chats: tuple[ChatSeen, ...], sentence: str) -> None:
    """How many, and what they have; if anything is wrong it says so and nothing else."""
    assert CrowdSeen(chats).sentence("menu") == sentence


ONE = ChatSeen(1, (1.0,), 0)
TWO = ChatSeen(1, (1.0,), 1)
CROWD = CrowdSeen((ONE, ONE))
CROWD_SAID = "2 people pressed /start meanwhile, each has one menu; the slowest waited 1.0 s."
FATE = Fate(Told.FOUND, led=0.21, found=1.9)
DIED = "The message was on its way when the process died. The next leader led after 210 ms"


@pytest.mark.parametrize(
    ("outcome", "kept", "sentence"),
    [
        (start.outcome(ONE, 0.004, answer="menu"), True, "One menu, 1.0 s after the press; acknowledged after 4 ms."),
        (start.outcome(TWO, 0.004, answer="menu"), False, "2 menus, 1.0 s after the press; acknowledged after 4 ms."),
        (
            deploy.outcome(0.031, CROWD, answer="menu", spotless=True),
            True,
            f"{CROWD_SAID} 31 ms without a call between the old leader's last and the new one's first.",
        ),
        (
            crash.outcome(FATE, ONE, CROWD, answer="menu", spotless=True),
            True,
            f"{DIED}, looked, and found that it had arrived: one menu, none twice. {CROWD_SAID}",
        ),
        (
            crash.outcome(FATE, TWO, CROWD, answer="menu", spotless=True),
            False,
            f"{DIED}, looked, and found that it had arrived: 2 menus. {CROWD_SAID}",
        ),
        (
            crash.outcome(replace(FATE, told=Told.NOT_FOUND), TWO, CROWD, answer="menu", spotless=True),
            False,
            f"{DIED}, looked, did not find it, and sent it again: 2 menus. {CROWD_SAID}",
        ),
        (
            freeze.outcome(3.1, 0, CROWD, answer="menu", spotless=True),
            True,
            f"Another led after 3.1 s. When the frozen one woke, it sent nothing, and stood by. {CROWD_SAID}",
        ),
        (
            freeze.outcome(3.1, 1, CROWD, answer="menu", spotless=True),
            False,
            f"Another led after 3.1 s. When the frozen one woke, it made 1 call. {CROWD_SAID}",
        ),
        (
            picture.outcome(0.2, 0.6, 1, 1),
            True,
            "The process died while the picture was being made. Another led after 200 ms. Created once, delivered once,"
            " 600 ms after the provider had it.",
        ),
        (
            picture.outcome(0.2, 0.6, 1, 2),
            False,
            "The process died while the picture was being made. Another led after 200 ms. Created once, delivered"
            " 2 times, 600 ms after the provider had it.",
        ),
    ],
)
def test_how_a_step_ends(outcome: Outcome, kept: bool, sentence: str) -> None:
    """A sentence with what was measured; all promises were kept or they were not."""
    assert (outcome.kept, outcome.sentence) == (kept, sentence)


@pytest.mark.parametrize("crowd", [CrowdSeen((ONE, TWO)), CrowdSeen((ONE, ChatSeen(1, (), 0)))])
def test_whatever_is_wrong_with_the_crowd_is_wrong_with_the_step(crowd: CrowdSeen) -> None:
    """Somebody has two answers or none; or the score has seen something that the step has not."""
    for each, spotless in ((crowd, True), (CROWD, False)):
        assert not deploy.outcome(0.031, each, answer="menu", spotless=spotless).kept
        assert not crash.outcome(FATE, ONE, each, answer="menu", spotless=spotless).kept
        assert not freeze.outcome(3.1, 0, each, answer="menu", spotless=spotless).kept


@dataclass
class Stage:
    """What the steps use of a system, without processes: the stand-in for Telegram, people and a score."""

    own_bot: bool = True
    sandbox: Sandbox = field(default_factory=Sandbox)
    score: Score = field(default_factory=Score)

    def __post_init__(self) -> None:
        self.people = People(self.sandbox.telegram)

    @property
    def system(self) -> System:
        """The same, as a step takes it."""
        return cast(System, self)

    def answers(self, person: int, **params: Any) -> None:
        """The bot sends somebody a message."""
        answer = self.sandbox.telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": person, "text": "Hello", **params})
        assert answer.status == 200


async def test_a_witness_sees_only_the_crowd_and_only_what_is_new(autojump_clock: Clock) -> None:
    """A person who waits for longer than anybody should is still told of; Anna is not one of the crowd."""
    stage = Stage()
    telegram = stage.sandbox.telegram
    telegram.user_sends_text(FIRST, "/start")
    await trio.sleep(1)
    witness = Witness(stage.system)
    stage.answers(FIRST)
    telegram.user_sends_text(ANNA, "/start")
    for person in (FIRST, FIRST + 1):
        telegram.user_sends_text(person, "/start")
    await trio.sleep(0.5)
    stage.answers(FIRST)
    seen = await witness.crowd_answered()
    assert (seen.people, seen.waiting, seen.twice, seen.slowest) == (2, 1, 0, 0.5)
    assert witness.spotless


async def test_anna_presses_what_leads_where_she_wants_to_go(autojump_clock: Clock) -> None:
    """By what is behind a button, and not on messages that stood there before; a button that does not come is told."""
    stage = Stage()
    Anna(stage.system).says("/start")
    await trio.sleep(1)
    keyboard = {"inline_keyboard": [[{"text": "Модель", "callback_data": "model:1"}]]}
    stage.answers(ANNA, reply_markup=keyboard)
    await trio.sleep(1)
    anna = Anna(stage.system)
    with pytest.raises(StepFailed, match='"model"'):
        await anna.presses("model")
    stage.answers(ANNA, reply_markup=keyboard)
    await anna.presses("model")
    (press,) = stage.sandbox.telegram.presses(ANNA)
    assert press.data == "model:1"


async def test_a_step_that_is_cancelled_leaves_no_fault_and_no_load(autojump_clock: Clock) -> None:
    """What was ordered is taken back, and people press as they did before."""
    stage = Stage()
    said: list[str] = []
    stage.people.set_rate(1)
    with trio.move_on_after(10):
        async with people_writing(stage.system, said.append):
            with held_up(stage.system):
                assert stage.people.rate == LOAD
                assert stage.sandbox.faults.rules
                await trio.sleep_forever()
    assert said == ["20 people a second begin to press /start"]
    assert stage.people.rate == 1
    assert not stage.sandbox.faults.rules


async def test_a_higher_load_and_one_that_was_chosen_meanwhile_stay(autojump_clock: Clock) -> None:
    """A step makes people write that would not; it does not silence those who do."""
    stage = Stage()
    stage.people.set_rate(200)
    async with people_writing(stage.system, print):
        assert stage.people.rate == 200
    stage.people.set_rate(0)
    async with people_writing(stage.system, print):
        stage.people.set_rate(200)
    assert stage.people.rate == 200


Run = Callable[[System, Say], Awaitable[Outcome]]


def touring(monkeypatch: pytest.MonkeyPatch, run: Run, *, own_bot: bool = True) -> tuple[Tour, Stage, list[StepView]]:
    """A tour of one step, its stage, and what is told of it; a second step is for this project's own bot."""
    steps = (Step("one", "The one", "", run), Step("own", "Own", "", run, own_bot=True))
    monkeypatch.setattr(demo.tour.tour, "STEPS", steps)
    told: list[StepView] = []
    stage = Stage(own_bot=own_bot)
    return Tour(stage.system, told.append), stage, told


async def test_a_step_from_its_begin_to_its_end(autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it does, then what came of it; begun again, it forgets that first."""

    async def run(_system: System, say: Say) -> Outcome:
        say("working")
        return Outcome(True, "It went well.")

    tour, _, told = touring(monkeypatch, run)
    for _ in range(2):
        assert (await tour.go("one")).kept
    told_of_one = [(view.state, view.doing, view.sentence) for view in told]
    assert told_of_one == [("running", "", ""), ("running", "working", ""), ("done", "", "It went well.")] * 2
    assert [view.state for view in tour.views()] == ["done", "ready"]


async def test_one_step_at_a_time(autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another is refused; one that is cancelled can be gone again."""

    async def run(_system: System, say: Say) -> Outcome:
        await trio.sleep(10)
        return Outcome(True, "")

    tour, *_ = touring(monkeypatch, run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tour.go, "one")
        await trio.sleep(5)
        with pytest.raises(Busy, match="The one"):
            await tour.go("own")
        nursery.cancel_scope.cancel()
    assert [view.state for view in tour.views()] == ["ready", "ready"]
    assert (await tour.go("own")).kept


async def test_a_step_that_does_not_come_to_its_end(autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has failed after its deadline, with what it was doing; so it has if something stands against it."""

    async def run(system: System, say: Say) -> Outcome:
        if system.people.rate:
            raise StepFailed("Nobody leads.")
        say("waiting for a bus")
        await trio.sleep_forever()
        raise AssertionError

    tour, stage, _ = touring(monkeypatch, run)
    begun = trio.current_time()
    assert await tour.go("one") == Outcome(False, "This has taken too long: waiting for a bus.")
    assert trio.current_time() - begun == DEADLINE
    assert tour.views()[0].state == "failed"

    stage.people.set_rate(1)
    assert await tour.go("one") == Outcome(False, "Nobody leads.")


async def test_with_another_bot_the_steps_of_our_own_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not shown, and asking for one is asking for nothing."""

    async def run(_system: System, say: Say) -> Outcome:
        return Outcome(True, "")

    tour, *_ = touring(monkeypatch, run, own_bot=False)
    assert [view.name for view in tour.views()] == ["one"]
    with pytest.raises(LookupError, match="'own'"):
        await tour.go("own")

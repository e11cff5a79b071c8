"""`svc demo --headless`: the whole show once, one that has to fail, and what is printed of either."""

from __future__ import annotations

import io
import json
import signal

import pytest
from rich.console import Console

from demo.show.lines import Lines
from demo.show.report import Report
from demo.show.screen import Screen, condition, figure, instances_table, step_ended, verdict
from demo.show.show import SCRIPTS
from demo.tour.steps.step import Outcome, count_of, in_ms
from demo.tour.tour import STEPS
from demo.views import InstanceView, ScoreView, StepView
from tests.processes import environment_of_checkout, python, run, running
from tests.remains import space

# A step has 60 s, and a machine that others load may need them.
DEADLINE = 400.0

FIRST = InstanceView("first", 1, "", "ENDED", 0.0, epoch=1, ended="was ended by SIGKILL")
SECOND = InstanceView("second", 2, "", "ACTIVE", 0.0, epoch=2, lease_left=2.13, waiting=1204, frozen_for=6.4)
THIRD = InstanceView("third", 3, "", "PASSIVE", 0.0, no_postgres_for=9.8, no_bot_api_for=3.2)


def score(*, waiting: int = 0, lost: int = 0, twice: int = 0) -> ScoreView:
    """A score after 1,204 answers."""
    return ScoreView(1300, 1204, waiting, lost, twice, 3, None, 3.1, 18.0, 31.0, 240.0)


def report(*kept: bool, final: ScoreView) -> Report:
    """A show whose steps ended so."""
    outcomes = {
        f"step {number}": Outcome(each, "So it was.", (in_ms("led after", 0.21),)) for number, each in enumerate(kept)
    }
    return Report("all", outcomes, final)


def on_paper(*parts: object, width: int = 80) -> str:
    """What a terminal of this width would show, without colours."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(*parts, sep="\n")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_script_goes_through_steps_of_the_tour() -> None:
    """And one through all of them, in their order."""
    names = [step.name for step in STEPS]
    assert all(step in names for script in SCRIPTS.values() for step in script)
    assert list(SCRIPTS["all"]) == names


@pytest.mark.parametrize(
    ("shown", "kept", "words"),
    [
        (report(True, True, final=score()), True, "Nothing was lost, and nothing came twice"),
        (report(True, True, final=score(lost=1)), False, "1 lost, 0 twice, 0 not answered"),
        (report(True, True, final=score(twice=2)), False, "0 lost, 2 twice"),
        (report(True, True, final=score(waiting=3)), False, "3 not answered"),
        (report(True, False, final=score()), False, "1 of 2 steps did not end as promised"),
    ],
)
def test_a_verdict(shown: Report, kept: bool, words: str) -> None:
    """All is well if every step has ended as promised, and in the end nobody of the crowd is left out."""
    assert shown.kept is kept
    assert words in shown.verdict
    told = json.loads(shown.as_json())
    assert told["kept"] is kept
    assert told["steps"][0] == {
        "name": "step 0",
        "kept": True,
        "sentence": "So it was.",
        "figures": [{"label": "led after", "value": 210.0, "unit": "ms"}],
    }
    assert told["score"]["answered"] == 1204


def test_lines_are_plain() -> None:
    """One a thing that happens, in letters that every pipe takes; a step that only changed its state has none."""
    out = io.StringIO()
    lines = Lines(out)
    lines.progress("a Postgres")
    step = StepView("crash", "Crash", "", "ready")
    for state, doing, sentence in (("running", "", ""), ("running", "killing", ""), ("done", "", "It went well.")):
        lines.step(StepView("crash", "Crash", "", state, doing, sentence))
    lines.step(step)
    lines.step(StepView("crash", "Crash", "", "failed", "", "It went wrong."))
    lines.verdict(report(True, final=score()))
    assert out.getvalue().splitlines()[:-1] == [
        "... a Postgres",
        "crash: Crash",
        "crash: killing",
        "crash: kept: It went well.",
        "crash: NOT KEPT: It went wrong.",
    ]
    assert out.getvalue().splitlines()[-1].startswith("kept: Nothing was lost")
    assert out.getvalue().isascii()


def test_the_screen_says_in_words_what_it_says_in_colours() -> None:
    """The state of each instance and what is the matter with it, a step's end, the verdict; within 80 columns."""
    shown = on_paper(
        instances_table([FIRST, SECOND, THIRD]),
        step_ended(StepView("crash", "Crash", "", "failed", sentence="It went wrong, " * 10)),
        verdict(report(True, False, final=score(lost=2))),
    )
    assert max(map(len, shown.splitlines())) <= 80
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "first ENDED 1 was ended by SIGKILL" in rows
    assert "second ACTIVE 2 2.1 s 1,204 frozen, 6 s left" in rows
    assert "✗ Crash" in rows
    assert "step 1 NOT KEPT led after 210 ms" in rows
    assert any(row.startswith("lost 2 twice 0") for row in rows)
    assert condition(THIRD) == "cut from Postgres, 10 s left, cut from the Bot API, 3 s left"
    assert figure(count_of("pressed /start", 1204, "people")) == "pressed /start 1,204 people"


@pytest.mark.parametrize(
    ("encoding", "terminal", "term"),
    [("ascii", True, "xterm"), ("utf-8", False, "xterm"), ("utf-8", True, "dumb")],
)
def test_where_there_is_no_screen(encoding: str, terminal: bool, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal, or on one that has not got the signs or cannot go back: lines are printed."""
    monkeypatch.setenv("TERM", term)
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(out, "isatty", lambda: terminal, raising=False)
    assert not Screen.fits(out)


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE + 20)
async def test_the_whole_show() -> None:
    """All five steps keep all promises; JSON on stdout and plain lines on stderr; nothing is left behind."""
    with space() as place:
        command = python("-P", "-m", "svc", "demo", "--headless", "all", "--json")
        done = await run(*command, env=environment_of_checkout(**place.environment), deadline=DEADLINE)
        assert (place.processes(), place.files()) == ([], [])
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["kept"]
    assert [(step["name"], step["kept"]) for step in told["steps"]] == [(name, True) for name in SCRIPTS["all"]]
    figures = {step["name"]: {each["label"]: each["value"] for each in step["figures"]} for step in told["steps"]}
    assert figures["freeze"]["calls after waking"] == 0
    assert (figures["picture"]["created"], figures["picture"]["delivered"]) == (1, 1)
    assert told["score"]["found_out"] >= 1
    assert "\x1b" not in done.stderr
    assert "crash: kept: The message was on its way when the process died." in done.stderr


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE + 20)
async def test_a_show_in_which_something_comes_twice() -> None:
    """With the setting that sends again without a look, the crash gives Anna two menus: that is seen, and exit 1."""
    command = python("-P", "-m", "svc", "demo", "--headless", "crash", "--json")
    done = await run(*command, env=environment_of_checkout(IN_DOUBT="resend"), deadline=DEADLINE)
    assert done.returncode == 1, done.stderr + done.stdout
    (step,) = json.loads(done.stdout)["steps"]
    assert not step["kept"]
    assert "could not tell whether it had arrived: 2 menus." in step["sentence"]


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE + 20)
async def test_a_show_that_is_interrupted() -> None:
    """Exit 130, nothing on stdout, and no traceback."""
    command = python("-P", "-m", "svc", "demo", "--headless", "deploy")
    async with running(*command, env=environment_of_checkout()) as show:
        await show.says("deploy: Deploy under load")
        show.process.send_signal(signal.SIGINT)
        assert await show.exit_code() == 130
    assert "Traceback" not in show.printed
    assert "kept" not in show.printed.lower()

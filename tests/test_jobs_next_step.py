"""What is to be done about a job, as a table: a create that may have been done is never made again."""

from __future__ import annotations

import random
from typing import Any

import pytest

from providers.provider import Going, Made, NotMade, NotSent, RefusalKind, Refused, Task
from svc.callback_url import callback_url
from svc.handler.job import Job, JobState
from svc.jobs.next_step import (
    ASK_PAUSES,
    JOB_ERRORS,
    LAST_QUESTIONS,
    LONGEST_PUT_OFF,
    RESULT_PATIENCE,
    Ask,
    FetchResults,
    HandIn,
    Identify,
    LookLater,
    Verify,
    after_asking,
    after_no_result,
    after_not_creating,
    after_verifying,
    later_or_over,
    next_step,
)
from svc.storage.jobs import LOST_AFTER, DueJob, Failed, PutOff, Unknown

OURS = callback_url("https://bot.example", "kie", 7, "secret")


def due(state: JobState = "wanted", **changes: Any) -> DueJob:
    """A job of which nothing is unusual."""
    job = Job(7, 70, 700, "kie", "some-model", {"prompt": "a cat"}, {}, state, 0.0)
    plain = DueJob(job, "secret", 0, None, None, age=1.0, left=800.0, submitted_ago=1.0, polls=0)
    return plain._replace(**changes)


NEXT = [
    ("it is handed in", due(), HandIn()),
    ("its provider is not here", due("wanted", job=Job(7, 7, 7, "other", "m", {}, {}, "wanted", 0.0)), "not_set_up"),
    ("no time is left", due(left=0.0), "too_slow"),
    ("no time is left, and it was refused before", due(left=0.0, attempts=3), "busy"),
    ("its task is asked for", due("running", task_id="t"), Ask("t")),
    ("and once more at its deadline", due("running", task_id="t", left=-1.0), Ask("t")),
    ("a task that a callback has named is verified", due("submitting", hint="t"), Verify("t")),
    ("also at its deadline", due("submitting", hint="t", left=-1.0), Verify("t")),
    ("in doubt, it waits", due("submitting"), LookLater(1.0)),
    ("with growing pauses", due("submitting", polls=50), LookLater(30.0)),
    ("and is given up", due("submitting", submitted_ago=LOST_AFTER + 1), Unknown),
    ("at its deadline at the latest", due("submitting", left=0.0), Unknown),
]


@pytest.mark.parametrize(("job", "step"), [row[1:] for row in NEXT], ids=[row[0] for row in NEXT])
def test_what_to_do_about_a_job_that_is_due(job: DueJob, step: Any) -> None:
    """By its state, its deadline and what is known of its task."""
    found = next_step(job, {"kie"})
    if isinstance(step, str):
        assert isinstance(found, Failed)
        assert found.error == step
    else:
        assert found == step or (isinstance(step, type) and isinstance(found, step))


def test_only_a_wanted_job_is_ever_handed_in() -> None:
    """Whatever else is known: one that may have been created is not created again."""
    for hint in (None, "t"):
        for left in (-1000.0, 0.0, 800.0):
            for submitted_ago in (0.0, LOST_AFTER, 10 * LOST_AFTER):
                for providers in ((), ("kie",)):
                    job = due("submitting", hint=hint, left=left, submitted_ago=submitted_ago)
                    assert not isinstance(next_step(job, providers), HandIn)
                    job = due("running", task_id="t", left=left)
                    assert not isinstance(next_step(job, providers), HandIn)


ANSWERS = [
    ("not known yet", None, 800.0, LookLater(2.0)),
    ("going", Task("t", Going(0.4)), 800.0, LookLater(2.0, 0.4)),
    ("going at its deadline", Task("t", Going()), 0.0, Failed("too_slow")),
    ("not known at its deadline", None, 0.0, Failed("too_slow")),
    ("made", Task("t", Made(("https://x/1.png",))), 800.0, FetchResults(("https://x/1.png",))),
    ("made at its deadline", Task("t", Made(("https://x/1.png",))), -5.0, FetchResults(("https://x/1.png",))),
    ("made, and nowhere", Task("t", Made(())), 800.0, Failed("no_result")),
    ("failed", Task("t", NotMade("failed", "no faces")), 800.0, Failed("failed", "no faces")),
]


@pytest.mark.parametrize(("task", "left", "after"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_follows_from_the_providers_answer(task: Task | None, left: float, after: Any) -> None:
    """What is over is over, also past the deadline: only what is still going fails for its time."""
    assert after_asking(due("running", task_id="t", left=left), task) == after


def test_no_answer_is_no_end() -> None:
    """A query that fails says nothing of the task: it is asked again, past the deadline too for a time."""
    assert later_or_over(due("running", task_id="t")) == LookLater(2.0)
    assert later_or_over(due("running", task_id="t", left=-1.0)) == LookLater(2.0)
    assert later_or_over(due("running", task_id="t", left=-LAST_QUESTIONS)) == Failed("too_slow")


def test_pauses_between_questions_grow() -> None:
    """From two seconds to a quarter of a minute."""
    pauses = [later_or_over(due("running", task_id="t", polls=polls)) for polls in range(20)]
    seconds = [pause.delay for pause in pauses if isinstance(pause, LookLater)]
    assert seconds == sorted(seconds)
    assert (seconds[0], seconds[-1]) == (ASK_PAUSES[0], 15.0)


@pytest.mark.parametrize(
    ("task", "is_ours"),
    [
        (Task("t", Going(), OURS), True),
        (Task("t", Made(("u",)), OURS), True),
        (Task("t", Going(), callback_url("https://bot.example", "kie", 8, "secret")), False),
        (Task("t", Going(), callback_url("https://bot.example", "kie", 7, "another")), False),
        (Task("t", Going()), False),
        (None, False),
    ],
    ids=["ours", "ours and over", "another job's", "another secret", "nobody's", "not known"],
)
def test_a_callback_is_believed_no_further_than_the_providers_record(task: Task | None, is_ours: bool) -> None:
    """The task that it names is the job's only if that task's create has named this very job."""
    after = after_verifying(due("submitting", hint="t"), task)
    assert after == (Identify("t") if is_ours else LookLater(1.0))


def test_a_forged_hint_holds_nothing_up_for_ever() -> None:
    """It is asked for a little longer than without one, and then the job is unknown."""
    forged = due("submitting", hint="t", submitted_ago=LOST_AFTER + 1)
    assert isinstance(after_verifying(forged, None), LookLater)
    over = forged._replace(submitted_ago=LOST_AFTER + LAST_QUESTIONS + 1)
    assert isinstance(after_verifying(over, None), Unknown)


@pytest.mark.parametrize("kind", [kind for kind in JOB_ERRORS if kind not in ("busy", "maintenance")])
def test_a_refusal_for_good_ends_the_job(kind: RefusalKind) -> None:
    """In the provider's words."""
    after = after_not_creating(due(), Refused(kind, "its words"), random.Random(0))
    assert after == Failed(JOB_ERRORS[kind], "its words")


def test_what_passes_is_put_off_until_the_deadline() -> None:
    """Busy with growing pauses or for as long as it says, maintenance for half a minute, no connection like busy."""
    rng = random.Random(0)
    pauses = [after_not_creating(due(attempts=tries), Refused("busy", "full"), rng) for tries in range(12)]
    assert all(isinstance(each, PutOff) and 1.5 <= each.delay <= LONGEST_PUT_OFF for each in pauses)
    assert isinstance(pauses[-1], PutOff)
    assert pauses[-1].delay > 20
    assert after_not_creating(due(), Refused("busy", "full", 7.0), rng) == PutOff(7.0, "busy: full")
    assert after_not_creating(due(), Refused("maintenance", "closed"), rng) == PutOff(30.0, "maintenance: closed")
    assert isinstance(after_not_creating(due(), NotSent("no connection"), rng), PutOff)
    assert after_not_creating(due(left=6.0), Refused("busy", "full", 7.0), rng) == Failed("busy", "full")
    assert after_not_creating(due(left=6.0), Refused("maintenance", "closed"), rng) == Failed("maintenance", "closed")
    assert after_not_creating(due(left=0.1), NotSent("no connection"), rng) == Failed("busy", "no connection")


def test_a_result_that_cannot_be_had_is_tried_for_two_minutes() -> None:
    """Or until a minute past the deadline, where that is sooner: one bad answer loses nothing that was made in time."""
    assert isinstance(after_no_result(due("running"), 0.0), LookLater)
    assert after_no_result(due("running"), RESULT_PATIENCE) == Failed("no_result")
    assert isinstance(after_no_result(due("running", left=-5.0), 0.0), LookLater)
    assert after_no_result(due("running", left=-LAST_QUESTIONS), 0.0) == Failed("no_result")

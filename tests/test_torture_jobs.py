"""What the scene `jobs` decides by: who was told what, and the verdict, which finds whatever it is for."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.torture.job_bot import bot
from fleet.torture.jobs import Asked, JobsVerdict, Made, Told, answers, judge_jobs, told
from sandbox.call_log import RecordedCall
from svc.handler.job import Job, ResultFile
from svc.handler.known import Known
from telegram_client.updates import read_update

ASKED = Asked(7, 100, 7)
PICTURE = Told(7, "picture", 12.0, "picture 7")
UNKNOWN = Told(7, "unknown", 12.0, "unknown 7: lost")
TASK = Made(100, 10.0, frozenset())


def judged(
    news: list[Told], tasks: list[Made], *, doubts: dict[int, int] | None = None, excuses: dict[int, str] | None = None
) -> JobsVerdict:
    return judge_jobs([ASKED], news, tasks, {100: 1.0}, doubts or {}, excuses or {})


def test_one_picture_of_one_task_is_as_promised() -> None:
    """And the wait counts from the success."""
    verdict = judged([PICTURE], [TASK])
    assert verdict.breaches(strict=True) == []
    assert (verdict.asked, verdict.delivered, verdict.waits) == (1, 1, [2.0])


@pytest.mark.parametrize(
    ("news", "tasks", "breach"),
    [
        ([], [], "jobs ended and nobody was told"),
        ([PICTURE, PICTURE], [TASK], "jobs were told of twice, and no doubt was recorded"),
        ([PICTURE], [TASK, TASK], "jobs were created twice"),
        ([UNKNOWN], [], "jobs are unknown though no create's answer was lost"),
        ([Told(7, "failed", 12.0, "failed 7: busy")], [TASK], "jobs were made, could be had, and were not delivered"),
    ],
)
def test_each_breach_is_found(news: list[Told], tasks: list[Made], breach: str) -> None:
    """And nothing besides it."""
    assert judged(news, tasks).breaches() == [f"1 {breach}"]


def test_what_excuses_what() -> None:
    """A cut create excuses an unknown job, a task without a result a failed one, a doubt a second message."""
    assert judged([UNKNOWN], [TASK], excuses={100: "its answer was cut off"}).breaches() == []
    assert judged([Told(7, "failed", 12.0, "")], [Made(100, 10.0, frozenset({"no_urls"}))]).breaches() == []
    doubted = judged([PICTURE, PICTURE], [TASK], doubts={-100: 1})
    assert doubted.breaches() == []
    assert doubted.breaches(strict=True) == ["1 jobs were not told of once, and a doubt was recorded"]


def test_what_the_bot_sends_is_told_apart() -> None:
    """Answers belong to what was written, the rest to a job."""
    sender = '{"id":7,"is_bot":false,"first_name":"Ann"}'
    message = f'{{"message_id":1,"date":1,"from":{sender},"chat":{{"id":7,"type":"private"}},"text":"draw 7"}}'
    reply = bot.decide(read_update(f'{{"update_id":100,"message":{message}}}'.encode()), Known())
    assert reply.job is not None
    made: dict[str, Any] = {"results": (ResultFile("http://results.example/1.png", "photo", "1.png"),)}
    job = Job(100, 7, 7, "kie", "torture", {}, reply.job.context, "ready", 1.0, **made)
    finished = bot.finished(job, Known())
    calls = [reply.calls[-1], finished.calls[-1], finished.instead[-1][-1]]
    log = [RecordedCall(5.0, 1, call.method, call.params, 200, 5.0) for call in calls]
    assert [(each.chat_id, each.answer) for each in answers(log)] == [(7, "asked 7")]
    assert [(each.number, each.how) for each in told(log)] == [(7, "picture"), (7, "link")]

"""`svc jobs`, over a real Postgres and without a running instance."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from svc.operations.jobs_command import end_job, print_job, print_jobs
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.inbox import CallMade, Done, SentFile, Term
from svc.storage.jobs import Failed
from tests.inbox_contract.under_test import new_term
from tests.jobs_contract.under_test import (
    JobsUnderTest,
    PostgresJobsUnderTest,
    asked,
    at_the_provider,
    begun,
    event_rows,
    handed_in,
    postgres_jobs,
    ready,
    the_job,
)
from tests.operators import ANNA, settings_on


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


@pytest.fixture
async def under_test(database: Database, settings: Settings) -> AsyncIterator[PostgresJobsUnderTest]:
    """Jobs of the bot that the settings name."""
    async with postgres_jobs(database, settings.bot_id) as under_test:
        yield under_test


@pytest.fixture
async def term(under_test: JobsUnderTest) -> Term:
    return await new_term(under_test.tested.inbox)


async def listed(settings: Settings, capsys: pytest.CaptureFixture[str], **how: Any) -> list[dict[str, Any]]:
    """What `svc jobs list --json` prints."""
    assert await print_jobs(settings, **{"state": None, "limit": 50, **how}, as_json=True)
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


async def test_jobs_are_listed(
    under_test: JobsUnderTest, term: Term, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, the latest first; those in one state; a line each, with what is known of why it failed."""
    await asked(under_test, term, 1)
    await handed_in(under_test, term, 2)
    await at_the_provider(under_test, term, 3)
    await under_test.jobs.end_job(term, 1, Failed("credits", "no credits\nleft"))
    assert [(row["job_id"], row["state"]) for row in await listed(settings, capsys)] == [
        (3, "running"),
        (2, "submitting"),
        (1, "failed"),
    ]
    assert [row["job_id"] for row in await listed(settings, capsys, state="running")] == [3]
    assert len(await listed(settings, capsys, limit=2)) == 2
    assert await print_jobs(settings, state=None, limit=50, as_json=False)
    running, _, failed = capsys.readouterr().out.splitlines()
    assert running.startswith("3 running kling chat=7 asked=")
    assert running.endswith("task=task 3")
    assert failed.endswith("credits: no credits left")
    assert await print_jobs(settings, state="unknown", limit=50, as_json=False)
    assert capsys.readouterr().out == "no job is unknown\n"


async def test_a_jobs_whole_life(
    under_test: JobsUnderTest, term: Term, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the wish to the message that delivered it."""
    inbox = under_test.tested.inbox
    sent = [CallMade("sendPhoto", "ok", 5.0, 99, SentFile("photo", "AgAD"))]
    await inbox.settle(await begun(inbox, await ready(under_test, term), term), Done(), sent)
    assert await print_job(settings, job_id=1, as_json=True)
    job = json.loads(capsys.readouterr().out)
    assert (job["state"], job["sent_id"], job["file_id"]) == ("delivered", 99, "AgAD")
    assert [entry["event"] for entry in job["history"]] == ["asked", "handed_in", "running", "ready", "delivered"]
    assert "secret" not in job
    assert await print_job(settings, job_id=1, as_json=False)
    text = capsys.readouterr().out
    for line in (
        "job 1: delivered",
        "  kling of kie for user 7 in chat 7",
        '  input: {"prompt": "a cat"}',
        "  task task 1",
    ):
        assert line in text.splitlines()
    assert "  delivered as message 99" in text
    assert "  result: photo cat.png https://host/cat.png" in text
    assert not await print_job(settings, job_id=77, as_json=False)
    assert capsys.readouterr().out == "nothing is known of job 77\n"


async def test_a_job_is_ended_by_hand(
    under_test: JobsUnderTest, term: Term, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is not made yet, once; its person is told as of any end."""
    await at_the_provider(under_test, term, 1)
    assert await end_job(settings, ANNA, job_id=1, as_json=False)
    assert capsys.readouterr().out == "job 1 is cancelled\n"
    assert (await the_job(under_test)).state == "cancelled"
    assert [row.update_id for row in await event_rows(under_test.tested.inbox)] == [-1]
    for job_id in (1, 77):
        assert not await end_job(settings, ANNA, job_id=job_id, as_json=True)
        assert json.loads(capsys.readouterr().out) == {"job_id": job_id, "cancelled": False}

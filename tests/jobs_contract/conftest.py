"""Each test of the contract runs once in memory and once in Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from svc.storage import looks
from svc.storage import postgres_jobs as postgres_jobs_module
from svc.storage.inbox import Inbox
from svc.storage.inbox_sql import PLANNER
from svc.storage.jobs import Jobs
from tests.conftest import open_database
from tests.inbox_contract.conftest import slow_motion as slow_motion
from tests.inbox_contract.under_test import MemoryInboxUnderTest
from tests.jobs_contract.under_test import JobsUnderTest, MemoryJobsUnderTest, postgres_jobs
from tests.memory import jobs as memory_jobs


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def jobs_url(request: pytest.FixtureRequest) -> str | None:
    url: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return url


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is due as soon as its send is in doubt."""
    for name in ("LOOK_GAP", "OWNER_SILENT", "OWNER_PATIENCE"):
        monkeypatch.setattr(looks, name, 0.0)


@pytest.fixture
def long_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is claimed or created is due again only when a test lets time pass."""
    for module in (postgres_jobs_module, memory_jobs):
        monkeypatch.setattr(module, "CLAIMED_FOR", 1000.0)
        monkeypatch.setattr(module, "FIRST_LOOK_AFTER", 1000.0)


@pytest.fixture
async def under_test(jobs_url: str | None) -> AsyncIterator[JobsUnderTest]:
    if jobs_url is None:
        yield MemoryJobsUnderTest(MemoryInboxUnderTest())
    else:
        async with open_database(jobs_url, settings=PLANNER) as database, postgres_jobs(database) as under_test:
            yield under_test


@pytest.fixture
def jobs(under_test: JobsUnderTest) -> Jobs:
    return under_test.jobs


@pytest.fixture
def inbox(under_test: JobsUnderTest) -> Inbox:
    return under_test.tested.inbox

"""Each test of the contract runs once with the inbox in memory and once with the one in Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from svc.storage import looks
from svc.storage.inbox import Inbox
from svc.storage.inbox_sql import PLANNER
from svc.storage.reading_sql import WINDOW
from tests.conftest import open_database
from tests.inbox_contract.under_test import InboxUnderTest, MemoryInboxUnderTest, postgres_inbox


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def inbox_url(request: pytest.FixtureRequest) -> str | None:
    url: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return url


@pytest.fixture
def window() -> int:
    """How many rows a window of the inbox has. Modules about windows have a smaller one."""
    return WINDOW


@pytest.fixture
def slow_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks take a thousand times as long, so that only time that a test lets pass makes one due."""
    for name in ("LOOK_GAP", "CLEARED_FOR", "LONGEST_GAP", "LONGEST_CROWDED_GAP", "OWNER_SILENT", "OWNER_PATIENCE"):
        monkeypatch.setattr(looks, name, 1000 * getattr(looks, name))


@pytest.fixture
async def tested(inbox_url: str | None, window: int) -> AsyncIterator[InboxUnderTest]:
    if inbox_url is None:
        yield MemoryInboxUnderTest(window=window)
    else:
        async with (
            open_database(inbox_url, settings=PLANNER) as database,
            postgres_inbox(database, window=window) as tested,
        ):
            yield tested


@pytest.fixture
def inbox(tested: InboxUnderTest) -> Inbox:
    return tested.inbox

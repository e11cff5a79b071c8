"""Whether all messages of ours are among the ids that are known, where not everything is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from svc.actions.dead_letters import REPLAY
from svc.storage import postgres_doubts
from svc.storage.database import Database
from svc.storage.inbox import CallMade, Dead
from svc.storage.looks import DueLook, KnownIds
from tests.inbox_contract.looking import WATERMARK, sending
from tests.inbox_contract.under_test import PostgresInboxUnderTest, an_update, new_term, postgres_inbox
from tests.operators import ANNA

ROWS = 10
SUPERGROUP = -1_000_000_000_005
# So many rows of another chat, the latest processed a second ago, each a second after the one before.
OTHERS = """
INSERT INTO processed_updates (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, chat_id,
                               received_by, processed_at, sent_id)
SELECT $1, -n, 'one', 'message', now(), 'done', 8, 'one', now() - make_interval(secs => n), $3 - n
FROM generate_series(1, $2::int) n
"""


@pytest.fixture
async def real(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresInboxUnderTest]:
    monkeypatch.setattr(postgres_doubts, "MOST_ROWS", ROWS)
    async with postgres_inbox(database) as tested:
        yield tested


async def known(tested: PostgresInboxUnderTest, chat_id: int = 7) -> KnownIds:
    return await tested.inbox.known_ids(DueLook(5, chat_id, 0, WATERMARK, 1, 0, 0.0))


async def others(tested: PostgresInboxUnderTest, rows: int, latest_id: int) -> None:
    await tested.database.fetch(OTHERS, tested.bot_id, rows, latest_id)


async def test_everything_was_read(real: PostgresInboxUnderTest) -> None:
    """There is no more than what was read."""
    await others(real, ROWS - 1, latest_id=200)
    assert (await known(real)).complete


async def test_something_may_be_older_than_what_was_read(real: PostgresInboxUnderTest) -> None:
    """All that was read was sent above the watermark: one of ours in this chat may have been sent before."""
    await real.inbox.store(an_update(5, message_id=None))
    await others(real, 2 * ROWS, latest_id=200)
    found = await known(real)
    assert (len(found.ids), found.complete) == (ROWS, False)


@pytest.mark.parametrize(("seconds", "complete"), [(0, False), (30, True)])
async def test_what_was_sent_below_the_watermark_was_reached(
    real: PostgresInboxUnderTest, seconds: int, complete: bool
) -> None:
    """All that was sent before that is lower still; but not by much where both were on their way at the same time."""
    await others(real, 2 * ROWS, latest_id=WATERMARK + 4)
    await real.database.fetch(
        "UPDATE processed_updates SET processed_at = processed_at - make_interval(secs => $1) WHERE sent_id < $2",
        float(seconds),
        WATERMARK - 3,
    )
    found = await known(real)
    assert (found.ids, found.complete) == (frozenset({101, 102, 103}), complete)
    # Of another sequence it says nothing.
    assert not (await known(real, SUPERGROUP)).complete


@pytest.mark.parametrize(("ago", "message_id", "complete"), [(0, 99, True), (60, 99, False), (0, 101, False)])
async def test_the_update_came_after_what_was_read(
    real: PostgresInboxUnderTest, ago: float, message_id: int, complete: bool
) -> None:
    """What was sent before its own message, which is not above the watermark, is not either."""
    await real.inbox.store(an_update(5, SUPERGROUP, message_id=message_id))
    await real.database.fetch("UPDATE inbox SET received_at = received_at - make_interval(secs => $1)", ago)
    await others(real, 2 * ROWS, latest_id=200)
    # Twice as far apart, so that the oldest that is read is old enough.
    await real.database.fetch("UPDATE processed_updates SET processed_at = now() + 2 * (processed_at - now())")
    assert (await known(real, SUPERGROUP)).complete is complete


async def test_what_was_sent_before_a_replay(database: Database, real: PostgresInboxUnderTest) -> None:
    """The apology of an update that is replayed is known, although the record of its end is gone."""
    inbox = real.inbox
    await inbox.store(an_update(5, message_id=99))
    term = await new_term(inbox)
    await inbox.settle(await sending(inbox, 5, term), Dead("no hope"), [CallMade("sendMessage", "ok", 8, 105)])
    assert await REPLAY.by_ids(database, real.bot_id, ANNA, [5]) == {5: True}
    assert (await real.looking(5))[:] == (None, 0, 0, 0)
    await sending(inbox, 5, term, token=2)
    assert (await known(real)).ids == {105}

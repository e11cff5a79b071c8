"""Replay: dead updates go back into the inbox, in batches of which each is one statement. Stopped at any point, every
update is either dead or in the inbox, and the next try goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from svc.storage.database import Database, column
from svc.storage.history import with_entry
from svc.storage.keys import NEW_WORK_CHANNEL

BATCH = 1000
# Payloads are moved: a statement with more of them would not be done by its deadline.
BATCH_BYTES = 8 * 1024 * 1024

_REPLAY = "jsonb_build_object('at', now(), 'event', 'replay')"
_STORY = with_entry("history", _REPLAY)
_JOB_STORY = with_entry("j.history", _REPLAY)

# Back to the inbox as if it had just come: no attempts, and its age counts from here. Its doubts and its history stay.
# The row that keeps a redelivery out goes in the same statement. Should the update wait in the inbox already, it stays
# there as it is. A job that was not delivered because the row that tells of it died (JOB_ENDED) is on its way again.
_PUT_BACK = """
dead AS (
    DELETE FROM dead_updates d USING looked_at l
    WHERE l.chosen AND d.bot_id = l.bot_id AND d.update_id = l.update_id
    RETURNING d.*
), forgotten AS (
    DELETE FROM processed_updates p USING dead WHERE p.bot_id = dead.bot_id AND p.update_id = dead.update_id
), replayed AS (
    INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts, aged_from,
                       history)
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts, now(),
           STORY
    FROM dead
    ON CONFLICT DO NOTHING
), ready_again AS (
    UPDATE jobs j SET state = 'ready', error = NULL, ended_at = NULL, history = JOB_STORY
    FROM (SELECT bot_id, CASE update_type WHEN 'job' THEN -update_id END AS job_id FROM dead) AS r
    WHERE j.bot_id = r.bot_id AND j.job_id = r.job_id AND j.state = 'failed' AND j.error = 'not_delivered'
)
""".replace("JOB_STORY", _JOB_STORY).replace("STORY", _STORY)
_ONLY_FIND = "dead AS (SELECT update_id FROM looked_at WHERE chosen)"

# The next rows behind the id $2: at most $3 of them and $4 bytes of payload, but one at least.
_LOOK = """
WITH looked_at AS MATERIALIZED (
    SELECT bot_id, update_id, reason,
           ($5::text IS NULL OR position(lower($5) IN lower(reason)) > 0)
               AND ($6::float8 IS NULL OR received_at < now() - make_interval(secs => $6))
               AND ($7::float8 IS NULL OR received_at > now() - make_interval(secs => $7)) AS chosen
    FROM (SELECT d.*, sum(octet_length(payload)) OVER (ORDER BY update_id) - octet_length(payload) AS bytes_before
          FROM (SELECT * FROM dead_updates
                WHERE bot_id = $1 AND update_id > $2 ORDER BY update_id LIMIT $3) AS d) AS d
    WHERE bytes_before < $4
), """
_TALLY = """
SELECT l.reason, d.update_id IS NOT NULL AS chosen, count(*) AS updates, max(l.update_id) AS last
FROM looked_at l LEFT JOIN dead d ON d.update_id = l.update_id
GROUP BY l.reason, d.update_id IS NOT NULL
"""
FIND = _LOOK + _ONLY_FIND + _TALLY
REPLAY = _LOOK + _PUT_BACK + _TALLY

_LOOK_UP = """
WITH looked_at AS MATERIALIZED (
    SELECT bot_id, update_id, true AS chosen FROM dead_updates
    WHERE bot_id = $1 AND update_id = ANY ($2::bigint[]) ORDER BY update_id
), """
_FOUND = " SELECT update_id FROM dead"
FIND_IDS = _LOOK_UP + _ONLY_FIND + _FOUND
REPLAY_IDS = _LOOK_UP + _PUT_BACK + _FOUND


@dataclass(frozen=True, slots=True)
class Selection:
    """Dead updates that fit everything given here; None: whatever it is.

    `reason` is contained in their reason, upper and lower case being the same. The ages, in seconds, count from when an
    update was first received.
    """

    reason: str | None = None
    older_than: float | None = None
    younger_than: float | None = None


@dataclass(slots=True)
class Tally:
    """How many dead updates were looked at, and how many of them were chosen, by their reason."""

    looked_at: int = 0
    chosen: Counter[str] = field(default_factory=Counter)


async def replay_selected(
    database: Database, bot_id: int, selection: Selection, *, dry_run: bool, tally: Tally, tell: Callable[[], None]
) -> None:
    """Replay what `selection` fits (`dry_run`: only count it) and tell whoever leads. `tell` is called every batch.

    `tally` counts as it goes, so that it is known also after a DatabaseUnavailable.
    """
    after = -(2**63)
    limits = (BATCH, BATCH_BYTES)
    which = (selection.reason, selection.older_than, selection.younger_than)
    while rows := await database.fetch(FIND if dry_run else REPLAY, bot_id, after, *limits, *which):
        for row in rows:
            tally.looked_at += row["updates"]
            if row["chosen"]:
                tally.chosen[row["reason"]] += row["updates"]
        after = max(column(rows, "last"))
        tell()
    if tally.chosen and not dry_run:
        await _tell_the_leader(database, bot_id)


async def replay_ids(
    database: Database, bot_id: int, update_ids: Sequence[int], *, dry_run: bool = False
) -> dict[int, bool]:
    """Replay these (`dry_run`: only look) and tell whoever leads; False for those that are not dead."""
    found: set[int] = set()
    for first in range(0, len(update_ids), BATCH):
        batch = list(update_ids[first : first + BATCH])
        found |= set(column(await database.fetch(FIND_IDS if dry_run else REPLAY_IDS, bot_id, batch), "update_id"))
    if found and not dry_run:
        await _tell_the_leader(database, bot_id)
    return {update_id: update_id in found for update_id in update_ids}


async def _tell_the_leader(database: Database, bot_id: int) -> None:
    # Once, and without ids: that there is something new, and not what.
    await database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(bot_id))

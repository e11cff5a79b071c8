"""The updates of the last hours, from the table kept_payloads, where they are for as long as KEEP_PAYLOADS says."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from svc.storage.database import Database

# A payload has 1 MiB at most, and most have a thousandth of that.
BATCH = 50

# In the order in which they were decided. What is decided meanwhile is left out, so that there is an end.
_BATCH = """
SELECT update_id, payload, state, decided_at, extract(epoch FROM decided_at)::float8 AS now,
       greatest(0, extract(epoch FROM decided_at - received_at))::float8 AS age
FROM kept_payloads
WHERE bot_id = $1 AND decided_at <= $2 AND (decided_at, update_id) > ($3, $4)
ORDER BY decided_at, update_id LIMIT $5
"""
_WHEN = "SELECT now() AS until, now() - make_interval(secs => $1) AS since"
BEFORE_ALL = -(2**63)


class KeptUpdate(NamedTuple):
    """An update as it was decided: what came, the chat's state as JSON (None: it had none), when that was as Unix time,
    and how many seconds after it had arrived.
    """

    update_id: int
    payload: bytes
    state: str | None
    now: float
    age: float


class KeptUpdates:
    """What was decided in the last `since` seconds, the oldest first, in batches."""

    def __init__(self, database: Database, bot_id: int, since: float) -> None:
        self._database = database
        self._bot_id = bot_id
        self._since = since
        self._until: datetime | None = None
        self._after: tuple[datetime | None, int] = (None, BEFORE_ALL)

    async def next_batch(self) -> list[KeptUpdate]:
        """The next of them; empty at the end. Raises DatabaseUnavailable."""
        if self._until is None:
            ((self._until, after),) = await self._database.fetch(_WHEN, self._since)
            self._after = (after, BEFORE_ALL)
        rows = await self._database.fetch(_BATCH, self._bot_id, self._until, *self._after, BATCH)
        if rows:
            self._after = (rows[-1]["decided_at"], rows[-1]["update_id"])
        return [KeptUpdate(row["update_id"], row["payload"], row["state"], row["now"], row["age"]) for row in rows]

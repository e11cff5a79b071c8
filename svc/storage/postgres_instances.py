"""`Instances` in Postgres: the table `instances`."""

from __future__ import annotations

import math
from uuid import uuid4

from svc.storage.database import Database
from svc.storage.instances import EPOCHS_KEPT, HEARD_WITHIN, Heartbeat, Peer
from svc.storage.storable import storable

# A heartbeat has to survive the process and not the server, so its commit waits for no disk and no standby. The left
# join gives one row at least, in which that setting is made.
BEAT = """
WITH mine AS (
    INSERT INTO instances AS i
        (bot_id, process_id, instance_id, state, state_at, epochs, reaches, reach_error, reach_at)
    VALUES ($1, $2, $3, $4, now() - make_interval(secs => $5), $6, $7, $8, now() - make_interval(secs => $9))
    ON CONFLICT (bot_id, process_id) DO UPDATE
    SET state = excluded.state, state_at = excluded.state_at, epochs = excluded.epochs, seen_at = now(),
        reaches = excluded.reaches, reach_error = excluded.reach_error, reach_at = excluded.reach_at
    RETURNING 1
)
SELECT o.instance_id, o.state, o.reaches, extract(epoch FROM now() - o.seen_at)::float8 AS seen_for,
       extract(epoch FROM now() - o.reach_at)::float8 AS reach_for, set_config('synchronous_commit', 'off', true)
FROM mine LEFT JOIN instances o
  ON o.bot_id = $1 AND o.process_id <> $2 AND o.seen_at > now() - make_interval(secs => $10)
"""

LEAVE = "DELETE FROM instances WHERE bot_id = $1 AND process_id = $2"
FORGET = "DELETE FROM instances WHERE bot_id = $1 AND seen_at < now() - make_interval(secs => $2)"
WORK_WAITS = "SELECT EXISTS (SELECT FROM inbox WHERE bot_id = $1) AS waits"


class PostgresInstances:
    """`Instances` on a Database, for one process; `instance` is its label."""

    def __init__(self, database: Database, bot_id: int, instance: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._process_id = uuid4()
        self._instance = instance

    async def beat(self, heartbeat: Heartbeat) -> list[Peer]:
        rows = await self._database.fetch(
            BEAT,
            self._bot_id,
            self._process_id,
            self._instance,
            heartbeat.state,
            heartbeat.state_for,
            heartbeat.epochs[-EPOCHS_KEPT:],
            heartbeat.reaches,
            None if heartbeat.reach_error is None else storable(heartbeat.reach_error),
            heartbeat.reach_for,
            HEARD_WITHIN,
        )
        return [
            Peer(
                row["instance_id"],
                row["state"],
                row["reaches"],
                row["seen_for"],
                math.inf if row["reach_for"] is None else row["reach_for"],
            )
            for row in rows
            if row["instance_id"] is not None
        ]

    async def leave(self) -> None:
        await self._database.fetch(LEAVE, self._bot_id, self._process_id)

    async def forget(self, age: float) -> None:
        await self._database.fetch(FORGET, self._bot_id, age)

    async def work_waits(self) -> bool:
        ((waits,),) = await self._database.fetch(WORK_WAITS, self._bot_id)
        return bool(waits)

"""The statements about the instances of one bot. `postgres_instances` runs them; $1 is the bot's id."""

from __future__ import annotations

from svc.storage.orders import PAUSES

# A heartbeat has to survive the process and not the server, so its commit waits for no disk and no standby. The left
# join gives one row at least, in which that setting is made. An order to give up a term that has ended is not told.
BEAT = f"""
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
       extract(epoch FROM now() - o.reach_at)::float8 AS reach_for, {PAUSES} AS pauses, l.step_down_epoch,
       l.step_down_by, set_config('synchronous_commit', 'off', true)
FROM mine LEFT JOIN leadership l ON l.bot_id = $1 AND l.step_down_epoch = l.epoch
LEFT JOIN instances o
  ON o.bot_id = $1 AND o.process_id <> $2 AND o.seen_at > now() - make_interval(secs => $10)
"""

LEAVE = "DELETE FROM instances WHERE bot_id = $1 AND process_id = $2"
FORGET = "DELETE FROM instances WHERE bot_id = $1 AND seen_at < now() - make_interval(secs => $2)"
WORK_WAITS = "SELECT EXISTS (SELECT FROM inbox WHERE bot_id = $1) AS waits"

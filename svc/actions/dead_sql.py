"""The statements that find dead updates, replay them and discard them. $1 is the bot's id.

Each comes in two shapes: by ids ($2), and for those that fit a selection, a batch at a time ($2 to $7).
"""

from __future__ import annotations

from svc.storage.history import with_entry

_REPLAY = "jsonb_build_object('at', now(), 'event', 'replay')"
_DISCARD = "jsonb_build_object('at', now(), 'event', 'discarded')"

# The chosen ones leave the table.
_TAKEN_OUT = """
dead AS (
    DELETE FROM dead_updates d USING looked_at l
    WHERE l.chosen AND d.bot_id = l.bot_id AND d.update_id = l.update_id
    RETURNING d.*
)"""

# Back to the inbox as if it had just come: no attempts, and its age counts from here. Its doubts and its history stay.
# The row that keeps a redelivery out goes in the same statement. Should the update wait in the inbox already, it stays
# there as it is. A job that was not delivered because the row that tells of it died (JOB_ENDED) is on its way again.
_PUT_BACK = f"""{_TAKEN_OUT}, forgotten AS (
    DELETE FROM processed_updates p USING dead WHERE p.bot_id = dead.bot_id AND p.update_id = dead.update_id
), replayed AS (
    INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts, aged_from,
                       history)
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts, now(),
           {with_entry("history", _REPLAY)}
    FROM dead
    ON CONFLICT DO NOTHING
), ready_again AS (
    UPDATE jobs j SET state = 'ready', error = NULL, ended_at = NULL, history = {with_entry("j.history", _REPLAY)}
    FROM (SELECT bot_id, CASE update_type WHEN 'job' THEN -update_id END AS job_id FROM dead) AS r
    WHERE j.bot_id = r.bot_id AND j.job_id = r.job_id AND j.state = 'failed' AND j.error = 'not_delivered'
)
"""

# That it was processed stays known, and with it that a redelivery is a duplicate. A job whose end died stays failed.
_GIVEN_UP = f"""{_TAKEN_OUT}, remembered AS (
    UPDATE processed_updates p SET outcome = 'discarded', history = {with_entry("p.history", _DISCARD)}
    FROM dead WHERE p.bot_id = dead.bot_id AND p.update_id = dead.update_id
)
"""
_ONLY_FOUND = "dead AS (SELECT update_id FROM looked_at WHERE chosen)"

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
FIND = _LOOK + _ONLY_FOUND + _TALLY
REPLAY = _LOOK + _PUT_BACK + _TALLY
DISCARD = _LOOK + _GIVEN_UP + _TALLY

_LOOK_UP = """
WITH looked_at AS MATERIALIZED (
    SELECT bot_id, update_id, true AS chosen FROM dead_updates
    WHERE bot_id = $1 AND update_id = ANY ($2::bigint[]) ORDER BY update_id
), """
_FOUND = " SELECT update_id FROM dead"
FIND_IDS = _LOOK_UP + _ONLY_FOUND + _FOUND
REPLAY_IDS = _LOOK_UP + _PUT_BACK + _FOUND
DISCARD_IDS = _LOOK_UP + _GIVEN_UP + _FOUND

"""The statements of the inbox, with their reasons. `postgres_inbox` runs them; each is safe to repeat.

$1 is the bot's id in every statement. Where a list of rows goes in, it comes as one array a column.

A group's rows are joined to the inbox by its whole primary key, and OFFSET 0 hides from the planner that the bot is the
same in all of them. Otherwise, where it has no statistics (a new database, a restored one), it takes one bot for a few
rows and reads all that the inbox holds for each row of the group (measured at 2,000 rows: begin of 16 took 25 ms, with
it 1.1).
"""

# The settings of every session that is for the inbox. Its tables are empty one minute and hold a million rows the next.
# A plan that is cached, or made from what the last ANALYZE saw, then scans all of them for every group (measured: begin
# 10 ms at 30,000 rows, backfill 620 ms at 300,000). Every statement below has its index: planned afresh and left no
# other choice, both stay flat (0.7 and 3 ms).
PLANNER = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
}

# An update that has been processed is left out although its row is gone from the inbox: Telegram may deliver it again.
STORE = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
SELECT $1, u.update_id, u.chat_id, u.update_type, u.payload, $6
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS u (update_id, chat_id, update_type, payload)
WHERE NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = u.update_id)
ON CONFLICT DO NOTHING
RETURNING update_id
"""

# The fence: the term is read FOR SHARE, since a plain SELECT would let an old holder commit after the new epoch. An
# attempt that was begun already (its answer was lost) is returned as it is, whatever has arrived since.
BEGIN = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)
UPDATE inbox i
SET state = 'processing', epoch = $2, token = w.token,
    attempts = i.attempts + CASE i.state WHEN 'pending' THEN 1 ELSE 0 END,
    started_at = CASE i.state WHEN 'pending' THEN now() ELSE i.started_at END
FROM (SELECT $1::bigint AS bot_id, u.* FROM unnest($4::bigint[], $5::bigint[]) AS u (update_id, token) OFFSET 0) AS w,
     term
WHERE i.bot_id = w.bot_id AND i.update_id = w.update_id
  AND ((i.state = 'processing' AND i.epoch = $2 AND i.token = w.token)
    OR (i.state = 'pending'
        AND NOT EXISTS (SELECT FROM inbox o
                        WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND o.update_id < i.update_id)
        AND NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = i.update_id)))
RETURNING i.update_id, i.attempts, i.doubts
"""

# For the updates that BEGIN did not return. Gone from the inbox means processed, however long ago that was.
WHY_NOT = """
SELECT w.update_id,
       EXISTS (SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3) AS leads,
       i.update_id IS NULL
           OR EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = w.update_id) AS processed
FROM unnest($4::bigint[]) AS w (update_id) LEFT JOIN inbox i ON i.bot_id = $1 AND i.update_id = w.update_id
"""

# A redelivery whose STORE looked before the settlement committed leaves such a row. It would hold up its chat for ever.
FORGET_PROCESSED = """
DELETE FROM inbox i WHERE bot_id = $1 AND update_id = ANY ($2::bigint[]) AND state = 'pending'
  AND EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = i.update_id)
"""

# None of the three asks for the current term: they record what did happen, also for a row that was marked in doubt
# meanwhile. The token is enough to tell this attempt from a later one.
SETTLE_DONE = """
WITH done AS (
    DELETE FROM inbox i
    USING (SELECT $1::bigint AS bot_id, u.*
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[])
               AS u (update_id, epoch, token, doubts, entry, outcome) OFFSET 0) AS s
    WHERE i.bot_id = s.bot_id AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
    RETURNING i.*, s.outcome, s.doubts AS new_doubts, s.entry
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $8, update_type, received_at, outcome, attempts, doubts + new_doubts, chat_id, received_by,
       history || (jsonb_build_object('at', now(), 'began', started_at) || entry::jsonb)
FROM done
ON CONFLICT DO NOTHING
"""

# The token goes, so that the same settlement repeated changes nothing. Of a history that has become long the second
# entry goes: the first and the latest say most.
SETTLE_RETRY = """
UPDATE inbox i
SET state = 'pending', available_at = now() + make_interval(secs => s.delay), last_error = s.error,
    doubts = i.doubts + s.doubts, token = NULL,
    history = CASE WHEN jsonb_array_length(i.history) < 40 THEN i.history ELSE i.history - 1 END
              || (jsonb_build_object('at', now(), 'began', i.started_at) || s.entry::jsonb)
FROM (SELECT $1::bigint AS bot_id, u.*
      FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::float8[], $8::text[])
          AS u (update_id, epoch, token, doubts, entry, delay, error) OFFSET 0) AS s
WHERE i.bot_id = s.bot_id AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
"""

# The payload is kept in dead_updates, for a replay; processed_updates keeps a redelivery out.
SETTLE_DEAD = """
WITH dead AS (
    DELETE FROM inbox i
    USING (SELECT $1::bigint AS bot_id, u.*
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[])
               AS u (update_id, epoch, token, doubts, entry, reason) OFFSET 0) AS s
    WHERE i.bot_id = s.bot_id AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
    RETURNING i.*, s.reason, s.doubts AS new_doubts,
              i.history || (jsonb_build_object('at', now(), 'began', i.started_at) || s.entry::jsonb) AS story
), kept AS (
    INSERT INTO dead_updates
        (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts, reason, history)
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts,
           doubts + new_doubts, reason, story
    FROM dead ON CONFLICT DO NOTHING
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $8, update_type, received_at, 'dead', attempts, doubts + new_doubts, chat_id, received_by,
       story
FROM dead
ON CONFLICT DO NOTHING
"""

# Only a pending row: one that an attempt has begun is for that attempt to settle.
DISMISS = """
WITH done AS (
    DELETE FROM inbox i
    USING (SELECT $1::bigint AS bot_id, u.* FROM unnest($2::bigint[]) AS u (update_id) OFFSET 0) AS w
    WHERE i.bot_id = w.bot_id AND i.update_id = w.update_id AND i.state = 'pending'
    RETURNING i.*
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $3, update_type, received_at, 'ignored', attempts, doubts, chat_id, received_by, history
FROM done
ON CONFLICT DO NOTHING
"""

# The oldest unfinished update of each chat. Where that one is in flight, in doubt or waits for a retry, its chat is
# left out: a younger one may not overtake it.
BACKFILL = """
SELECT update_id, chat_id, update_type, payload, extract(epoch FROM now() - received_at)::float8 AS age,
       EXISTS (SELECT FROM inbox y
               WHERE y.bot_id = $1 AND y.chat_id = i.chat_id AND y.update_id > i.update_id) AS has_followers
FROM inbox i
WHERE bot_id = $1 AND state = 'pending' AND available_at <= now() AND update_id NOT IN (SELECT unnest($3::bigint[]))
  AND NOT EXISTS (SELECT FROM inbox o WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND o.update_id < i.update_id)
ORDER BY update_id LIMIT $2
"""

# A few thousand at a time, so that no statement comes near its deadline.
PRUNE = """
DELETE FROM processed_updates WHERE (bot_id, update_id) IN (
    SELECT bot_id, update_id FROM processed_updates
    WHERE bot_id = $1 AND processed_at < now() - make_interval(secs => $2) ORDER BY processed_at LIMIT $3
) RETURNING update_id
"""

"""The statements of a leader's term: how it begins, and what becomes of the updates that nobody works on any more.

A row in doubt is one whose message may or may not have been sent. `postgres_inbox` runs these; $1 is the bot's id
unless a comment says otherwise.
"""

NEW_TERM = """
INSERT INTO leadership AS l (bot_id, epoch, holder, instance_id) VALUES ($1, 1, $2, $3)
ON CONFLICT (bot_id) DO UPDATE
SET epoch = l.epoch + 1, holder = $2, instance_id = $3, acquired_at = now()
RETURNING epoch
"""

# A statement of its own, after NEW_TERM in the same transaction. NEW_TERM may have waited for a `begin` of the old
# term, which holds a lock on the leadership row; only a later statement sees what that one has committed.
MARK_OLDER_TERMS = """
UPDATE inbox
SET state = 'in_doubt', history = history || jsonb_build_object('at', now(), 'event', 'in_doubt', 'epoch', epoch,
                                                                'why', 'its term has ended')
WHERE bot_id = $1 AND state = 'processing' AND epoch < $2
"""

# Asked in the transaction of NEW_TERM: a take-over that was held up on its way must not fence a healthy successor. $1
# is the lock's key, $2 the server process of the session that should hold it; pg_locks shows the key in two halves.
LOCK_IS_HELD = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = $2
                 AND ((classid::bigint << 32) | objid::bigint) = $1)
"""

# A worker that ended without settling leaves its row processing under the current term. The tokens that workers hold
# are in $3; the age spares an attempt that began after that list was made.
MARK_LOST = """
UPDATE inbox
SET state = 'in_doubt', history = history || jsonb_build_object('at', now(), 'event', 'in_doubt', 'epoch', epoch,
                                                                'why', 'no worker holds it')
WHERE bot_id = $1 AND state = 'processing' AND epoch = $2 AND token <> ALL ($3::bigint[])
  AND started_at < now() - make_interval(secs => $4)
RETURNING update_id
"""

# Like `begin`, both read their own term FOR SHARE: an old leader must not decide for the new one. The age gives the
# owner of an ended term the time to settle what it was sending.
RESEND_DOUBTS = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)
UPDATE inbox i
SET state = 'pending', available_at = now(), doubts = doubts + 1, last_error = 'in doubt',
    history = history || jsonb_build_object('at', now(), 'event', 'resend', 'epoch', $2::bigint)
FROM term
WHERE bot_id = $1 AND state = 'in_doubt' AND started_at <= now() - make_interval(secs => $4)
RETURNING update_id
"""

SKIP_DOUBTS = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
), skipped AS (
    DELETE FROM inbox i USING term
    WHERE bot_id = $1 AND state = 'in_doubt' AND started_at <= now() - make_interval(secs => $4)
    RETURNING i.*
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $5, update_type, received_at, 'in_doubt', attempts, doubts + 1, chat_id, received_by,
       history || jsonb_build_object('at', now(), 'event', 'skipped', 'epoch', $2::bigint)
FROM skipped
ON CONFLICT DO NOTHING
RETURNING update_id
"""

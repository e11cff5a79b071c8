"""The statements of a leader's term: how it begins, what becomes of the updates that nobody works on any more, and what
a leader notes for whoever comes after it.

A row in doubt is one whose message may or may not have been sent: it was begun under an older term, or under this one
by an attempt that no worker holds. `postgres_inbox` runs these; $1 is the bot's id.
"""

from __future__ import annotations

from svc.storage.effects_sql import effects_of
from svc.storage.ended_sql import DEAD_COLUMNS, PROCESSED_COLUMNS
from svc.storage.history import with_entry
from svc.storage.keys import lock_is_held
from svc.storage.looks_sql import BY_POLICY, FORGET_LOOKS, LOOKED_FOR, long_ago
from svc.storage.orders import PAUSES

_HELD = f"($5::int IS NULL OR {lock_is_held('$4', '$5')})"

# Whatever waits, one row is written: with the epoch, all that older terms left processing is in doubt. It returns what
# operators have paused, so that nothing is sent under this term that may not be.
#
# $4 is the lock's key, $5 the server process of the session that should hold it: a take-over that was held up on its
# way must not fence a healthy successor. The row of the term may have to be waited for, since a `begin` of the old term
# holds a lock on it; so pg_locks is looked at after that (a condition of DO UPDATE is asked with the row in hand).
NEW_TERM = f"""
INSERT INTO leadership AS l (bot_id, epoch, holder, instance_id)
SELECT $1::bigint, 1, $2::uuid, $3::text WHERE {_HELD}
ON CONFLICT (bot_id) DO UPDATE
SET epoch = l.epoch + 1, holder = $2, instance_id = $3, acquired_at = now(), paused_reason = NULL, paused_at = NULL,
    paused_by = NULL, step_down_epoch = NULL, step_down_by = NULL
WHERE {_HELD}
RETURNING epoch, {PAUSES} AS pauses
"""

# Like `begin`, this reads its own term FOR SHARE: an old leader must not decide for the new one. The tokens that
# workers hold are in $5. The age ($4, seconds) gives the owner of an ended term the time to settle what it was sending,
# and spares an attempt that began after the list of tokens was made. What may be a file waits until the term is $11
# seconds old besides: a former leader may have sent it right before. A clock that was set back makes nothing wait.
#
# Rows that somebody has locked are left for the next time. The token stays, so that a settlement that comes late still
# counts. $6 is the policy, $7 how many sends in doubt there may be, $8 the instance, $9 the reason of the dead; with
# $10, what can be looked for is left out.
_ENTRY = """jsonb_strip_nulls(jsonb_build_object(
        'at', now(), 'began', i.started_at, 'epoch', i.epoch,
        'why', CASE i.epoch WHEN $2 THEN 'no worker holds it' ELSE 'its term has ended' END,
        'event', CASE d.how WHEN 'skip' THEN 'skipped' ELSE d.how END,
        'error', CASE d.how WHEN 'dead' THEN coalesce(i.dead_if_sent, $9::text) END))"""
_STORY = with_entry("i.history", _ENTRY)

_NO_FILE_ON_ITS_WAY = f"""(i.update_id >= 0 OR i.repeatable OR {long_ago("(SELECT acquired_at FROM term)", "$11")})"""

RESOLVE_DOUBTS = f"""
WITH term AS MATERIALIZED (
    SELECT acquired_at FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
), d AS MATERIALIZED (
    SELECT i.bot_id, i.update_id,
           CASE WHEN i.repeatable AND i.dead_if_sent IS NULL THEN 'repeat' ELSE {BY_POLICY} END AS how
    FROM inbox i
    WHERE i.bot_id = $1 AND i.state <> 'pending' AND EXISTS (SELECT FROM term)
      AND NOT ($10 AND {LOOKED_FOR})
      AND (i.state = 'in_doubt' OR i.epoch <> $2 OR i.token <> ALL ($5::bigint[]))
      AND {long_ago("i.started_at", "$4")} AND {_NO_FILE_ON_ITS_WAY}
    ORDER BY i.update_id LIMIT 500
    FOR UPDATE SKIP LOCKED
), again AS (
    UPDATE inbox i
    SET state = 'pending', available_at = now(), retried_at = now(), last_error = 'in doubt', history = {_STORY},
        doubts = i.doubts + CASE d.how WHEN 'resend' THEN 1 ELSE 0 END, {FORGET_LOOKS}
    FROM d WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id AND d.how IN ('repeat', 'resend')
), ended AS (
    DELETE FROM inbox i USING d
    WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id AND d.how IN ('skip', 'dead')
    RETURNING i.*, d.how, {_STORY} AS story
), dead AS (
    INSERT INTO dead_updates {DEAD_COLUMNS}
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts + 1,
           coalesce(dead_if_sent, $9), story
    FROM ended WHERE how = 'dead'
    ON CONFLICT DO NOTHING
), processed AS (
    INSERT INTO processed_updates {PROCESSED_COLUMNS}
    SELECT bot_id, update_id, $8, update_type, received_at, CASE how WHEN 'dead' THEN 'dead' ELSE 'in_doubt' END,
           attempts, doubts + 1, chat_id, received_by, story, message_id, NULL
    FROM ended
    ON CONFLICT DO NOTHING
), {effects_of(done="false", skipped="how = 'skip'", sent_id="NULL::bigint")}
SELECT update_id, how FROM d
"""

# This has to survive the process and not the server, so its commit waits for no disk and no standby. The first note of
# a term blames the update that the former leader had noted; a former leader that comes late notes nothing. `noted` asks
# for `former` so that this is read before it is overwritten.
NOTE_DECIDING = """
WITH former AS MATERIALIZED (
    SELECT epoch, update_id FROM deciding WHERE bot_id = $1 FOR UPDATE
), noted AS (
    INSERT INTO deciding AS d (bot_id, epoch, update_id)
    SELECT $1, $2, $3 WHERE (SELECT count(*) FROM former) IS NOT NULL
    ON CONFLICT (bot_id) DO UPDATE SET epoch = $2, update_id = $3 WHERE d.epoch <= $2
    RETURNING epoch
), blamed AS (
    UPDATE inbox i SET blamed = i.blamed + 1 FROM former, noted
    WHERE i.bot_id = $1 AND i.update_id = former.update_id AND former.epoch < $2
    RETURNING i.update_id, i.blamed
)
SELECT CASE WHEN EXISTS (SELECT FROM noted)
            THEN coalesce((SELECT blamed FROM blamed WHERE update_id = $3),
                          (SELECT blamed FROM inbox WHERE bot_id = $1 AND update_id = $3), 0)
            ELSE 0 END AS blamed,
       set_config('synchronous_commit', 'off', true)
"""

# Since when it is paused is kept where only the reason changes.
NOTE_PAUSE = """
UPDATE leadership
SET paused_reason = $4, paused_by = $5,
    paused_at = CASE WHEN $4::text IS NULL THEN NULL ELSE coalesce(paused_at, now()) END
WHERE bot_id = $1 AND epoch = $2 AND holder = $3 AND (paused_reason, paused_by) IS DISTINCT FROM ($4, $5::text)
"""

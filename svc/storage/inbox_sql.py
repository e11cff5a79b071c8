"""The statements that write the inbox, with their reasons. `postgres_inbox` runs them; each is safe to repeat.

$1 is the bot's id in every statement. Where a list of rows goes in, it comes as one array a column. Each write is one
statement and so a transaction of its own: a process that is stopped on the way holds no lock.

A group's rows are joined to the inbox by its whole primary key, and OFFSET 0 or MATERIALIZED hides from the planner
that the bot is the same in all of them. Otherwise, where it has no statistics (a new database, a restored one), it
takes one bot for a few rows and reads all that the inbox holds for each row of the group (measured at 2,000 rows: begin
of 16 took 25 ms, with it 1.1).
"""

from __future__ import annotations

from svc.storage.chats_sql import state_of
from svc.storage.effects_sql import effects_of
from svc.storage.ended_sql import DEAD_COLUMNS, PROCESSED_COLUMNS
from svc.storage.history import with_entry
from svc.storage.looks import ABSENT_LOOKS
from svc.storage.looks_sql import MAY_BEGIN, NOTHING_OLDER
from svc.storage.old_rows_sql import prune_statement

# The settings of every session that is for the inbox. Its tables are empty one minute and hold a million rows the next.
# A plan that is cached, or made from what the last ANALYZE saw, then scans all of them for every group (measured: begin
# 10 ms at 30,000 rows, backfill 620 ms at 300,000). Every statement has its index: planned afresh and left no other
# choice, they stay flat. A few sort what they have found; older servers count a sort that is switched off as so dear
# that they would compile the whole statement first.
PLANNER = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "jit": "off",
}

# Of sessions for what every update writes: `STORE`, `STORE_AND_BEGIN` and `SETTLE`. To plan them takes the server more
# time than to run them, and they go by the right index whatever the tables held when they were planned. So here a plan
# is kept (tests/test_kept_plans.py).
KEPT_PLANS = {**PLANNER, "plan_cache_mode": "force_generic_plan"}


def _first_of_chat(chat_id: str) -> str:
    """The join that adds `o.update_id`, the oldest of the chat in the inbox.

    A range of one chat, in an order that only the index of chats has: where the planner takes the table for small, it
    would read the table's key with a filter.
    """
    return f"""LEFT JOIN LATERAL (
        SELECT update_id FROM inbox WHERE bot_id = $1 AND chat_id BETWEEN {chat_id} AND {chat_id}
        ORDER BY chat_id, update_id LIMIT 1) AS o ON true"""


def _new_rows(token: str) -> str:
    return f"""
SELECT new.update_id, o.update_id IS NULL OR new.chat_id = 0 AS alone, c.version, c.state, {token} AS token
FROM new {_first_of_chat("new.chat_id")} {state_of("new.chat_id")}"""


def _message_unless(written: str) -> str:
    return f"""
SELECT NULL, CASE WHEN {written} THEN NULL
                  ELSE pg_logical_emit_message(true, 'svc', '') IS NULL END, NULL, NULL, NULL"""


# An update that has been processed is left out although its row is gone from the inbox: Telegram may deliver it again.
#
# A group in which nothing is new would write nothing, and so its commit would wait for nothing: not for the standby
# either, which may not have what the first delivery wrote. A message in the log gives it something to wait for. All
# that was committed before lies before it.
#
# `alone` looks at the inbox as it was before this statement.
STORE = f"""
WITH new AS (
    INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, message_id, received_by)
    SELECT $1, u.update_id, u.chat_id, u.update_type, u.payload, u.message_id, $7
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[])
        AS u (update_id, chat_id, update_type, payload, message_id)
    WHERE NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = u.update_id)
    ON CONFLICT DO NOTHING
    RETURNING update_id, chat_id
)
{_new_rows("NULL::bigint")}
UNION ALL
{_message_unless("EXISTS (SELECT FROM new)")}
"""

# The same, where the rows that have a token begin with it: under the current term, if their chat has nothing in the
# inbox and still the state that was decided by. A term that somebody is about to change is not waited for. What was
# processed by a commit that this statement does not see was still in the inbox for it, so it does not begin here a
# second time.
#
# Where there is nothing to do, what begins is done as well, and never comes into the inbox. Its row has no `alone`.
# Another instance may be storing the same update at this moment: that row will not begin, as it has been processed.
STORE_AND_BEGIN = f"""
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $8 AND holder = $9 FOR SHARE SKIP LOCKED
), given AS MATERIALIZED (
    SELECT u.*, u.token IS NOT NULL AND u.chat_id <> 0 AND EXISTS (SELECT FROM term)
        AND o.update_id IS NULL AND coalesce(c.version, 0) = u.state_version AS begins
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[],
                $10::bigint[], $11::boolean[], $12::bigint[], $13::text[], $14::text[], $15::bigint[], $16::boolean[])
        AS u (update_id, chat_id, update_type, payload, message_id,
              token, repeatable, watermark, dead_if_sent, effects, state_version, is_nothing)
    {_first_of_chat("u.chat_id")}
    {state_of("u.chat_id")}
    WHERE NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = u.update_id)
), done AS (
    INSERT INTO processed_updates {PROCESSED_COLUMNS}
    SELECT $1, u.update_id, $7, u.update_type, now(), 'ignored', 0, 0, u.chat_id, $7, '[]', u.message_id, NULL
    FROM given u WHERE u.begins AND u.is_nothing
    ON CONFLICT DO NOTHING
    RETURNING update_id
), new AS (
    INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, message_id, received_by, state, epoch, token,
                       repeatable, watermark, dead_if_sent, effects, attempts, started_at)
    SELECT $1, u.update_id, u.chat_id, u.update_type, u.payload, u.message_id, $7,
           CASE WHEN u.begins THEN 'processing' ELSE 'pending' END, CASE WHEN u.begins THEN $8::bigint END,
           CASE WHEN u.begins THEN u.token END, u.begins AND u.repeatable, CASE WHEN u.begins THEN u.watermark END,
           CASE WHEN u.begins THEN u.dead_if_sent END, CASE WHEN u.begins THEN u.effects::jsonb END,
           u.begins::integer, CASE WHEN u.begins THEN now() END
    FROM given u WHERE NOT (u.begins AND u.is_nothing)
    ON CONFLICT DO NOTHING
    RETURNING update_id, chat_id, token
)
{_new_rows("new.token")}
UNION ALL
SELECT update_id, NULL, NULL, NULL, NULL FROM done
UNION ALL
{_message_unless("EXISTS (SELECT FROM new) OR EXISTS (SELECT FROM done)")}
"""

# The fence: the term is read FOR SHARE, since a plain SELECT would let an old holder commit after the new epoch. An
# attempt that was begun already (its answer was lost) is returned as it is, whatever has arrived since.
#
# One that was looked for and not found is sent again. The watermark stays that of its first send, whose message may
# still arrive: too low is safe, too high would hide that one.
#
# A row below zero (JOB_ENDED) comes before its chat's updates, whenever it was put in; so it waits besides until none
# of them is begun or in doubt: one send of a chat at a time. `under_way` is read for such rows only.
#
# What was decided by a state that the chat has no longer does not begin.
BEGIN = f"""
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
), under_way AS MATERIALIZED (
    SELECT chat_id, update_id FROM inbox WHERE bot_id = $1 AND state <> 'pending'
)
UPDATE inbox i
SET state = 'processing', epoch = $2, token = w.token,
    repeatable = CASE i.state WHEN 'processing' THEN i.repeatable ELSE w.repeatable END,
    dead_if_sent = CASE i.state WHEN 'processing' THEN i.dead_if_sent ELSE w.dead_if_sent END,
    effects = CASE i.state WHEN 'processing' THEN i.effects ELSE w.effects::jsonb END,
    watermark = CASE WHEN i.state = 'pending' AND i.resends = 0 THEN w.watermark ELSE i.watermark END,
    resends = i.resends + CASE i.state WHEN 'in_doubt' THEN 1 ELSE 0 END,
    absent = 0,
    attempts = i.attempts + CASE i.state WHEN 'processing' THEN 0 ELSE 1 END,
    started_at = CASE i.state WHEN 'processing' THEN i.started_at ELSE now() END
FROM (SELECT $1::bigint AS bot_id, u.*
      FROM unnest($4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[], $8::text[], $9::text[], $10::bigint[])
          AS u (update_id, token, repeatable, watermark, dead_if_sent, effects, state_version) OFFSET 0) AS w,
     term
WHERE i.bot_id = w.bot_id AND i.update_id = w.update_id
  AND ((i.state = 'processing' AND i.epoch = $2 AND i.token = w.token)
    OR ({MAY_BEGIN} AND {NOTHING_OLDER}
        AND (i.update_id >= 0 OR i.chat_id = 0
             OR NOT EXISTS (SELECT FROM under_way o WHERE o.chat_id = i.chat_id AND o.update_id <> i.update_id))
        AND coalesce((SELECT c.version FROM chats c WHERE c.bot_id = $1 AND c.chat_id = i.chat_id), 0) = w.state_version
        AND NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = i.update_id)))
RETURNING i.update_id, i.attempts, i.doubts, CASE WHEN i.resends > 0 THEN i.watermark END AS sent_above
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

_OWN_ROW = "i.bot_id = s.bot_id AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token"
_STORY = with_entry("i.history", "(jsonb_build_object('at', now(), 'began', i.started_at) || s.entry::jsonb)")

# Endings of every kind in one statement. None asks for the current term: they record what did happen, also for a row
# that has been decided on as in doubt meanwhile. The token is enough to tell this attempt from a later one.
#
# With a retry the token goes, so that the same settlement repeated changes nothing. With a dead one the payload is
# kept for a replay; processed_updates keeps a redelivery out.
#
# What is unclear is looked for. So is a retry of what was sent before and not found: one more look comes right before
# it is sent again. With a doubt it is the policy's, which sends it whatever has become of it, and begins anew.
_LOOKED_FOR = "(s.ending = 'unclear' OR i.resends > 0 AND s.doubts = 0)"


# What was answered is kept with the state that its chat had: a statement's parts all see what was there before it. Of
# what is told of a job nothing is kept: no person has written it.
_KEPT = f"""
kept AS (
    INSERT INTO kept_payloads AS k (bot_id, update_id, chat_id, payload, state, received_at)
    SELECT e.bot_id, e.update_id, e.chat_id, e.payload, c.state, e.received_at
    FROM ended e {state_of("e.chat_id")} WHERE e.update_id >= 0
    ON CONFLICT (bot_id, update_id) DO UPDATE
    SET payload = excluded.payload, state = excluded.state, received_at = excluded.received_at, decided_at = now()
)"""


def _settle(more_arguments: str, more_columns: str, effects: str) -> str:
    return f"""
WITH s AS MATERIALIZED (
    SELECT $1::bigint AS bot_id, u.*
    FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::text[], $8::text[], $9::text[], $10::float8[],
                $11::bigint[]{more_arguments})
        AS u (update_id, epoch, token, doubts, entry, ending, said, delay, sent_id{more_columns})
), put_off AS (
    UPDATE inbox i
    SET state = CASE WHEN {_LOOKED_FOR} THEN 'in_doubt' ELSE 'pending' END,
        available_at = now() + make_interval(secs => s.delay), retried_at = now(),
        look_at = now() + make_interval(secs => s.delay),
        absent = CASE WHEN s.ending = 'retry' AND {_LOOKED_FOR} THEN {ABSENT_LOOKS - 1} ELSE 0 END,
        looks = CASE WHEN {_LOOKED_FOR} THEN i.looks ELSE 0 END,
        resends = CASE WHEN {_LOOKED_FOR} THEN i.resends ELSE 0 END,
        dead_if_sent = CASE WHEN {_LOOKED_FOR} THEN i.dead_if_sent END,
        last_error = s.said, doubts = i.doubts + s.doubts, token = NULL, history = {_STORY}
    FROM s WHERE {_OWN_ROW} AND s.ending IN ('retry', 'unclear')
), ended AS (
    DELETE FROM inbox i USING s WHERE {_OWN_ROW} AND s.ending NOT IN ('retry', 'unclear')
    RETURNING i.*, s.ending, s.said, s.sent_id, i.doubts + s.doubts AS all_doubts, {_STORY} AS story{more_columns}
), dead AS (
    INSERT INTO dead_updates {DEAD_COLUMNS}
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, all_doubts, said, story
    FROM ended WHERE ending = 'dead'
    ON CONFLICT DO NOTHING
){effects}
INSERT INTO processed_updates {PROCESSED_COLUMNS}
SELECT bot_id, update_id, $2, update_type, received_at, CASE ending WHEN 'dead' THEN 'dead' ELSE said END, attempts,
       all_doubts, chat_id, received_by, story, message_id, sent_id
FROM ended
ON CONFLICT DO NOTHING
"""


# Most groups change nothing and end no job: they are spared what only such rows need ($12 and $13 are the files sent).
# Nothing is kept unless KEEP_PAYLOADS says so: then all groups are written by the last of these.
SETTLE = _settle("", "", "")
_EFFECTS = effects_of(
    done="ending = 'done' AND said = 'done'",
    skipped="ending = 'done' AND said = 'in_doubt'",
    sent_id="sent_id",
    file_kind="file_kind",
    file_id="file_id",
)
_FILES = ", $12::text[], $13::text[]", ", file_kind, file_id"
SETTLE_WITH_EFFECTS = _settle(*_FILES, f", {_EFFECTS}")
SETTLE_KEEPING = _settle(*_FILES, f", {_EFFECTS}, {_KEPT}")


# Only a row that may begin: one that an attempt has begun is for that attempt to settle. It changes nothing, but a job
# of whose end nobody is told has not been delivered.
def _dismiss(kept: str = "") -> str:
    return f"""
WITH ended AS (
    DELETE FROM inbox i
    USING (SELECT $1::bigint AS bot_id, u.* FROM unnest($2::bigint[]) AS u (update_id) OFFSET 0) AS w
    WHERE i.bot_id = w.bot_id AND i.update_id = w.update_id AND {MAY_BEGIN}
    RETURNING i.*
), {effects_of(done="false", skipped="false", sent_id="NULL::bigint")}{kept}
INSERT INTO processed_updates {PROCESSED_COLUMNS}
SELECT bot_id, update_id, $3, update_type, received_at, 'ignored', attempts, doubts, chat_id, received_by, history,
       message_id, NULL
FROM ended
ON CONFLICT DO NOTHING
"""


DISMISS = _dismiss()
DISMISS_KEEPING = _dismiss(f", {_KEPT}")

PRUNE = prune_statement("processed_updates", "processed_at")
PRUNE_DEAD = prune_statement("dead_updates", "died_at")

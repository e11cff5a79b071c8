"""The statements about sends that are looked for. `postgres_doubts` runs them.

Why a row is looked for, how often, and what follows: looks.py. $1 is the bot's id; $2 and $3 are the term.
"""

from __future__ import annotations

from svc.storage.effects_sql import effects_of
from svc.storage.ended_sql import DEAD_COLUMNS, PROCESSED_COLUMNS
from svc.storage.history import with_entry
from svc.storage.looks import ABSENT_LOOKS, MOST_RESENDS

# Looks have just found that nothing was sent. The time is over soon, and with the next look the last one is taken back.
MAY_BEGIN = f"(i.state = 'pending' OR i.state = 'in_doubt' AND i.absent >= {ABSENT_LOOKS} AND now() < i.look_at)"

# Ids tell the order of a chat. The ends of its jobs (JOB_ENDED, below zero) come first of what waits; but what is in
# doubt was begun before them, so they wait for that.
NOTHING_OLDER = """(i.chat_id = 0 OR NOT EXISTS (
        SELECT FROM inbox o WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND o.update_id < i.update_id
          AND (o.update_id >= 0 OR i.state <> 'in_doubt')))"""

LOOKED_FOR = "(i.watermark IS NOT NULL AND NOT i.repeatable)"

# $6 is the policy, $7 how many sends in doubt there may be; one that is sent again and again and never found is no
# better. An apology is not sent twice: whether it came or not, its update is dead.
BY_POLICY = f"""CASE WHEN i.dead_if_sent IS NOT NULL THEN 'dead'
                WHEN $6 = 'skip' THEN 'skip'
                WHEN i.doubts + 1 >= $7 OR i.resends >= {MOST_RESENDS} THEN 'dead'
                ELSE 'resend' END"""

# Sent once more by the policy, it begins anew: nothing that was found out before counts for the next send.
FORGET_LOOKS = "looks = 0, absent = 0, resends = 0, dead_if_sent = NULL"

_TERM = """
WITH term AS MATERIALIZED (
    SELECT acquired_at FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)"""


def long_ago(time: str, seconds: str) -> str:
    """Whether `time` is over so many seconds ago. It is, too, where the clock was set back since."""
    return f"{time} NOT BETWEEN now() - make_interval(secs => {seconds}) AND now() + interval '1 minute'"


# $4 are the tokens that workers hold, $5 is how many rows, $6 the pause until the next look, in seconds, $7 how long an
# owner that lives is left alone with its row, $8 how long no heartbeat may come before it is taken for dead, $9 the
# updates that are left out.
#
# Those with fewer looks come first: what is found out about them may be what the others wait for.
#
# The first claim of a row tells its history that it is in doubt, and why. Epoch and token stay: what its owner says
# late still counts, and a heartbeat that came late spares it further looks. A clock that is before the time at which
# the row was last put off was set back since: then a look is due.
_LIVES = """EXISTS (SELECT FROM instances n WHERE n.bot_id = i.bot_id AND i.epoch = ANY (n.epochs)
                      AND n.seen_at > (SELECT acquired_at FROM term))"""
_LEFT = """jsonb_build_object('at', now(), 'began', i.started_at, 'epoch', i.epoch, 'event', 'in_doubt',
        'why', CASE i.epoch WHEN $2 THEN 'no worker holds it' ELSE 'its term has ended' END)"""

DUE_LOOKS = f"""{_TERM}, d AS MATERIALIZED (
    SELECT i.bot_id, i.update_id FROM inbox i
    WHERE i.bot_id = $1 AND i.state <> 'pending' AND {LOOKED_FOR} AND EXISTS (SELECT FROM term)
      AND CASE WHEN i.epoch <> $2 AND i.token IS NOT NULL AND {_LIVES} THEN {long_ago("i.started_at", "$7")}
               WHEN i.state = 'in_doubt' THEN true
               WHEN i.epoch = $2 THEN i.token <> ALL ($4::bigint[]) AND {long_ago("i.started_at", "$7")}
               ELSE {long_ago("(SELECT acquired_at FROM term)", "$8")} END
      AND i.update_id <> ALL ($9::bigint[])
      AND (i.state <> 'in_doubt' OR coalesce(i.look_at <= now() OR now() < i.retried_at - interval '1 minute', true))
    ORDER BY i.looks, i.update_id LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE inbox i
SET state = 'in_doubt', looks = i.looks + 1, look_at = now() + make_interval(secs => $6), retried_at = now(),
    absent = CASE i.state WHEN 'in_doubt' THEN least(i.absent, {ABSENT_LOOKS - 1}) ELSE 0 END,
    history = CASE i.state WHEN 'in_doubt' THEN i.history ELSE {with_entry("i.history", _LEFT)} END
FROM d WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id
RETURNING i.update_id, i.chat_id, coalesce(i.token, 0) AS token, i.watermark, i.looks, i.absent,
          extract(epoch FROM now() - i.started_at)::float8 AS age,
          extract(epoch FROM now() - i.aged_from)::float8 AS waited, i.attempts,
          CASE WHEN i.update_id < 0 THEN i.payload END AS told
"""

# $4 is the update. It has to stand as it did when the look became due: with the token $5, after $10 looks, of which $11
# in turn had found nothing; so a look that is told again counts once. $8 is the instance, $9 the reason of the dead.
#
# $12 is what follows: found, look_again, send, or cannot_be_told, about which the policy decides. $13 is the number of
# looks in turn that have found nothing now, $14 the seconds until the next is due (null: never), $15 the message that
# was found, $16 how many probes this look had, $17 what else there is to say.
_EVENT = """CASE d.how WHEN 'look_again' THEN 'looked' WHEN 'send' THEN 'not_found' WHEN 'skip' THEN 'skipped'
                   ELSE d.how END"""
_LOOKED = f"""jsonb_strip_nulls(jsonb_build_object(
        'at', now(), 'epoch', $2::bigint, 'instance', $8::text, 'event', {_EVENT}, 'look', i.looks,
        'probes', $16::int, 'message_id', $15::bigint, 'why', $17::text,
        'error', CASE WHEN d.how = 'dead' OR d.how = 'found' AND i.dead_if_sent IS NOT NULL
                      THEN coalesce(i.dead_if_sent, $9::text) END))"""
_STORY = with_entry("i.history", _LOOKED)

_EFFECTS = effects_of(
    done="(how = 'found' AND died IS NULL)", skipped="(how = 'skip' AND died IS NULL)", sent_id="$15::bigint"
)

SETTLE_LOOK = f"""{_TERM}, d AS MATERIALIZED (
    SELECT i.bot_id, i.update_id,
           CASE WHEN $12::text = 'cannot_be_told' OR $12 = 'send' AND i.resends >= {MOST_RESENDS} THEN {BY_POLICY}
                ELSE $12 END AS how
    FROM inbox i
    WHERE i.bot_id = $1 AND i.update_id = $4 AND i.state = 'in_doubt' AND {LOOKED_FOR} AND EXISTS (SELECT FROM term)
      AND coalesce(i.token, 0) = $5 AND i.looks = $10 AND i.absent = $11
    FOR UPDATE
), later AS (
    UPDATE inbox i
    SET absent = $13, look_at = coalesce(now() + make_interval(secs => $14), 'infinity'), retried_at = now(),
        history = {_STORY}
    FROM d WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id AND d.how IN ('look_again', 'send')
), again AS (
    UPDATE inbox i
    SET state = 'pending', available_at = now(), retried_at = now(), last_error = 'in doubt', doubts = i.doubts + 1,
        {FORGET_LOOKS}, history = {_STORY}
    FROM d WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id AND d.how = 'resend'
), ended AS (
    DELETE FROM inbox i USING d
    WHERE i.bot_id = d.bot_id AND i.update_id = d.update_id AND d.how IN ('found', 'skip', 'dead')
    RETURNING i.*, d.how, {_STORY} AS story, i.doubts + CASE d.how WHEN 'found' THEN 0 ELSE 1 END AS all_doubts,
              CASE WHEN d.how = 'dead' OR i.dead_if_sent IS NOT NULL THEN coalesce(i.dead_if_sent, $9::text) END AS died
), dead AS (
    INSERT INTO dead_updates {DEAD_COLUMNS}
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, all_doubts, died, story
    FROM ended WHERE died IS NOT NULL
    ON CONFLICT DO NOTHING
), processed AS (
    INSERT INTO processed_updates {PROCESSED_COLUMNS}
    SELECT bot_id, update_id, $8, update_type, received_at,
           CASE WHEN died IS NOT NULL THEN 'dead' WHEN how = 'found' THEN 'done' ELSE 'in_doubt' END, attempts,
           all_doubts, chat_id, received_by, story, message_id, $15
    FROM ended
    ON CONFLICT DO NOTHING
), {_EFFECTS}
SELECT coalesce((SELECT 'apologised' FROM ended WHERE how = 'found' AND died IS NOT NULL), how) AS how FROM d
"""

"""What follows in the commit that ends an update: its effects take place, and the job that it told of is over.

`effects_of` is a part of each statement that ends updates, so that the chat's state and the jobs follow exactly what
was answered, through any crash. The effects themselves stand in the row since `begin`.
"""

from __future__ import annotations

from svc.storage.history import with_entry
from svc.storage.jobs_sql import in_state

_CANCELLED = with_entry("j.history", "jsonb_build_object('at', now(), 'event', 'cancelled', 'by_update', e.update_id)")
_TOLD = with_entry(
    "j.history",
    """jsonb_strip_nulls(jsonb_build_object('at', now(), 'event', CASE WHEN e.done THEN 'delivered' ELSE 'failed' END,
        'error', CASE WHEN NOT e.done THEN 'not_delivered' END, 'message_id', e.sent_id))""",
)


def effects_of(
    *, done: str, skipped: str, sent_id: str, file_kind: str = "NULL::text", file_id: str = "NULL::text"
) -> str:
    """The CTEs that follow a CTE `ended`, whose rows are those of the inbox that end.

    SQL expressions over its columns: `done`, the update is done; `skipped`, it is taken for done by the policy `skip`;
    `sent_id` is the message that it sent, if that is known, and `file_kind` and `file_id` the file in it.

    What an update changes takes place if it is done or skipped. A job that was ready is delivered if the row that tells
    of its end is done; whatever else becomes of that row, it is not known to be.
    """
    return f"""
over AS MATERIALIZED (
    SELECT bot_id, update_id, chat_id, update_type, effects, {done} AS done, {done} OR {skipped} AS takes_place,
           {sent_id} AS sent_id, {file_kind} AS file_kind, {file_id} AS file_id
    FROM ended
), taking_place AS MATERIALIZED (
    SELECT * FROM over WHERE takes_place AND effects IS NOT NULL AND chat_id <> 0
), remembered AS (
    INSERT INTO chats AS c (bot_id, chat_id, state, version)
    SELECT DISTINCT ON (chat_id) bot_id, chat_id, effects -> 'state', count(*) OVER (PARTITION BY chat_id)
    FROM taking_place WHERE effects ? 'state' ORDER BY chat_id, update_id DESC
    ON CONFLICT (bot_id, chat_id) DO UPDATE
    SET state = excluded.state, version = c.version + excluded.version, changed_at = now()
), asked_for AS (
    INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, context, secret, status_message_id,
                      deadline_at, history)
    SELECT bot_id, update_id, chat_id, (job ->> 'user_id')::bigint, job ->> 'provider', job ->> 'model', job -> 'input',
           job -> 'context', secret, coalesce(sent_id, (job ->> 'status_message_id')::bigint),
           now() + make_interval(secs => (job ->> 'seconds')::float8),
           jsonb_build_array(jsonb_build_object('at', now(), 'event', 'asked'))
    FROM (SELECT *, effects -> 'job' AS job, effects ->> 'secret' AS secret FROM taking_place) AS t
    WHERE effects ? 'job' AND update_type <> 'job'
    ON CONFLICT DO NOTHING
), cancelled AS (
    UPDATE jobs j SET state = 'cancelled', ended_at = now(), history = {_CANCELLED}
    FROM taking_place e
    WHERE e.effects ? 'cancel' AND j.bot_id = e.bot_id AND j.job_id = (e.effects ->> 'cancel')::bigint
      AND j.chat_id = e.chat_id AND {in_state("wanted")}
), told_of AS (
    UPDATE jobs j
    SET state = CASE WHEN e.done THEN 'delivered' ELSE 'failed' END, ended_at = now(),
        error = CASE WHEN NOT e.done THEN 'not_delivered' END, sent_id = e.sent_id,
        file_kind = e.file_kind, file_id = e.file_id, history = {_TOLD}
    FROM (SELECT *, CASE update_type WHEN 'job' THEN -update_id END AS job_id FROM over) AS e
    WHERE j.bot_id = e.bot_id AND j.job_id = e.job_id AND {in_state("ready")}
)"""

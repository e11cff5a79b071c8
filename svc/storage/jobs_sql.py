"""The statements about jobs. `postgres_jobs` runs them, and `jobs_reading` those for operators.

$1 is the bot's id; where a term is asked for, it is $2 and $3, read FOR SHARE as `begin` does. Each write is one
statement that says in which state the job has to be, so it is safe to repeat, and of two that meet one is the first.
Jobs come into being and are delivered with the updates that ask for them and tell of them: effects_sql.
"""

from __future__ import annotations

from svc.storage.chats_sql import state_of
from svc.storage.history import with_entry

# As the partial indexes have it, for what is found by them.
_OPEN = "j.state IN ('wanted', 'submitting', 'running')"
_ENDED = "state IN ('delivered', 'failed', 'cancelled', 'unknown')"


def in_state(*states: str) -> str:
    """The condition that the job `j`, which is found by its key, is in one of these states.

    The planner must not see that a partial index is for such jobs: on a table that it has no statistics of it would
    read all of that index for each of them (measured: 10,000 rows).
    """
    listed = ", ".join(f"'{state}'" for state in states)
    return f"(j.state || '') IN ({listed})"


_STILL_OPEN = in_state("wanted", "submitting", "running")

_TERM = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)"""

# As msgspec encodes svc.handler.job.Job, from a row `j`.
JOB = """jsonb_build_object(
        'job_id', j.job_id, 'chat_id', j.chat_id, 'user_id', j.user_id, 'provider', j.provider, 'model', j.model,
        'input', j.input, 'context', j.context, 'state', j.state, 'created_at', extract(epoch FROM j.created_at),
        'status_message_id', j.status_message_id, 'submitted_at', extract(epoch FROM j.submitted_at),
        'ended_at', extract(epoch FROM j.ended_at), 'progress', j.progress, 'results', j.results, 'error', j.error,
        'error_text', j.error_text, 'sent_id', j.sent_id, 'file_id', j.file_id, 'file_kind', j.file_kind)"""


def _story(event: str, more: str = "") -> str:
    """The history with one more entry. `event` and `more`, further names and values, are SQL."""
    entry = f"jsonb_strip_nulls(jsonb_build_object('at', now(), 'event', {event}{more}))"
    return with_entry("j.history", entry)


def _due_in(seconds: str) -> str:
    """When it is due, put off by so many seconds: at its deadline at the latest."""
    later = f"now() + make_interval(secs => {seconds})"
    return f"CASE WHEN j.deadline_at > now() THEN least({later}, j.deadline_at) ELSE {later} END"


# Whether an operator has paused the provider or the model of the job `j`.
_PAUSED = """EXISTS (
        SELECT FROM pauses p
        WHERE p.bot_id = j.bot_id AND (p.scope, p.name) IN (('provider', j.provider), ('model', j.model)))"""

# $4 are the tokens of creates that are being made, $5 the jobs that are left out, $6 how many, $7 for how many seconds
# they are claimed. What somebody has locked is left for the next time. A job that would have to be created while that
# is paused is left out until its deadline, and keeps its place: so it is in nobody's way, and is due at once when the
# pause ends.
DUE_JOBS = f"""{_TERM}, d AS MATERIALIZED (
    SELECT j.bot_id, j.job_id, j.due_at FROM jobs j
    WHERE j.bot_id = $1 AND {_OPEN} AND j.due_at <= now() AND EXISTS (SELECT FROM term)
      AND (j.state <> 'submitting' OR j.epoch <> $2 OR j.token <> ALL ($4::bigint[]))
      AND j.job_id <> ALL ($5::bigint[])
      AND (j.state <> 'wanted' OR j.deadline_at <= now() OR NOT {_PAUSED})
    ORDER BY j.due_at LIMIT $6
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs j
SET due_at = now() + make_interval(secs => $7), called = false
FROM d WHERE j.bot_id = d.bot_id AND j.job_id = d.job_id
RETURNING d.due_at, {JOB} AS job, j.secret, j.attempts, j.task_id, j.hint,
          extract(epoch FROM now() - j.created_at)::float8 AS age,
          extract(epoch FROM j.deadline_at - now())::float8 AS left,
          coalesce(extract(epoch FROM now() - j.submitted_at), 0)::float8 AS submitted_ago, j.polls, {_PAUSED} AS paused
"""

# $4 is the job, $5 the create, $6 for how many seconds it is claimed, $7 the instance. Should nothing be heard of the
# create, the job is due then, and in doubt. What is paused by now is not begun.
BEGIN_CREATE = f"""{_TERM}, handed_in AS (
    UPDATE jobs j
    SET state = 'submitting', epoch = $2, token = $5, attempts = j.attempts + 1, polls = 0, submitted_at = now(),
        due_at = now() + make_interval(secs => $6),
        history = {_story("'handed_in'", ", 'instance', $7::text, 'epoch', $2::bigint")}
    WHERE j.bot_id = $1 AND j.job_id = $4 AND {in_state("wanted")} AND EXISTS (SELECT FROM term)
      AND NOT {_PAUSED}
    RETURNING j.job_id
)
SELECT FROM handed_in
UNION ALL
SELECT FROM jobs j
WHERE j.bot_id = $1 AND j.job_id = $4 AND {in_state("submitting")} AND j.epoch = $2 AND j.token = $5
  AND EXISTS (SELECT FROM term)
"""

_RECORDED = """, 'task_id', r.task_id, 'error', r.error,
        'delay', CASE WHEN r.task_id IS NULL THEN r.delay END"""

# No term is asked for: it did happen. The token is enough to tell this create from a later one. The row is looked at
# once it is locked: a create that was cut off while it was being marked may be committed only now.
RECORD_CREATE = f"""
WITH told AS MATERIALIZED (
    SELECT $1::bigint AS bot_id, u.*
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::float8[], $6::text[])
        AS u (job_id, create_token, task_id, delay, error)
), r AS MATERIALIZED (
    SELECT told.*, i.state, i.token FROM told JOIN jobs i ON i.bot_id = told.bot_id AND i.job_id = told.job_id
    FOR UPDATE OF i
)
UPDATE jobs j
SET state = CASE WHEN r.task_id IS NULL THEN 'wanted' ELSE 'running' END, task_id = r.task_id, error_text = r.error,
    due_at = CASE WHEN r.task_id IS NOT NULL AND j.called THEN now() ELSE {_due_in("r.delay")} END,
    history = {_story("CASE WHEN r.task_id IS NULL THEN 'put_off' ELSE 'running' END", _RECORDED)}
FROM r WHERE j.bot_id = r.bot_id AND j.job_id = r.job_id AND r.state = 'submitting' AND r.token = r.create_token
"""

# $4 is the job, $5 the delay, $6 the progress.
NOTE_LOOK = f"""{_TERM}
UPDATE jobs j
SET due_at = CASE WHEN j.called THEN now() ELSE {_due_in("$5")} END, polls = j.polls + 1,
    progress = coalesce($6::float8, j.progress)
WHERE j.bot_id = $1 AND j.job_id = $4 AND {_STILL_OPEN} AND EXISTS (SELECT FROM term)
"""

# $4 is the job, $5 its task.
IDENTIFY = f"""{_TERM}, identified AS (
    UPDATE jobs j
    SET state = 'running', task_id = $5, error_text = NULL, polls = 0, due_at = now(),
        history = {_story("'identified'", ", 'task_id', $5::text")}
    WHERE j.bot_id = $1 AND j.job_id = $4 AND {in_state("submitting")} AND EXISTS (SELECT FROM term)
    RETURNING j.job_id
)
SELECT FROM identified
UNION ALL
SELECT FROM jobs j
WHERE j.bot_id = $1 AND j.job_id = $4 AND {in_state("running")} AND j.task_id = $5 AND EXISTS (SELECT FROM term)
"""


def ending(fence: str, job: str, state: str, error: str, text: str, results: str, instance: str) -> str:
    """The CTEs that end a job and put what tells of it into the inbox: `ended` has its row, if it had not ended before.

    All are SQL: `fence` says whether it may be ended.
    """
    return f"""ended AS (
    UPDATE jobs j
    SET state = {state}, results = {results}, error = {error}, error_text = {text},
        ready_at = CASE WHEN {state} = 'ready' THEN now() END, ended_at = CASE WHEN {state} <> 'ready' THEN now() END,
        history = {_story(state, f", 'error', {error}, 'text', {text}")}
    WHERE j.bot_id = $1 AND j.job_id = {job} AND {_STILL_OPEN} AND {fence}
    RETURNING j.*
), told AS (
    INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
    SELECT bot_id, -job_id, chat_id, 'job',
           convert_to(jsonb_build_object('update_id', -job_id, 'job', {JOB})::text, 'UTF8'), {instance}
    FROM ended j
    ON CONFLICT DO NOTHING
)"""


# $4 is the job, $5 its state, $6 the error, $7 the provider's words, $8 the results, $9 the instance.
_ENDING = ending("EXISTS (SELECT FROM term)", "$4", "$5::text", "$6::text", "$7::text", "$8::jsonb", "$9::text")
END_JOB = f"{_TERM}, {_ENDING} SELECT FROM ended"

# $2 is the job, $3 its secret, $4 the task that the callback names. It is made, most likely: so it comes before
# all that only wait, of which there may be many.
NOTE_CALLBACK = f"""
WITH known AS MATERIALIZED (
    SELECT bot_id, job_id FROM jobs WHERE bot_id = $1 AND job_id = $2 AND secret = $3
), noted AS (
    UPDATE jobs j
    SET due_at = now() - interval '1 day', called = true, polls = 0, hint = coalesce($4, j.hint),
        history = {_story("'callback'", ", 'task_id', $4::text")}
    FROM known WHERE j.bot_id = known.bot_id AND j.job_id = known.job_id AND {_STILL_OPEN}
)
SELECT FROM known
"""

# $2 is the chat, $3 how many.
JOBS_OF = f"SELECT {JOB} AS job FROM jobs j WHERE bot_id = $1 AND chat_id = $2 ORDER BY job_id DESC LIMIT $3"

# $2 is the job after which they begin, $3 how many.
LIVE_JOBS = f"""
SELECT {JOB} AS job, c.version, c.state
FROM (
    SELECT * FROM jobs
    WHERE bot_id = $1 AND state IN ('wanted', 'submitting', 'running') AND job_id > $2
    ORDER BY job_id LIMIT $3
) AS j {state_of("j.chat_id")}
ORDER BY j.job_id
"""

RUNNING = "SELECT count(*)::int AS count FROM jobs WHERE bot_id = $1 AND state IN ('submitting', 'running')"

# $2 is the age in seconds, $3 how many. The commit waits for no disk: what a crash brings back is forgotten again.
PRUNE_JOBS = f"""
WITH gone AS (
    DELETE FROM jobs j WHERE bot_id = $1 AND {in_state("delivered", "failed", "cancelled", "unknown")}
      AND job_id = ANY (ARRAY(
        SELECT job_id FROM jobs
        WHERE bot_id = $1 AND {_ENDED} AND ended_at < now() - make_interval(secs => $2)
        ORDER BY ended_at LIMIT $3))
    RETURNING job_id
)
SELECT count(*)::int AS count, set_config('synchronous_commit', 'off', true) FROM gone
"""

"""The statements about jobs that operators ask for: `jobs_reading` runs them. $1 is the bot's id."""

from __future__ import annotations

from svc.handler.job import JobState
from svc.storage.jobs_sql import ending

_COLUMNS = """job_id, chat_id, user_id, provider, model, state, created_at, due_at, deadline_at, submitted_at, ready_at,
       ended_at, attempts, polls, task_id, progress, error, error_text"""

# By the latest, or by what ends first: each in the order of an index, whose condition is written out.
ALL = f"SELECT {_COLUMNS} FROM jobs WHERE bot_id = $1 ORDER BY job_id DESC LIMIT $2"
_OPEN = f"""SELECT {_COLUMNS} FROM jobs
WHERE bot_id = $1 AND state IN ('wanted', 'submitting', 'running') AND state = $3 ORDER BY due_at LIMIT $2"""
_READY = f"SELECT {_COLUMNS} FROM jobs WHERE bot_id = $1 AND state = $3 ORDER BY job_id DESC LIMIT $2"
_ENDED = f"""SELECT {_COLUMNS} FROM jobs
WHERE bot_id = $1 AND state IN ('delivered', 'failed', 'cancelled', 'unknown') AND state = $3
ORDER BY ended_at DESC LIMIT $2"""

LISTS: dict[JobState, str] = {
    "wanted": _OPEN,
    "submitting": _OPEN,
    "running": _OPEN,
    "ready": _READY,
    "delivered": _ENDED,
    "failed": _ENDED,
    "cancelled": _ENDED,
    "unknown": _ENDED,
}

SHOW = f"""
SELECT {_COLUMNS}, input, context, results, status_message_id, hint, epoch, sent_id, file_kind, file_id, history
FROM jobs WHERE bot_id = $1 AND job_id = $2
"""

# $2 is the job, $3 why, $4 and $5 what the leader is told.
_BY_OPERATOR = ending("true", "$2", "'cancelled'", "'cancelled'", "$3::text", "'[]'::jsonb", "'operator'")
CANCEL = f"""
WITH {_BY_OPERATOR}
SELECT pg_notify($4, $5) FROM ended
"""

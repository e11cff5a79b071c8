"""The events of the log: their names, which part of the service logs them, and their sign on a terminal.

Operators grep for the names and count them, so they stay; many are those of the original bot's logs. A test compares
this table with every log call, both ways: a name that is logged is in the table, and the other way round.
"""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How an event reads on a terminal: `[SOURCE] sign EVENT`. A worker's own name replaces the source."""

    source: str
    sign: str


EVENTS: dict[str, Look] = {
    # the webhook
    "ENQUEUED": Look("WEBHOOK", "✅"),
    "DUPLICATE": Look("WEBHOOK", "♻️"),
    "REJECTED": Look("WEBHOOK", "🚫"),
    "NOT_STORED": Look("WEBHOOK", "🔁"),
    "HANGUP": Look("WEBHOOK", "📴"),
    "BACKLOG": Look("WEBHOOK", "📚"),
    # an instance that is not ACTIVE
    "PASSIVE_WAIT": Look("PASSIVE", "⏸️"),
    "PASSIVE_DROP": Look("PASSIVE", "⏸️"),
    # the workers
    "DEDUP_CHECK": Look("WORKER", "🔐"),
    "DEDUP_SKIP": Look("WORKER", "⏭️"),
    "ACTIVE_PROCESS_START": Look("WORKER", "🎬"),
    "START": Look("START", "🎬"),
    "MAIN_MENU_SENT": Look("START", "✅"),
    "DONE": Look("WORKER", "🏁"),
    "BUSY": Look("WORKER", "⏳"),
    "RETRY": Look("WORKER", "🔁"),
    "CALL_AGAIN": Look("WORKER", "🔁"),  # within the attempt, at once
    "REFUSED": Look("WORKER", "🚫"),
    "DEAD": Look("WORKER", "💀"),
    "IN_DOUBT": Look("WORKER", "❓"),
    # a send in doubt: it is looked for
    "UNCLEAR": Look("WORKER", "🔎"),
    "LOOKED": Look("LOOKS", "🔎"),
    "FOUND": Look("LOOKS", "📬"),
    "NOT_FOUND": Look("LOOKS", "📭"),
    "LATE_DUPLICATE": Look("LOOKS", "👥"),
    "PROBE_EDITED": Look("LOOKS", "🛑"),
    "IDS_NOT_GROWING": Look("LOOKS", "🛑"),
    # more of the workers
    "HANDLER_FAILED": Look("WORKER", "💥"),
    "HANDLER_STUCK": Look("WORKER", "🧱"),
    "BOT_PAUSED": Look("WORKER", "⏸️"),
    "BOT_RESUMED": Look("WORKER", "▶️"),
    "SENDING_PAUSED": Look("WORKER", "⏸️"),
    "SENDING_RESUMED": Look("WORKER", "▶️"),
    # intake: what is set up at Telegram, and polling
    "WEBHOOK_SET": Look("INTAKE", "🔗"),
    "WEBHOOK_DIFFERS": Look("INTAKE", "⚠️"),
    "WEBHOOK_ERROR": Look("INTAKE", "⚠️"),
    "WEBHOOK_RETRY": Look("INTAKE", "🔁"),
    "COMMANDS_SET": Look("INTAKE", "🔗"),
    "MENU_BUTTON_SET": Look("INTAKE", "🔗"),
    "COMMANDS_RETRY": Look("INTAKE", "🔁"),
    "NAME_UNKNOWN": Look("INTAKE", "🔁"),
    "POLLING": Look("INTAKE", "📥"),
    "POLL_CONFLICT": Look("INTAKE", "⚠️"),
    "POLL_RETRY": Look("INTAKE", "🔁"),
    # jobs
    "JOB_CALLBACK": Look("WEBHOOK", "📞"),
    "JOB_CREATED": Look("JOBS", "🧾"),
    "JOB_PUT_OFF": Look("JOBS", "⏳"),
    "JOB_IN_DOUBT": Look("JOBS", "❓"),
    "JOB_IDENTIFIED": Look("JOBS", "🔎"),
    "JOB_LATER": Look("JOBS", "🔁"),
    "JOB_NOT_SHOWN": Look("JOBS", "🙈"),
    "JOB_READY": Look("JOBS", "🖼️"),
    "JOB_FAILED": Look("JOBS", "🚫"),
    "JOB_UNKNOWN": Look("JOBS", "❓"),
    "JOB_DELIVERED": Look("JOBS", "🎁"),
    "PROVIDER_REFUSED": Look("JOBS", "🔑"),
    # leadership and the lifecycle
    "STATE": Look("STATE", "🔀"),
    "LOCK_WAIT": Look("LOCK", "⏳"),
    "LOCK_ACQUIRED": Look("LOCK", "✅"),
    "LOCK_LOST": Look("LOCK", "⚠️"),
    "LOCK_RELEASED": Look("LOCK", "🔓"),
    "STEP_DOWN": Look("LOCK", "🪜"),
    "STAND_BACK": Look("LOCK", "🙇"),
    # the process
    "HTTP_UP": Look("HTTP", "🌐"),
    "OPS_LOGIN": Look("HTTP", "🧑"),
    "OPS_REFUSED": Look("HTTP", "🚫"),
    "CONNECTION": Look("HTTP", "⚠️"),
    "CONNECTIONS_FULL": Look("HTTP", "⚠️"),
    "OPEN_FILES": Look("HTTP", "⚠️"),
    "MIGRATED": Look("BOOT", "🗄"),
    "MIGRATION_WAIT": Look("BOOT", "⏳"),
    "DB_WAIT": Look("BOOT", "⏳"),
    "DB_LOST": Look("DB", "⚠️"),
    "NOT_WRITTEN": Look("DB", "💥"),
    "ASYNCIO": Look("DB", "⚠️"),
    "CHORE_FAILED": Look("CHORES", "💥"),
    "STUCK": Look("STATE", "🧱"),
    "DRAIN_TIMEOUT": Look("STATE", "⌛"),
    "EXIT": Look("STATE", "👋"),
    "FAILED": Look("STATE", "💥"),
    "LINES_LOST": Look("LOG", "🕳️"),
    "LIBRARY": Look("LIBRARY", "📚"),  # a warning or an error of a library's own logger
}

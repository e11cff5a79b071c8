"""What is known of a number: an update, what a chat or a person has sent, a job.

Every question goes by an index, those of migration 0008 among them; none asks for more than MOST rows of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from svc.reports.views import Found, JobRow, UpdateRow
from svc.storage.database import Database

Kind = Literal["update", "chat", "job"]

MOST = 50
"""The latest so many updates and jobs are told."""

_INT64 = 2**63
_ASKED = re.compile(r"(?:(update|chat|group|person|user|job)s?\b[\s:#=]*)?(-?\d{1,19})", re.IGNORECASE)
_KINDS: dict[str, Kind] = {
    "update": "update",
    "chat": "chat",
    "group": "chat",
    "person": "chat",
    "user": "chat",
    "job": "job",
}

_COLUMNS = "update_id, chat_id, update_type, received_at, {state} AS state, attempts, doubts, {note} AS note"
_TABLES = (
    ("inbox", _COLUMNS.format(state="state", note="last_error"), "true"),
    ("dead_updates", _COLUMNS.format(state="'dead'", note="reason"), "true"),
    # One that is dead, or was and is in the inbox again, is told of by its other row.
    ("processed_updates", _COLUMNS.format(state="'done'", note="outcome"), "outcome <> 'dead'"),
)


def _of_all(condition: str) -> str:
    """The latest rows of all three tables that fit; each table is asked by its index for as many as are told."""
    parts = (
        f"(SELECT {columns} FROM {table} WHERE bot_id = $1 AND {condition} AND {also} ORDER BY update_id DESC LIMIT $3)"
        for table, columns, also in _TABLES
    )
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY update_id DESC LIMIT $3"


BY_ID = _of_all("update_id = $2")
BY_CHAT = _of_all("chat_id = $2")

_JOB = "job_id, chat_id, user_id, provider, model, state, created_at, coalesce(error_text, error) AS error"
JOB_BY_ID = f"SELECT {_JOB} FROM jobs WHERE bot_id = $1 AND job_id = $2"
# In a private chat the chat's id is the person's. What a person has asked for in groups is among the latest jobs.
JOBS_BY_CHAT = f"SELECT {_JOB} FROM jobs WHERE bot_id = $1 AND chat_id = $2 ORDER BY job_id DESC LIMIT $3"
JOBS_BY_USER = f"""
SELECT {_JOB} FROM (SELECT * FROM jobs WHERE bot_id = $1 ORDER BY job_id DESC LIMIT 10000) AS latest
WHERE user_id = $2 AND chat_id <> $2 ORDER BY job_id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A number, and the only thing that it is looked for as; None: whatever it may be."""

    number: int
    only: Kind | None = None

    def may_be(self, kind: Kind) -> bool:
        """Whether it is looked for as this."""
        return self.only in (None, kind)


def asked_for(text: str) -> Asked:
    """What "7", "update 7", "job 7", "chat -100123" or "#7" asks for. Raises ValueError with one line about it."""
    match = _ASKED.fullmatch(text.strip().lstrip("#"))
    if match is None:
        raise ValueError('search for a number, such as 42, or for "update 42", "chat -100123", "job 42"')
    word, number = match[1], int(match[2])
    if not -_INT64 <= number < _INT64:
        raise ValueError("no id is as large as this")
    return Asked(number, _KINDS[word.lower()] if word else None)


async def search(database: Database, bot_id: int, asked: Asked) -> Found:
    """The latest of what fits. Raises DatabaseUnavailable."""
    number, updates, jobs = asked.number, [], []
    if asked.may_be("update"):
        updates += await database.fetch(BY_ID, bot_id, number, MOST)
    if asked.may_be("chat"):
        updates += await database.fetch(BY_CHAT, bot_id, number, MOST)
        jobs += await database.fetch(JOBS_BY_CHAT, bot_id, number, MOST)
        jobs += await database.fetch(JOBS_BY_USER, bot_id, number, MOST)
    if asked.may_be("job"):
        # Its end is told by an inbox row with its number below zero.
        jobs += await database.fetch(JOB_BY_ID, bot_id, abs(number))
        updates += await database.fetch(BY_ID, bot_id, -abs(number), MOST)
    found = {row["update_id"]: _update(row) for row in updates}
    of_jobs = {row["job_id"]: job_row(row) for row in jobs}
    return Found(_told(asked, found.values(), of_jobs.values()), list(found.values()), list(of_jobs.values()))


def job_row(row: Any) -> JobRow:
    """A job as a list shows it."""
    names = ("job_id", "chat_id", "user_id", "provider", "model", "state", "error")
    return JobRow(created_at=row["created_at"].isoformat(), **{name: row[name] for name in names})


def _update(row: Any) -> UpdateRow:
    names = ("update_id", "chat_id", "state", "attempts", "doubts", "note")
    return UpdateRow(
        kind=row["update_type"], received_at=row["received_at"].isoformat(), **{name: row[name] for name in names}
    )


def _told(asked: Asked, updates: Iterable[UpdateRow], jobs: Iterable[JobRow]) -> str:
    """What the number was taken for: everything that it turned out to be."""
    number, is_found = asked.number, []
    if any(row.update_id == number for row in updates):
        is_found.append(f"update {number}")
    if any(row.chat_id == number for row in updates) or any(row.chat_id == number for row in jobs):
        is_found.append(f"chat {number}")
    if any(row.user_id == number for row in jobs):
        is_found.append(f"person {number}")
    if any(row.job_id == abs(number) for row in jobs):
        is_found.append(f"job {abs(number)}")
    looked_for = f"{asked.only} {number}" if asked.only else str(number)
    return ", ".join(is_found) or f"nothing is known of {looked_for}"

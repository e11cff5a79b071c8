"""What follows from the end of an update, in memory: `svc/storage/effects_sql.py` in Python."""

from __future__ import annotations

from typing import NamedTuple

from svc.storage.inbox import JOB_ENDED, NO_CHAT, NO_STATE, ChatState, Effects, Received, SentFile
from svc.storage.jobs import job_of
from svc.storage.storable import storable_text_of_json
from tests.memory.job_rows import JobRow, asked_for, unix_time

ChatStates = dict[int, ChatState]


class Over(NamedTuple):
    """An update that has ended."""

    update: Received
    effects: Effects | None
    outcome: str
    sent_id: int | None = None
    file: SentFile | None = None


def follow(chats: ChatStates, jobs: dict[int, JobRow], over: Over) -> None:
    """Let its effects take place, if it is done; and if it told of a job, that is over."""
    update = over.update
    if over.effects is not None and over.outcome in ("done", "in_doubt") and update.chat_id != NO_CHAT:
        _take_place(chats, jobs, over, over.effects)
    if update.kind == JOB_ENDED:
        _told(jobs.get(job_of(update.update_id)), over)


def _take_place(chats: ChatStates, jobs: dict[int, JobRow], over: Over, effects: Effects) -> None:
    update = over.update
    if effects.state is not None:
        version = chats.get(update.chat_id, NO_STATE).version + 1
        chats[update.chat_id] = ChatState(version, storable_text_of_json(effects.state).encode())
    if effects.job is not None and update.kind != JOB_ENDED:
        jobs.setdefault(update.update_id, asked_for(update, effects.job, effects.secret, over.sent_id))
    cancelled = jobs.get(effects.cancel) if effects.cancel is not None else None
    if cancelled is not None and cancelled.job.chat_id == update.chat_id and cancelled.job.state == "wanted":
        cancelled.set("cancelled", state="cancelled", ended_at=unix_time())


def _told(row: JobRow | None, over: Over) -> None:
    if row is None or row.job.state != "ready":
        return
    done = over.outcome == "done"
    state, error = ("delivered", None) if done else ("failed", "not_delivered")
    kind, file_id = over.file if over.file is not None else (None, None)
    told = {"sent_id": over.sent_id, "file_kind": kind, "file_id": file_id}
    row.set(state, state=state, error=error, ended_at=unix_time(), **told)

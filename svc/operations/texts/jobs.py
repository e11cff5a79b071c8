"""What `svc jobs` says: a list of jobs, or the life of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from svc.operations.printing.document import Column, Document, Line, Table, Words, line
from svc.operations.printing.output import TO_MILLISECONDS, json_text, moment_text, short_moment
from svc.operations.texts.status import JOB_TONES

_MOMENTS = (
    ("created_at", "asked for"),
    ("submitted_at", "handed in"),
    ("ready_at", "made"),
    ("ended_at", "over"),
)
_JOBS = (
    Column("job", right=True),
    Column("state"),
    Column("model", folds=True),
    Column("chat", plain="chat={}", right=True),
    Column("asked for", plain="asked={}"),
    Column("task", plain="task={}", detail=True, folds=True),
    Column("why", detail=True, folds=True),
)


def jobs_document(jobs: Sequence[Mapping[str, Any]]) -> Document:
    """One job a row."""
    return [Table(_JOBS, [_row(job) for job in jobs])]


def job_document(job: Mapping[str, Any]) -> Document:
    """What is known of one job: what it is, when what happened, and what it has made."""
    return list(_lines(job))


def _row(job: Mapping[str, Any]) -> list[Words]:
    return [
        Words(str(job["job_id"]), "strong"),
        Words(job["state"], JOB_TONES.get(job["state"], "")),
        Words(job["model"]),
        Words(str(job["chat_id"])),
        Words(moment_text(job["created_at"]), "faint", short=short_moment(job["created_at"])),
        Words(job["task_id"] or ""),
        Words(_why(job)),
    ]


def _lines(job: Mapping[str, Any]) -> Iterator[Line]:
    why = _why(job)
    state = Words(job["state"], JOB_TONES.get(job["state"], ""))
    yield line(Words(f"job {job['job_id']}", "strong"), ": ", state, f", {why}" if why else "")
    yield line(f"{job['model']} of {job['provider']} for user {job['user_id']} in chat {job['chat_id']}", indent=2)
    yield line(f"input: {json_text(job['input'])}", indent=2)
    for name, text in _MOMENTS:
        if job[name] is not None:
            yield line(f"{text} ", _moment(job[name]), indent=2)
    if job["task_id"] or job["hint"]:
        hint = f", a callback named {job['hint']}" if job["hint"] else ""
        yield line(f"task {job['task_id'] or 'not known'}{hint}", indent=2)
    yield line(f"handed in {job['attempts']} times, asked for {job['polls']} times", indent=2)
    for result in job["results"]:
        yield line(f"result: {result['kind']} {result['name']} {result['url']}", indent=2)
    if job["sent_id"] is not None:
        yield line(Words(f"delivered as message {job['sent_id']}", "good"), indent=2)
    yield line("history:")
    for entry in job["history"]:
        more = "".join(f" {name}={value}" for name, value in entry.items() if name not in ("at", "event"))
        yield line(_moment(datetime.fromisoformat(entry["at"])), f" {entry['event']}", more, indent=2)


def _moment(moment: datetime) -> Words:
    text = moment_text(moment)
    return Words(text, "faint", short=text[:TO_MILLISECONDS])


def _why(job: Mapping[str, Any]) -> str:
    return ": ".join(text for text in (job["error"], job["error_text"]) if text)

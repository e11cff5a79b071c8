"""Jobs: work by somebody else that takes seconds to minutes, asked for by one update and ended with one message.

A job is a row (svc/storage/jobs.py) whose id is that of the update which asked for it, so that no update can ask for
two. Its life: wanted, submitting, running, ready, delivered; or it ends as failed, cancelled or unknown.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

JobState = Literal["wanted", "submitting", "running", "ready", "delivered", "failed", "cancelled", "unknown"]
"""wanted: not handed in yet. submitting: it is being handed in, or it is not known what became of that. running: the
provider has it. ready: it is made, and is on its way to the person. unknown: it cannot be told whether it was created.
"""

ENDED: frozenset[JobState] = frozenset({"delivered", "failed", "cancelled", "unknown"})

INT64 = 2**63

LONGEST = 7 * 86400.0
"""How many seconds a job may have at most."""

FileKind = Literal["photo", "video", "audio", "document"]

JobError = Literal[
    "input",  # the provider does not accept what it was given
    "credits",  # the account at the provider is empty
    "busy",  # the provider took no more work for too long
    "maintenance",  # the provider is closed
    "paused",  # an operator had paused its provider or its model until its deadline
    "not_set_up",  # there is no such provider here, or it does not accept the key
    "failed",  # the provider could not make it
    "too_slow",  # it was not made within the job's deadline
    "no_result",  # it was made, and the result could not be had
    "not_delivered",  # it was made, and Telegram did not take it: the person has blocked the bot, for one
    "lost",  # with the state unknown: whether it was created cannot be told
    "cancelled",  # by an operator
]


class JobRequest(msgspec.Struct, frozen=True):
    """Work that is wanted. `input` is what the provider takes for `model`; in it, `{"file_id": ...}` (alone or in a
    list) stands for a file that somebody has sent to the bot, and is replaced by an address before it is handed in.

    `context` is the bot's own and comes back with the job. The message that shows how it goes is the one that this very
    reply sends, also in place of an edit that is refused; where it sends none, `status_message_id`. `seconds`: it fails
    if it is not made by then.
    """

    provider: str
    model: str
    input: dict[str, Any]
    user_id: int
    context: dict[str, Any] = {}
    status_message_id: int | None = None
    seconds: float = 900.0

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for what no row can hold, which the database would say too late."""
        if not (-INT64 <= self.user_id < INT64 and -INT64 <= (self.status_message_id or 0) < INT64):
            raise ValueError("an id of a job is not one of 64 bits")
        if not 0 < self.seconds <= LONGEST:
            raise ValueError(f"a job has more than no time and {LONGEST} seconds at most")
        msgspec.to_builtins((self.input, self.context))


class ResultFile(msgspec.Struct, frozen=True):
    """One file that a job has made. `size` in bytes, None if the server does not tell."""

    url: str
    kind: FileKind
    name: str
    size: int | None = None


class Job(msgspec.Struct, frozen=True):
    """A job as handlers see it. Times are Unix times.

    `progress`: from 0 to 1, where the provider tells it. `error` says why it has failed, `error_text` in the provider's
    words. `sent_id` is the message that delivered it, `file_id` and `file_kind` what Telegram calls its file.
    """

    job_id: int
    chat_id: int
    user_id: int
    provider: str
    model: str
    input: dict[str, Any]
    context: dict[str, Any]
    state: JobState
    created_at: float
    status_message_id: int | None = None
    submitted_at: float | None = None
    ended_at: float | None = None
    progress: float | None = None
    results: tuple[ResultFile, ...] = ()
    error: JobError | None = None
    error_text: str | None = None
    sent_id: int | None = None
    file_id: str | None = None
    file_kind: FileKind | None = None

"""What the ops page is told, as plain data: each of these is sent as JSON. Times are ISO 8601, ages seconds.

None means not known: no answer in time, or nobody has said it yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InstanceView:
    """One process that was heard of within the last minute."""

    name: str
    state: str
    state_seconds: float
    started: str
    epochs: Sequence[int]
    heard_seconds: float
    reaches: bool | None
    reach_error: str | None


@dataclass(frozen=True)
class PauseView:
    """What an operator has paused (`scope` sending, provider, model), or `scope` "bot": Telegram does not know it."""

    scope: str
    name: str
    reason: str
    by: str
    since: str
    seconds: float


@dataclass(frozen=True)
class LeadView:
    """Who is ACTIVE: None if nobody is, with the epoch of the last."""

    instance: str | None
    epoch: int | None
    since: str | None
    seconds: float | None
    last_instance: str | None


@dataclass(frozen=True)
class CountView:
    """A count that is exact, or an estimate."""

    count: int | None
    exact: bool = True


@dataclass(frozen=True)
class ReasonView:
    """Why updates are dead, and how many."""

    reason: str
    updates: int


@dataclass(frozen=True)
class TrafficView:
    """What all instances together counted in the last `seconds` seconds (from the table figures).

    `counts` by outcome: accepted, duplicates, not_stored, done, refused, ignored, retried, dead, found, in_doubt.
    `answers` are the Bot API's by kind: ok, refused, not_sent, flood, in_doubt. Latencies are in milliseconds.
    """

    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    flood_pauses: int = 0
    flood_seconds: float = 0.0
    ack_p50: float | None = None
    ack_p99: float | None = None
    menu_p50: float | None = None
    menu_p99: float | None = None


@dataclass(frozen=True)
class JobsView:
    """How many jobs of one provider are in one state (those that have ended: in the last 24 hours)."""

    provider: str
    state: str
    jobs: int


@dataclass(frozen=True)
class MakerView:
    """A model at a provider, and how many of the latest jobs are of it."""

    provider: str
    model: str
    jobs: int


@dataclass(frozen=True)
class DatabaseView:
    """The database as it is seen from here."""

    answers_ms: float | None
    version: str | None
    size_bytes: int | None
    sessions: int | None
    max_sessions: int | None
    oldest_transaction_seconds: float | None
    tables: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each table with its indexes."""


@dataclass(frozen=True)
class TelegramView:
    """What Telegram says of its deliveries, as the ACTIVE instance was told `seconds` ago."""

    pending: int | None
    last_error: str | None
    last_error_at: str | None
    seconds: float | None


@dataclass(frozen=True)
class Overview:
    """All that is seen at a glance. `now` is the database's time, `problem` why the rest is old, if it is."""

    now: str
    served_by: str
    bot: str
    problem: str | None
    lead: LeadView
    instances: Sequence[InstanceView] | None
    pauses: Sequence[PauseView]
    inbox: CountView
    oldest_seconds: float | None
    in_doubt: int | None
    looked_for: int | None
    dead: CountView
    dead_reasons: Sequence[ReasonView]
    traffic: TrafficView
    jobs: Sequence[JobsView] | None
    database: DatabaseView
    telegram: TelegramView
    handovers: Sequence[Mapping[str, Any]]
    """The latest transitions: at, instance, source, target, trigger, reason, epoch, held."""


@dataclass(frozen=True)
class Span:
    """One step of an update's life. `start` and `end` are seconds since it was received; `end` None: it goes on.

    `kind`: received, waiting, attempt, call, look, doubt, ended, replay; of a job: step. `outcome` of calls is ok,
    refused, not_sent, in_doubt or failed, else one of the history's events. `level` 1 is within the span before it.
    """

    kind: str
    label: str
    start: float
    end: float | None
    level: int = 0
    outcome: str | None = None
    detail: str = ""
    at: str = ""


@dataclass(frozen=True)
class BlockedBy:
    """Why an update does not go on: an older one of its chat, a pause, a limit, a time before which it is not due."""

    why: str
    update_id: int | None = None
    until: str | None = None


@dataclass(frozen=True)
class LifeView:
    """One update, from its arrival to its end. `payload` is masked, and None where it is gone."""

    update_id: int
    chat_id: int
    kind: str
    state: str
    received_at: str
    received_by: str
    attempts: int
    doubts: int
    note: str | None
    spans: Sequence[Span]
    blocked_by: BlockedBy | None
    payload: str | None
    job_id: int | None


@dataclass(frozen=True)
class UpdateRow:
    """One update in a list."""

    update_id: int
    chat_id: int
    kind: str
    state: str
    received_at: str
    attempts: int
    doubts: int
    note: str | None


@dataclass(frozen=True)
class JobRow:
    """One job in a list."""

    job_id: int
    chat_id: int
    user_id: int
    provider: str
    model: str
    state: str
    created_at: str
    error: str | None


@dataclass(frozen=True)
class JobView:
    """One job's life. `spans` as those of an update; `context` and addresses of results are not told."""

    job: JobRow
    task_id: str | None
    attempts: int
    polls: int
    input: str
    spans: Sequence[Span]


@dataclass(frozen=True)
class Found:
    """What is known of what was searched for; `text` says what it was taken for."""

    text: str
    updates: Sequence[UpdateRow]
    jobs: Sequence[JobRow]


@dataclass(frozen=True)
class DeadRow:
    """A dead update. `payload` is masked and cut short."""

    update_id: int
    chat_id: int
    kind: str
    reason: str
    received_at: str
    died_at: str
    attempts: int
    doubts: int
    payload: str


@dataclass(frozen=True)
class DeadView:
    """Dead updates that fit, the latest first, and how many fit (of `looked_at`)."""

    rows: Sequence[DeadRow]
    fitting: int
    looked_at: int


@dataclass(frozen=True)
class ActionRow:
    """Something that an operator has done."""

    at: str
    operator: str
    via: str
    action: str
    detail: Mapping[str, Any]
    outcome: str | None

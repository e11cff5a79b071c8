"""What the page is told: the whole system at one moment, as plain data that becomes JSON.

All times are Unix times or seconds, but for figures whose name ends in `_ms`. An empty text means "nothing to say".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance. `state` is that of its state machine, or ENDED.

    `waiting` is how many updates are in its queue; None for this and others where it does not say. `frozen_for`,
    `no_postgres_for` and `no_bot_api_for` are the seconds until that is over, 0 if it is not so. `ended` says how it
    ended.
    """

    name: str
    pid: int
    address: str
    state: str
    since: float
    epoch: int | None = None
    lease_left: float | None = None
    waiting: int | None = None
    frozen_for: float = 0.0
    no_postgres_for: float = 0.0
    no_bot_api_for: float = 0.0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class FaultView:
    """A fault that is in force at Postgres, Telegram or the provider: the name of its action, and the seconds left."""

    action: str
    left: float


@dataclass(frozen=True, slots=True)
class HandoverView:
    """The last change of who leads: by which action, and the milliseconds in which nobody called Telegram.

    From the last call of the one before (or the moment at which it was killed or frozen) to the first call of the next.
    """

    action: str
    gap_ms: float
    at: float


@dataclass(frozen=True, slots=True)
class ScoreView:
    """The score since the demo began. Latencies are those of the last minute, None where there are none.

    `accepted` counts updates that were answered with 200, `answered` those /starts of which Telegram saw the menu,
    `waiting` those that have none yet. `lost` are accepted, not in the database's inbox, and without an answer; `twice`
    have had more than one. `found_out` counts sends whose fate was unknown and then found out.
    """

    accepted: int
    answered: int
    waiting: int
    lost: int
    twice: int
    found_out: int
    handover: HandoverView | None
    ack_p50_ms: float | None
    ack_p99_ms: float | None
    menu_p50_ms: float | None
    menu_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class FigureView:
    """One measured figure of a step of the tour: what it is, its value, its unit ("ms", "people", "")."""

    label: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the tour. `state` is ready, running, done or failed; `doing` says what goes on, `sentence` what came
    of it."""

    name: str
    title: str
    text: str
    state: str
    doing: str = ""
    sentence: str = ""
    figures: tuple[FigureView, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionView:
    """A button: the name of its action, its label, whom it is done to (instance, postgres, telegram, provider, system),
    and what it does, in a sentence."""

    name: str
    label: str
    target: str
    text: str


@dataclass(frozen=True, slots=True)
class SystemView:
    """Everything at the Unix time `now`. `news` is the latest thing that happened, in a sentence.

    `load` is people a second; `postgres` says how that is, in a few words; `pending` are the updates that wait at
    Telegram; `made` are the provider's tasks.
    """

    now: float
    news: str
    instances: tuple[InstanceView, ...]
    faults: tuple[FaultView, ...]
    postgres: str
    pending: int
    made: int
    load: float
    score: ScoreView
    tour: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class LogLineView:
    """One line of an instance's log, as a terminal would show it, and the Unix time at which it came."""

    instance: str
    level: str
    text: str
    at: float

"""What a handler is told besides the update: all that it may depend on, so that it stays a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from svc.handler.job import Job


@dataclass(frozen=True)
class Me:
    """The bot itself, as getMe tells."""

    id: int
    username: str


@dataclass(frozen=True)
class Creating:
    """What may be created here: by which providers, and how many jobs a person may have at once and in 24 hours.

    `paused` is what an operator has paused: pairs of "provider" or "model" and its name.
    """

    providers: frozenset[str] = frozenset()
    per_user: int = 2
    per_day: int = 50
    paused: frozenset[tuple[str, str]] = frozenset()

    def rests(self, provider: str, model: str) -> bool:
        """Whether an operator has paused this model or its provider: a job for it would only wait."""
        return not self.paused.isdisjoint({("provider", provider), ("model", model)})


@dataclass(frozen=True)
class Known:
    """`state` is the chat's, as the latest reply that was done has left it; empty for a chat without one.

    `now` is Unix time, `age` how many seconds ago the update arrived here (or was replayed). `me` is None until
    Telegram has told it. `jobs` are the chat's latest, the newest first, if the bot wants them for this update
    (Bot.wants_jobs).
    """

    me: Me | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    now: float = 0.0
    age: float = 0.0
    jobs: tuple[Job, ...] = ()
    creating: Creating = Creating()


MOST_JOBS = 100
"""How many jobs a handler is shown at most."""

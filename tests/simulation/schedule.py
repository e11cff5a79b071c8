"""What goes wrong and when: data made from a seed, each seed with its own mix of incidents."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = (
    "kill",  # and a new instance a moment later
    "drain",  # SIGTERM, with a new instance beside it
    "pause",  # SIGSTOP and SIGCONT: nothing passes its link
    "cut_database",
    "cut_lock",
    "cut_telegram",
    "lossy_database",  # statements or their answers get lost
    "end_lock_session",
    "database_away",
    "postgres_restarts",  # every session ends, requests are on their way
    "standby_away",  # commits wait for it; it returns
    "primary_lost",  # commits wait for the standby, and then it takes over
    "statements_refused",
    "rows_locked",  # by somebody else
    "stall_in_drain",  # SIGTERM while the database does not answer
    "backlog_of_one",  # one user writes a lot at once
    "backlog_of_many",
    "bot_api_flood",
    "bot_api_error",
    "bot_api_error_after",  # a gateway answers 504 after Telegram has sent the message
    "bot_api_unauthorized",  # 401 for everything, for a while
    "bot_api_html",
    "bot_api_cut_before",
    "bot_api_cut_after",
    "bot_api_slow",
    "lose_acks",  # the webhook's 200 does not reach Telegram
)

CHAOS = 30.0
UPDATES = 40


@dataclass(frozen=True)
class Incident:
    """At `at` seconds, `kind` happens to instance `who` (modulo those alive) for `lasting` seconds or `count` times."""

    at: float
    kind: str
    who: int
    lasting: float
    count: int


@dataclass(frozen=True)
class UserMessage:
    """At `at` seconds a user writes."""

    at: float
    user: int


@dataclass(frozen=True)
class Schedule:
    """All that happens in the run of one seed."""

    seed: int
    instances: int
    policy: str
    latency: float
    messages: tuple[UserMessage, ...]
    incidents: tuple[Incident, ...]

    def __str__(self) -> str:
        head = f"seed {self.seed}: {self.instances} instances, IN_DOUBT={self.policy}, latency {self.latency:.3f} s"
        lines = [
            f"  {each.at:6.2f} {each.kind} instance {each.who}, {each.lasting:.2f} s, {each.count} times"
            for each in self.incidents
        ]
        return "\n".join([head, *lines])


def make_schedule(seed: int) -> Schedule:
    """The schedule of `seed`, the same every time."""
    rng = random.Random(seed)
    kinds = rng.sample(KINDS, rng.randint(1, 8))
    users = rng.randint(1, 12)
    return Schedule(
        seed=seed,
        instances=rng.randint(1, 3),
        policy=rng.choice(("resend", "resend", "skip")),
        latency=rng.choice((0.0, 0.01, 0.3)),
        messages=tuple(
            UserMessage(at, rng.randint(1, users)) for at in sorted(rng.uniform(0, CHAOS) for _ in range(UPDATES))
        ),
        incidents=tuple(
            Incident(at, rng.choice(kinds), rng.randint(0, 2), rng.choice((0.1, 1.0, 2.5, 5.0, 8.0)), rng.randint(1, 4))
            for at in sorted(rng.uniform(0, CHAOS) for _ in range(rng.randint(2, 14)))
        ),
    )

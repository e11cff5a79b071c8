"""What goes wrong and when: data made from a seed, each seed with its own mix of incidents."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sandbox.rules import Edits, Ids

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
    "burst_cut_after",  # many write at once, and as many answers do not arrive
    "bot_api_flood",
    "bot_api_error",
    "bot_api_error_after",  # a gateway answers 504 after Telegram has sent the message
    "bot_api_unauthorized",  # 401 for everything, for a while
    "bot_api_html",
    "bot_api_cut_before",
    "bot_api_cut_after",
    "bot_api_late",  # the connection is cut at once, and what it had carried out comes later
    "bot_api_slow",
    "no_way_out",  # one instance cannot reach the Bot API, the others can
    "probes_flood",
    "probes_error",
    "probes_html",
    "probes_cut_before",
    "probes_cut_after",
    "probes_slow",
    "probes_forbidden",
    "probes_unknown",  # in words that nobody knows
    "lose_acks",  # the webhook's 200 does not reach Telegram
)

# How a Telegram may break the rules on ids and on edits. Most schedules keep them.
BROKEN_RULES = (
    (Ids.BY_CHAT, Edits.DOCUMENTED),
    (Ids.FALLING, Edits.DOCUMENTED),
    (Ids.SHARED, Edits.OTHER_WORDS),
    (Ids.SHARED, Edits.KIND_FIRST),
    (Ids.SHARED, Edits.CARRIED_OUT),
)

CHAOS = 30.0
UPDATES = 40
# The share of schedules whose Telegram breaks a rule.
BREAKING = 0.15
CHAT_TYPES = ("private", "private", "private", "private", "group", "supergroup")


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
    """At `at` seconds a user writes, in private, or into a chat of that type where several meet."""

    at: float
    user: int
    chat_type: str = "private"


@dataclass(frozen=True)
class Schedule:
    """All that happens in the run of one seed.

    `ids` and `edits`: by which rules this Telegram goes. `unseen_for`: seconds for which a message that was sent is not
    found by edits.
    """

    seed: int
    instances: int
    workers: int
    policy: str
    fallback: str
    ids: Ids
    edits: Edits
    unseen_for: float
    latency: float
    messages: tuple[UserMessage, ...]
    incidents: tuple[Incident, ...]

    @property
    def rules_kept(self) -> bool:
        """Whether this Telegram goes by the documented rules."""
        return (self.ids, self.edits) == (Ids.SHARED, Edits.DOCUMENTED)

    def __str__(self) -> str:
        head = (
            f"seed {self.seed}: {self.instances} instances of {self.workers} workers, latency {self.latency:.3f} s, "
            f"IN_DOUBT={self.policy} or else {self.fallback}, "
            f"{self.ids} ids, {self.edits} edits, unseen for {self.unseen_for} s"
        )
        lines = [
            f"  {each.at:6.2f} {each.kind} instance {each.who}, {each.lasting:.2f} s, {each.count} times"
            for each in self.incidents
        ]
        return "\n".join([head, *lines])


def make_schedule(seed: int) -> Schedule:
    """The schedule of `seed`, the same every time."""
    rng = random.Random(seed)
    kinds = rng.sample(KINDS, rng.randint(1, 8))
    broken = rng.choice(BROKEN_RULES)
    ids, edits = broken if rng.random() < BREAKING else (Ids.SHARED, Edits.DOCUMENTED)
    return Schedule(
        seed=seed,
        instances=rng.randint(1, 3),
        workers=rng.choice((4, 4, 16)),
        policy=rng.choice(("verify", "verify", "verify", "resend", "skip")),
        fallback=rng.choice(("resend", "skip")),
        ids=ids,
        edits=edits,
        unseen_for=rng.choice((0.0, 0.0, 0.0, 0.5, 2.0)),
        latency=rng.choice((0.0, 0.01, 0.3)),
        messages=_messages(rng),
        incidents=tuple(
            Incident(at, rng.choice(kinds), rng.randint(0, 2), rng.choice((0.1, 1.0, 2.5, 5.0, 8.0)), rng.randint(1, 4))
            for at in sorted(rng.uniform(0, CHAOS) for _ in range(rng.randint(2, 14)))
        ),
    )


def _messages(rng: random.Random) -> tuple[UserMessage, ...]:
    chat_types = {user: rng.choice(CHAT_TYPES) for user in range(1, rng.randint(1, 12) + 1)}
    times = sorted(rng.uniform(0, CHAOS) for _ in range(UPDATES))
    users = rng.choices(sorted(chat_types), k=UPDATES)
    return tuple(UserMessage(at, user, chat_types[user]) for at, user in zip(times, users, strict=True))

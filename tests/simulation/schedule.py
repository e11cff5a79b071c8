"""What goes wrong and when: data made from a seed, each seed with its own mix of incidents."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

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

Order = Literal["pause_sending", "pause_provider", "pause_model", "step_down"]

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
# In so many schedules some messages ask for a job, each with this chance.
WITH_JOBS = 0.5
ASKS_FOR_JOB = 0.4
# In so many schedules some of the others need no answer, each with this chance.
WITH_ASIDES = 0.4
IS_ASIDE = 0.3
# In so many schedules operators give orders, up to so many.
WITH_ORDERS = 0.4
MOST_ORDERS = 5
ORDERS: tuple[Order, ...] = ("pause_sending", "pause_sending", "pause_provider", "pause_model", "step_down")
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
    """At `at` seconds a user writes, in private, or into a chat of that type where several meet. Where it
    `needs_nothing`, it gets no answer.
    """

    at: float
    user: int
    chat_type: str = "private"
    wants_job: bool = False
    needs_nothing: bool = False


@dataclass(frozen=True)
class OperatorOrder:
    """At `at` seconds an operator pauses all sending, the provider or the model, and resumes after `lasting` seconds;
    or wants the leader to step down, and takes that back if it has not come about by then.
    """

    at: float
    kind: Order
    lasting: float


@dataclass(frozen=True)
class ProviderTrouble:
    """What goes wrong at the provider: the share of calls, or of tasks, that it happens to, and seconds."""

    creates_refused: float = 0.0
    creates_not_sent: float = 0.0
    creates_cut_before: float = 0.0
    creates_cut_after: float = 0.0
    create_takes: float = 0.0
    queries_fail: float = 0.0
    unseen_for: float = 0.0
    """A new task is not known to queries at first."""
    early_callbacks: float = 0.0
    """A task is over, and its callback leaves, before its create is answered."""
    no_callback: float = 0.0
    callbacks_twice: float = 0.0
    forged_callbacks: float = 0.0
    not_made: float = 0.0
    made_nothing: float = 0.0
    results_gone: float = 0.0
    lasting: tuple[float, float] = (1.0, 5.0)


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
    provider: ProviderTrouble
    orders: tuple[OperatorOrder, ...] = ()

    @property
    def has_jobs(self) -> bool:
        """Whether anybody asks for one."""
        return any(message.wants_job for message in self.messages)

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
        orders = [f"  {each.at:6.2f} ORDER {each.kind}, {each.lasting:.2f} s" for each in self.orders]
        return "\n".join([head, *([f"  {self.provider}"] if self.has_jobs else []), *lines, *orders])


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
        messages=_with_asides(
            _with_jobs(_messages(rng), random.Random(f"jobs {seed}")), random.Random(f"asides {seed}")
        ),
        incidents=tuple(
            Incident(at, rng.choice(kinds), rng.randint(0, 2), rng.choice((0.1, 1.0, 2.5, 5.0, 8.0)), rng.randint(1, 4))
            for at in sorted(rng.uniform(0, CHAOS) for _ in range(rng.randint(2, 14)))
        ),
        provider=_provider(random.Random(f"provider {seed}")),
        orders=_orders(random.Random(f"orders {seed}")),
    )


def _messages(rng: random.Random) -> tuple[UserMessage, ...]:
    chat_types = {user: rng.choice(CHAT_TYPES) for user in range(1, rng.randint(1, 12) + 1)}
    times = sorted(rng.uniform(0, CHAOS) for _ in range(UPDATES))
    users = rng.choices(sorted(chat_types), k=UPDATES)
    return tuple(UserMessage(at, user, chat_types[user]) for at, user in zip(times, users, strict=True))


def _with_jobs(messages: tuple[UserMessage, ...], rng: random.Random) -> tuple[UserMessage, ...]:
    """In some schedules some of the messages ask for a job. Drawn by itself: the others' schedules stay as they are."""
    if rng.random() >= WITH_JOBS:
        return messages
    return tuple(replace(message, wants_job=rng.random() < ASKS_FOR_JOB) for message in messages)


def _with_asides(messages: tuple[UserMessage, ...], rng: random.Random) -> tuple[UserMessage, ...]:
    """In some schedules some of the messages need no answer."""
    if rng.random() >= WITH_ASIDES:
        return messages
    return tuple(
        replace(message, needs_nothing=not message.wants_job and rng.random() < IS_ASIDE) for message in messages
    )


def _orders(rng: random.Random) -> tuple[OperatorOrder, ...]:
    """In some schedules. Drawn by itself too."""
    if rng.random() >= WITH_ORDERS:
        return ()
    return tuple(
        OperatorOrder(at, rng.choice(ORDERS), lasting)
        for at in sorted(rng.uniform(0, CHAOS) for _ in range(rng.randint(1, MOST_ORDERS)))
        for lasting in (rng.choice((0.5, 3.0, 8.0, 20.0)),)
    )


def _provider(rng: random.Random) -> ProviderTrouble:
    """A few kinds of trouble at a time, so that each is met with and without each other."""

    def share(*of: float) -> float:
        return rng.choice((0.0, 0.0, *of))

    return ProviderTrouble(
        creates_refused=share(0.2, 0.5),
        creates_not_sent=share(0.2),
        creates_cut_before=share(0.1, 0.3),
        creates_cut_after=share(0.1, 0.3),
        create_takes=rng.choice((0.0, 0.2, 3.0)),
        queries_fail=share(0.2, 0.5),
        unseen_for=rng.choice((0.0, 0.0, 5.0, 30.0)),
        early_callbacks=share(0.3),
        no_callback=share(0.3, 1.0),
        callbacks_twice=share(0.3),
        forged_callbacks=share(0.3),
        not_made=share(0.1),
        made_nothing=share(0.1),
        results_gone=share(0.3),
        lasting=rng.choice(((0.2, 2.0), (1.0, 5.0), (5.0, 20.0))),
    )

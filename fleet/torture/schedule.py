"""Which fault happens when, made from a seed alone: the same seed, the same schedule."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """Whom a fault hits."""

    ACTIVE = "ACTIVE"
    PASSIVE = "PASSIVE"
    DATABASE = "database"
    BOT_API = "Bot API"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `lasting` is the least and the longest it lasts, in seconds; (0, 0) for what happens at once."""

    words: str
    target: Target | None = None
    lasting: tuple[float, float] = (0.0, 0.0)


KINDS = {
    # An instance, as a rule the ACTIVE one.
    "kill": Kind("SIGKILL"),
    "drain": Kind("SIGTERM"),
    "stop": Kind("SIGSTOP, then SIGCONT", lasting=(0.3, 6.0)),
    "database_cut": Kind("its connections to Postgres are cut"),
    "database_link_stalled": Kind("nothing passes between it and Postgres", lasting=(0.5, 5.0)),
    "telegram_cut": Kind("its connections to the Bot API are cut"),
    "telegram_link_stalled": Kind("nothing passes between it and the Bot API", lasting=(0.5, 4.0)),
    "no_telegram": Kind("no way to the Bot API", lasting=(4.0, 9.0)),
    "clock_ahead": Kind("its clock jumps ahead, and back", lasting=(1.0, 6.0)),
    "clock_behind": Kind("its clock jumps back, and ahead again", lasting=(1.0, 6.0)),
    # Postgres.
    "restart": Kind("Postgres restarts", Target.DATABASE),
    "crash": Kind("Postgres crashes and recovers", Target.DATABASE),
    "failover": Kind("the primary is lost, the standby takes over", Target.DATABASE),
    "stall": Kind("Postgres stands still", Target.DATABASE, (0.5, 4.0)),
    # The Bot API: a share of its calls for a while, whoever makes them.
    "flood": Kind("429", Target.BOT_API, (0.5, 2.0)),
    "error": Kind("500", Target.BOT_API, (1.0, 3.0)),
    "html": Kind("502 with a page of HTML", Target.BOT_API, (1.0, 3.0)),
    "slow": Kind("carried out and answered slowly", Target.BOT_API, (1.0, 4.0)),
    "slow_after": Kind("carried out at once, answered slowly", Target.BOT_API, (1.0, 4.0)),
    "cut_before": Kind("cut before the fact", Target.BOT_API, (1.0, 4.0)),
    "cut_after": Kind("cut after the fact", Target.BOT_API, (1.0, 4.0)),
    "error_after": Kind("carried out and answered 504", Target.BOT_API, (1.0, 3.0)),
    "late": Kind("cut, and carried out later", Target.BOT_API, (1.0, 3.0)),
    "hang": Kind("neither carried out nor answered", Target.BOT_API, (0.3, 1.0)),
    "unseen": Kind("new messages are not found at first", Target.BOT_API, (3.0, 8.0)),
    "duplicates": Kind("Telegram delivers updates again", Target.BOT_API),
    # What an operator orders.
    "paused": Kind("all sending is paused, then resumed", Target.OPERATOR, (1.0, 4.0)),
    "handed_over": Kind("the leader is to step down", Target.OPERATOR),
}
FIRST_AT = (0.5, 2.0)
PAUSE = (1.5, 3.0)
"""Seconds between two faults, least and longest: 130 of them in five minutes."""
AT_THE_ACTIVE_ONE = 0.7


@dataclass(frozen=True)
class PlannedFault:
    """One fault: `at` and `lasting` in seconds, the first from the beginning on."""

    at: float
    kind: str
    who: Target
    lasting: float = 0.0

    def __str__(self) -> str:
        lasting = f", for {self.lasting:.1f} s" if self.lasting else ""
        return f"{self.at:6.1f} s  {self.kind:<22} {self.who}: {KINDS[self.kind].words}{lasting}"


def mixed(seed: int, seconds: float, instances: int, kinds: Collection[str] = tuple(KINDS)) -> list[PlannedFault]:
    """Faults of all `kinds`, one every other second. Each kind comes once before any comes again."""
    rng = random.Random(seed)
    faults: list[PlannedFault] = []
    bag: list[str] = []
    at = rng.uniform(*FIRST_AT)
    while at < seconds:
        if not bag:
            bag = rng.sample(sorted(kinds), len(kinds))
        kind = bag.pop()
        who = KINDS[kind].target or _draw_instance(rng, instances)
        faults.append(PlannedFault(round(at, 2), kind, who, round(rng.uniform(*KINDS[kind].lasting), 2)))
        at += rng.uniform(*PAUSE)
    return faults


def kills(seconds: float, count: int) -> list[PlannedFault]:
    """The ACTIVE instance is killed so often, at equal distances."""
    return [PlannedFault(round(seconds * (number + 0.5) / count, 2), "kill", Target.ACTIVE) for number in range(count)]


def _draw_instance(rng: random.Random, instances: int) -> Target:
    active = rng.random() < AT_THE_ACTIVE_ONE
    return Target.ACTIVE if active or instances == 1 else Target.PASSIVE

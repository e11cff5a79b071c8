"""What can be done to the system: one row each, for the page, the tour and the shows alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.instance import Instance
    from demo.system import System

LASTS = 10.0
"""Seconds after which what can be undone is undone by itself."""


class Target(StrEnum):
    """Whom an action is done to."""

    SYSTEM = "system"
    INSTANCE = "instance"
    POSTGRES = "postgres"
    TELEGRAM = "telegram"
    PROVIDER = "provider"


class Refused(Exception):
    """It cannot be done now; the message says why, in a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Action:
    """One row. `run` gets the instance that was chosen (None: the ACTIVE one, or none is needed) and returns when it is
    done or, for what lasts, when it is in force: it is undone in the background. Raises Refused."""

    name: str
    label: str
    target: Target
    text: str
    run: Callable[[System, Instance | None], Awaitable[None]]


ACTIONS: dict[str, Action] = {}
"""By name: start, deploy; crash, freeze, cut_postgres, cut_bot_api; restart_postgres, fail_over; telegram_slow,
telegram_429, telegram_5xx, telegram_cut; provider_slow, provider_failing."""


async def perform(system: System, name: str, instance: str | None = None) -> None:
    """Do it to the instance of that name, or to the ACTIVE one, and mark it in the history.

    Raises Refused, also for a name that is unknown.
    """
    raise NotImplementedError

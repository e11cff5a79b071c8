"""The table operator_actions: who did what when, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from svc.storage.database import Database


@dataclass(frozen=True)
class Operator:
    """Who acts: a name with where it came from ("anna@host", "Anna (192.0.2.7)"), and by what."""

    name: str
    via: Literal["command", "page"]


@dataclass
class Outcome:
    """To be filled in within the block of `recorded`: what came of the action, in a few words."""

    text: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def recorded(
    database: Database, bot_id: int, operator: Operator, action: str, detail: Mapping[str, Any]
) -> AsyncIterator[Outcome]:
    """Record an action before the block does it, and after it what came of it: `outcome.text`, or the error.

    Raises DatabaseUnavailable before the block where it cannot be recorded: what is not recorded is not done.
    """
    outcome = Outcome()
    yield outcome  # the lead's sketch: nothing is recorded yet


async def latest_actions(database: Database, bot_id: int, limit: int) -> list[dict[str, Any]]:
    """The latest actions, the newest first: at, operator, via, action, detail, outcome, ended_at."""
    raise NotImplementedError

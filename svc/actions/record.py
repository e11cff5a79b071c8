"""The table operator_actions: who did what when, and what came of it."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
import trio

from svc.observability.errors import describe
from svc.storage.database import Database
from svc.storage.errors import DatabaseUnavailable
from svc.storage.storable import storable, storable_json

log = structlog.get_logger()

LONGEST_NAME = 100
# Seconds for writing down what came of an action, also where whoever did it is being stopped.
END_DEADLINE = 3.0
STOPPED = "stopped half-way"

BEGIN = """
INSERT INTO operator_actions (bot_id, operator, via, action, detail) VALUES ($1, $2, $3, $4, $5::jsonb) RETURNING id
"""
END = """
UPDATE operator_actions SET outcome = $3, detail = detail || $4::jsonb, ended_at = now() WHERE bot_id = $1 AND id = $2
"""
LATEST = """
SELECT at, operator, via, action, detail, outcome, ended_at FROM operator_actions
WHERE bot_id = $1 ORDER BY at DESC, id DESC LIMIT $2
"""


@dataclass(frozen=True)
class Operator:
    """Who acts: a name with where it came from ("anna@host", "Anna (192.0.2.7)"), and by what."""

    name: str
    via: Literal["command", "page"]

    @property
    def label(self) -> str:
        """The name as it is written down and shown: on one line, of a sane length, and such as can be stored."""
        return storable(" ".join(self.name.split()))[:LONGEST_NAME] or "unknown"


def operator_named(name: str | None) -> Operator:
    """Whoever gives a command on this machine: by this name, by SVC_OPERATOR, or as the system calls them."""
    given = name or os.environ.get("SVC_OPERATOR")
    return Operator(given or _user_here(), "command")


def _user_here() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # as in a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


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

    Raises DatabaseUnavailable before the block where it cannot be recorded: what is not recorded is not done. Where
    only its outcome cannot be, that is logged.
    """
    ((action_id,),) = await database.fetch(
        BEGIN, bot_id, operator.label, operator.via, action, storable_json(dict(detail))
    )
    outcome = Outcome()
    try:
        yield outcome
    except BaseException as error:
        # One that is no Exception stops whoever acts: a cancellation, Ctrl-C.
        outcome.text = describe(error) if isinstance(error, Exception) else STOPPED
        await _end(database, bot_id, action_id, outcome)  # noqa: ASYNC102 (shields itself, with a deadline)
        raise
    await _end(database, bot_id, action_id, outcome)


async def latest_actions(database: Database, bot_id: int, limit: int) -> list[dict[str, Any]]:
    """The latest actions, the newest first: at, operator, via, action, detail, outcome, ended_at."""
    rows = await database.fetch(LATEST, bot_id, limit)
    return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]


async def _end(database: Database, bot_id: int, action_id: int, outcome: Outcome) -> None:
    text, detail = storable(outcome.text) or "done", storable_json(outcome.detail)
    with trio.move_on_after(END_DEADLINE, shield=True) as ending:
        try:
            await database.fetch(END, bot_id, action_id, text, detail)
        except DatabaseUnavailable as error:
            log.warning("DB_LOST", error=f"the outcome of action {action_id} is not recorded: {error}")
    if ending.cancelled_caught:
        log.warning("DB_LOST", error=f"the outcome of action {action_id} is not recorded: no answer in time")

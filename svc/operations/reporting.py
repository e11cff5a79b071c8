"""Running a command that reports its own findings: its exit code, and a line for what kept it from its work."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import trio

from svc.observability.errors import leaves
from svc.operations.exit_codes import DONE, FAILED
from svc.operations.printing.document import printable
from svc.storage.database import DatabaseRefused, DatabaseUnavailable, asyncio_loop
from svc.storage.migrate import MigrationError


def run_reporting(command: Callable[[], Awaitable[bool]]) -> int:
    """Run a command that returns whether all is well, with asyncpg's loop around it; returns the exit code."""

    async def run() -> bool:
        async with asyncio_loop():
            return await command()

    code = FAILED
    try:
        code = DONE if trio.run(run) else FAILED
    except* (DatabaseUnavailable, MigrationError) as group:
        for error in leaves(group):
            print(f"svc: {printable(_explained(error))}", file=sys.stderr)
    return code


def _explained(error: BaseException) -> str:
    match error:
        case DatabaseRefused():
            return f"the database cannot be used: {error}"
        case DatabaseUnavailable():
            return f"the database does not answer: {error}"
    return str(error)

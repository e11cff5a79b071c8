"""The asyncio loop in which asyncpg runs, beside Trio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
import trio_asyncio

from svc.observability.errors import describe

log = structlog.get_logger()


@asynccontextmanager
async def asyncio_loop() -> AsyncIterator[None]:
    """An asyncio loop for everything within the block. Loops do not nest.

    trio-asyncio's own exception handler turns any warning of that loop into an exception in the loop's nursery, which
    stops its socket readers, after which shielded clean-up waits for ever. The handler set here only logs.
    """
    async with trio_asyncio.open_loop() as loop:
        loop.set_exception_handler(_log_loop_error)
        yield


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.warning("ASYNCIO", message=context.get("message"), error=describe(error) if error else None)

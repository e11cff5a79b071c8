"""What a chore does where the database is away: it says so and comes again. That is never worth the period."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from svc.storage.errors import DatabaseUnavailable

log = structlog.get_logger()

T = TypeVar("T")


async def or_later(work: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `work`; None if the database is away, which is logged: whoever calls comes again."""
    try:
        return await work()
    except DatabaseUnavailable as error:
        log.warning("DB_LOST", error=str(error))
        return None

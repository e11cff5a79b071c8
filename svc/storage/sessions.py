"""Opening sessions with Postgres that have their settings: what may last how long, and how statements are planned."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from svc.observability.errors import describe
from svc.storage.errors import LOST, DatabaseUnavailable
from svc.storage.hosts import Connection, Hosts

CLOSE_CONNECTION_DEADLINE = 0.3
"""Seconds. Short: whoever was cancelled waits for this, and a lost lease leaves a second to end everything."""

# The one setting that every pooler takes.
_NAME = "application_name"

SET_ALL = "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS settings (name, value)"


def milliseconds(seconds: float) -> str:
    """`seconds` as Postgres takes a time that has no unit."""
    return str(round(seconds * 1000))


class Sessions:
    """Opens sessions at one address.

    The settings go along as parameters of the session's start. A connection pooler refuses those it does not know;
    then they are set by a statement, which holds as long as the pooler gives the session a server process of its own.
    (One that does not is refused at BOOT: `svc/storage/fitness.py`.)
    """

    def __init__(self, url: str) -> None:
        self._hosts = Hosts(url)
        self._by_statement = False

    async def open(self, settings: Mapping[str, str], *, statement_deadline: float) -> Connection:
        """A new session with `settings`, each of whose statements may take so many seconds. On the asyncio side.

        Raises what asyncpg raises, DatabaseUnavailable or DatabaseRefused.
        """
        if not self._by_statement:
            try:
                return await self._hosts.connect(command_timeout=statement_deadline, server_settings=dict(settings))
            except (asyncpg.ProtocolViolationError, asyncpg.FeatureNotSupportedError):
                pass  # what a pooler says to a parameter that it does not know
        name = {key: value for key, value in settings.items() if key == _NAME}
        connection = await self._hosts.connect(command_timeout=statement_deadline, server_settings=name)
        try:
            await _set_all(connection, settings)
        except TimeoutError as error:
            # Not one statement among others that may be fine: there is no session.
            raise DatabaseUnavailable(describe(error)) from error
        self._by_statement = True
        return connection


async def _set_all(connection: Connection, settings: Mapping[str, str]) -> None:
    try:
        await connection.fetch(SET_ALL, list(settings), list(settings.values()))
    except BaseException:
        await close_connection(connection)  # noqa: ASYNC102 (asyncio's side, bounded)
        raise


async def close_connection(connection: Connection) -> None:
    """Close it in order if that is soon done, and else at once. On the asyncio side."""
    try:
        await connection.close(timeout=CLOSE_CONNECTION_DEADLINE)
    except LOST:
        connection.terminate()

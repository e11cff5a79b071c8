"""Connecting to one of the hosts of a database's address."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from svc.observability.errors import describe
from svc.storage.array_types import know_array_types
from svc.storage.errors import LOST, REFUSED, DatabaseRefused, DatabaseUnavailable

Connection = Any  # asyncpg.Connection; its stubs want a record type that says nothing here

CONNECT_DEADLINE = 1.5
"""Seconds for one attempt to connect, over all hosts together."""


class Hosts:
    """The hosts of an address, of which the one that takes writes is wanted.

    asyncpg tries them under one deadline for all, so a first host that does not even refuse (a dead machine) would
    use up every attempt. Here each has its share of CONNECT_DEADLINE, and the one that was good last comes first.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        self._urls = [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]

    async def connect(self, **options: Any) -> Connection:
        """Connect to the first that takes writes; `options` are those of `asyncpg.connect`. On the asyncio side.

        Raises what asyncpg raises where the server refuses or the connection is lost, DatabaseRefused if the address
        itself is at fault, and DatabaseUnavailable for no answer in time and for whatever else a server says.
        """
        urls = list(self._urls)
        for url in urls:
            try:
                connection = await _connect_to(url, CONNECT_DEADLINE / len(urls), options)
            except (*LOST, DatabaseUnavailable) as error:
                if isinstance(error, DatabaseRefused) or url == urls[-1]:
                    raise
            else:
                self._urls = [url, *(other for other in urls if other != url)]
                return connection
        raise AssertionError("an address has at least one host")


async def _connect_to(url: str, seconds: float, options: dict[str, Any]) -> Connection:
    try:
        connection = await asyncpg.connect(
            url, timeout=seconds, target_session_attrs=SessionAttribute.read_write, **options
        )
    except TimeoutError as error:
        raise DatabaseUnavailable(describe(error)) from error
    except (*LOST, *REFUSED):
        raise
    except ValueError as error:
        # The address cannot be parsed. The error's own text is left out: it may quote the password.
        raise DatabaseRefused(f"the database's address cannot be used ({type(error).__name__})") from None
    except (asyncpg.UndefinedObjectError, asyncpg.DataError) as error:
        # The address sets a server parameter that does not exist, or to what it cannot be.
        raise DatabaseRefused(describe(error)) from None
    except asyncpg.PostgresError as error:
        # Such as a database that takes no connections for now.
        raise DatabaseUnavailable(describe(error)) from error
    know_array_types(connection)
    return connection

"""Which connections are open, and which of them makes room where one more would be too many.

Every connection is an open file, of which a process has a limited number. At that limit a server cannot accept anybody,
and clients that say nothing would keep everybody else out. So there are fewer connections than that, and one that comes
when all places are taken is served, and another one is closed for it: one that has not asked for anything yet, if there
is one, so that those who come in a crowd close each other and not the connections that Telegram keeps.
"""

from __future__ import annotations

import resource
from collections import OrderedDict
from typing import Protocol

import structlog
import trio

log = structlog.get_logger()

MAX_CONNECTIONS = 2000
"""The limit where the configuration does not say otherwise; see hypercorn.toml."""
# Open files kept for everything else: the log, the listening sockets, the database, the lock, the Bot API.
OWN_FILES = 128
LOG_EVERY = 60.0


class Connection(Protocol):
    """What can be closed to make room."""

    @property
    def holds_back(self) -> bool:
        """Whether it is at work on a request whose body has not come whole."""

    def close_now(self) -> None:
        """Close the socket at once, without waiting for anything; whoever uses it finds it closed."""


class OpenConnections:
    """The open connections of one server, each new, at work on a request, or waiting for the next one: so many at most
    as `limit` says."""

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        # Each in the order in which they came into that condition, so the first is the one that is in it longest.
        self._new: OrderedDict[Connection, None] = OrderedDict()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._at_work: OrderedDict[Connection, None] = OrderedDict()
        self._closed = 0
        self._logged_at = -LOG_EVERY

    def __len__(self) -> int:
        return len(self._new) + len(self._waiting) + len(self._at_work)

    def add(self, connection: Connection) -> None:
        """Let `connection` in, which waits for its first request. If all places are taken, another one is closed.

        It is the one that has waited longest for its first request, or the rest of its headers. Where there is none, it
        is the one that has been longest at work if that holds back its body, or else has waited longest for its next
        request. Where all are at work it is the one that has been longest: then they are stuck, or far more than
        Telegram ever opens.
        """
        while len(self) >= self._limit:
            self._close_one()
        self._new[connection] = None

    def waits(self, connection: Connection) -> None:
        """`connection` has been answered and waits for its next request."""
        if self._at_work.pop(connection, connection) is None:
            self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """`connection` has a request."""
        if None in (self._new.pop(connection, connection), self._waiting.pop(connection, connection)):
            self._at_work[connection] = None

    def remove(self, connection: Connection) -> None:
        """`connection` is closed."""
        for connections in (self._new, self._waiting, self._at_work):
            connections.pop(connection, None)

    def _close_one(self) -> None:
        held_back = next(iter(self._at_work), None)
        holds_back = held_back is not None and held_back.holds_back
        connections = self._new or (self._at_work if holds_back else self._waiting or self._at_work)
        connection, _ = connections.popitem(last=False)
        connection.close_now()
        self._closed += 1
        if trio.current_time() - self._logged_at >= LOG_EVERY:
            log.warning("CONNECTIONS_FULL", limit=self._limit, closed=self._closed)
            self._closed, self._logged_at = 0, trio.current_time()


def most_connections(wanted: int, open_files: int) -> int:
    """How many connections there may be where `wanted` are allowed and the process may have `open_files`.

    Half of the files at most, and OWN_FILES fewer than there are: the other half is for as many WORKERS as are set.
    """
    if open_files == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(open_files // 4, min(open_files // 2, open_files - OWN_FILES)))


def most_connections_here(wanted: int) -> int:
    """The same for this process as it is."""
    return most_connections(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

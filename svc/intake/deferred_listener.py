"""A listener that hands a connection on once its client has said something.

Serving a connection costs a third of a millisecond and thirty kilobytes before a byte of it has come. A crowd that
connects and says nothing would have the server do that for each, and while it is at it the kernel's queue of new
connections overflows: whoever else wants in is not heard, and tries again after a second. Here a silent connection
costs an open file and an entry in a list, and is accepted and closed in some hundredths of a millisecond.

Of those that speak, whoever brings an update comes first: a crowd that does speak, and is served one by one, stands in
no update's way.

The kernel has the same on offer (TCP_DEFER_ACCEPT) for the silent ones, but it keeps no more of them than `backlog`,
and lets all others through to us.
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
from collections import OrderedDict
from collections.abc import Callable

import trio

from svc.intake.open_connections import OpenConnections

AT_ONCE = 8
"""Connections that are accepted before everything else gets its turn: a third of a millisecond's worth."""
PEEK = 4096
"""Bytes of what a client says first that are looked at: all headers of Telegram's, and most updates."""
# What accept(2) says of a connection that was lost before it was accepted.
_LOST = {errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH}


class DeferredListener(trio.abc.Listener[trio.SocketStream]):
    """Listens at `listening`, a socket that is bound and listens already, and which is closed with this.

    Its silent connections are among `connections`, where they make room for others, and are closed after `patience`
    seconds. Whoever begins with something that `comes_first` is handed on before all others.
    """

    def __init__(
        self,
        listening: socket.socket,
        connections: OpenConnections,
        patience: float,
        comes_first: Callable[[bytes], bool],
    ) -> None:
        listening.setblocking(False)
        self._listening = listening
        self._connections = connections
        self._patience = patience
        self._comes_first = comes_first
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, None)
        # Those that have said nothing, the oldest first, and those that have and are to be handed on.
        self._silent: OrderedDict[NewConnection, None] = OrderedDict()
        self._first: OrderedDict[NewConnection, None] = OrderedDict()
        self._others: OrderedDict[NewConnection, None] = OrderedDict()

    async def accept(self) -> trio.SocketStream:
        """The next connection whose client has sent something.

        Raises OSError where no connection can be accepted, above all for want of open files; it can be called again.
        """
        while True:
            await trio.lowlevel.checkpoint()
            self._look()
            if speaking := self._first or self._others:
                connection, _ = speaking.popitem(last=False)
                self._connections.remove(connection)
                return trio.SocketStream(trio.socket.from_stdlib_socket(connection.socket))
            oldest = next(iter(self._silent), None)
            with trio.move_on_at(math.inf if oldest is None else oldest.accepted_at + self._patience):
                await trio.lowlevel.wait_readable(self._selector.fileno())

    async def aclose(self) -> None:
        """Listen no more, and close all connections that have not been handed on."""
        for connection in (*self._silent, *self._first, *self._others):
            self._close(connection)
        self._selector.close()
        self._listening.close()
        await trio.lowlevel.checkpoint()

    def forget(self, connection: NewConnection) -> None:
        """`connection` is closed, and not to be handed on."""
        if connection in self._silent:
            self._speaks(connection)
        self._first.pop(connection, None)
        self._others.pop(connection, None)

    def _look(self) -> None:
        """See who has come, who has said something or gone, and who has been silent for too long. Raises OSError."""
        ready = [key.data for key, _ in self._selector.select(0)]
        for connection in filter(None, ready):
            said = connection.said()
            if said is None:
                continue
            self._speaks(connection)
            if said:
                speaking = self._first if self._comes_first(said) else self._others
                speaking[connection] = None
            else:
                self._close(connection)
        too_old = trio.current_time() - self._patience
        while (oldest := next(iter(self._silent), None)) is not None and oldest.accepted_at <= too_old:
            self._close(oldest)
        if None in ready:
            self._take_in()

    def _take_in(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _LOST:
                    continue
                raise
            accepted.setblocking(False)
            connection = NewConnection(accepted, self)
            self._connections.add(connection)
            self._silent[connection] = None
            self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _speaks(self, connection: NewConnection) -> None:
        del self._silent[connection]
        self._selector.unregister(connection.socket)

    def _close(self, connection: NewConnection) -> None:
        self._connections.remove(connection)
        connection.close_now()


class NewConnection:
    """A connection that has not been handed on."""

    __slots__ = ("_listener", "accepted_at", "socket")

    holds_back = False

    def __init__(self, accepted: socket.socket, listener: DeferredListener) -> None:
        self.socket = accepted
        self.accepted_at = trio.current_time()
        self._listener = listener

    def said(self) -> bytes | None:
        """The beginning of what the client has said, which stays to be read; nothing if it has gone, None if it is
        silent, although the kernel called it ready (select(2) warns of that).
        """
        try:
            return self.socket.recv(PEEK, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def close_now(self) -> None:
        """Close the socket."""
        self._listener.forget(self)
        self.socket.close()

"""The network link between an instance and everything else, and the parts of the service that go over it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import httpx
import trio

from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Term
from tests.memory.lock import MemoryLockSession
from tests.simulation.database import STATEMENT_DEADLINE

T = TypeVar("T")


class Link:
    """What an instance's round trips go over. `loss` is the share of legs that get lost, `closed` is for ever.

    `no_way_out_since`: from when on nothing connects to the Bot API, while what comes from there still arrives; None if
    that is not so.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.closed = False
        self.loss = 0.0
        self.no_way_out_since: float | None = None
        self._cuts: dict[str, trio.Event] = {}

    def cut(self, what: str) -> None:
        """Nothing passes to or from `what` ("database", "lock", "telegram") until `restore`."""
        self._cuts.setdefault(what, trio.Event())

    def restore(self, what: str) -> None:
        """`what` can be reached again."""
        cut = self._cuts.pop(what, None)
        if cut is not None:
            cut.set()

    def is_cut(self, what: str) -> bool:
        """Whether `what` is cut off."""
        return what in self._cuts

    async def leg(self, what: str) -> None:
        """One leg of a round trip: held up while `what` is cut off, for ever once the link is closed."""
        await trio.lowlevel.checkpoint()
        while what in self._cuts:
            await self._cuts[what].wait()
        if self.closed:
            await trio.sleep_forever()

    async def statement(self, work: Callable[[], Awaitable[T]]) -> T:
        """A database statement: either leg may be lost, or take longer than its deadline."""
        with trio.move_on_after(STATEMENT_DEADLINE + 0.1):
            await self.leg("database")
            if self.rng.random() < self.loss:
                raise DatabaseUnavailable("the statement was lost")
            result = await work()
            if self.rng.random() < self.loss:
                raise DatabaseUnavailable("the answer was lost")
            await self.leg("database")
            return result
        raise DatabaseUnavailable("no answer in time")


class LockSessionOverLink:
    """`LockSession` over a link."""

    def __init__(self, session: MemoryLockSession, link: Link) -> None:
        self.session = session
        self._link = link
        self.closed = trio.Event()

    async def listen(self) -> None:
        """Learn of the connection's end, once that has come over the link."""
        await self.session.closed.wait()
        await self._link.leg("lock")
        self.closed.set()

    @property
    def pid(self) -> int | None:
        return None

    async def try_lock(self) -> bool:
        await self._link.leg("lock")
        taken = await self.session.try_lock()
        await self._link.leg("lock")
        return taken

    async def beat(self, term: Term) -> bool:
        await self._link.leg("lock")
        ours = await self.session.beat(term)
        await self._link.leg("lock")
        return ours

    async def wait_for_release(self) -> None:
        await self.session.wait_for_release()
        await self._link.leg("lock")

    async def release(self) -> None:
        await self._link.leg("lock")
        await self.session.release()

    def severed(self) -> bool:
        return self.closed.is_set()

    def abandon(self) -> None:
        # Over a closed or cut link not even the end of a connection gets through: the server has to find out by itself.
        if not self._link.closed and not self._link.is_cut("lock"):
            self.session.abandon()
        else:
            self.session.on_new_work = self.session.on_orders = _nothing


class Observer(Protocol):
    """What watches the calls of one instance."""

    def arrived(self, request: httpx.Request) -> None:
        """Called right before a request has its effect."""

    def unheard(self, request: httpx.Request, waited: float, *, cancelled: bool) -> None:
        """Called where a request that had arrived ends without an answer that tells what became of it.

        `waited` is how long the call has taken, in seconds.
        """


class TransportOverLink(httpx.AsyncBaseTransport):
    """The way to Telegram over a link."""

    def __init__(self, inner: httpx.AsyncBaseTransport, link: Link, observer: Observer) -> None:
        self._inner = inner
        self._link = link
        self._observer = observer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = trio.current_time()
        await self._link.leg("telegram")
        if self._link.no_way_out_since is not None:
            raise httpx.ConnectError("no way to the Bot API", request=request)
        self._observer.arrived(request)
        try:
            response = await self._inner.handle_async_request(request)
            await self._link.leg("telegram")
        except BaseException as error:
            cancelled = isinstance(error, trio.Cancelled)
            self._observer.unheard(request, trio.current_time() - began, cancelled=cancelled)
            raise
        if response.status_code >= 500:
            self._observer.unheard(request, trio.current_time() - began, cancelled=False)
        return response


def _nothing(_update_ids: Sequence[int] = ()) -> None:
    """Nobody listens any more."""

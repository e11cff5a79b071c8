"""A connection is served once its client has said something; a crowd that says nothing costs next to nothing."""

from __future__ import annotations

import gc
import resource
import selectors
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
import trio.testing

from svc.intake.deferred_listener import AT_ONCE, DeferredListener, NewConnection
from svc.intake.open_connections import OpenConnections
from svc.intake.webhook import brings_an_update
from tests.harness import SECRET
from tests.serving import HANGS, HEALTHZ, post, serving, tasks

PATIENCE = 10.0


def urgent(said: bytes) -> bool:
    """What comes before others here."""
    return said == b"urgent"


class Line:
    """A listener and the way to it."""

    def __init__(self, limit: int) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port: int = listening.getsockname()[1]
        self.connections = OpenConnections(limit)
        self.listener = DeferredListener(listening, self.connections, PATIENCE, urgent)

    def client(self, says: bytes = b"") -> socket.socket:
        """Somebody who has connected, has said this, and has a few seconds for everything else."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=HANGS)
        client.sendall(says)
        return client

    async def takes(self) -> bytes:
        """What the next connection says that is handed on."""
        with trio.fail_after(HANGS):
            async with await self.listener.accept() as stream:
                return bytes(await stream.receive_some())


@asynccontextmanager
async def line(limit: int = 1000) -> AsyncIterator[Line]:
    """A listener until the end of the block."""
    made = Line(limit)
    async with made.listener:
        yield made


async def test_only_who_speaks_is_handed_on() -> None:
    """Those who have said nothing, or are gone again, are passed over; a later word is heard all the same."""
    async with line() as at:
        with at.client() as silent, at.client() as gone, at.client(b"first"):
            gone.close()
            assert await at.takes() == b"first"
            assert len(at.connections) == 1
            silent.sendall(b"second")
            assert await at.takes() == b"second"
            assert len(at.connections) == 0


async def test_who_is_only_called_ready_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may call a connection ready on which nothing has come: it is still silent, and not closed."""

    def all_ready(
        selector: selectors.BaseSelector, _timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        return [(key, selectors.EVENT_READ) for key in selector.get_map().values()]

    monkeypatch.setattr(selectors.DefaultSelector, "select", all_ready)
    async with line() as at:
        with at.client() as silent, at.client(b"first"):
            assert await at.takes() == b"first"
            assert len(at.connections) == 1
            silent.sendall(b"second")
            assert await at.takes() == b"second"


async def test_a_reset_is_no_word() -> None:
    """A connection that was reset before it said anything is not handed on, nor does it stop the listener."""
    async with line() as at:
        reset = at.client()
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        with at.client(b"first"):
            assert await at.takes() == b"first"


async def test_silence_has_an_end(mock_clock: trio.testing.MockClock) -> None:
    """Each is closed once it has been silent for so long, and not before."""
    async with line() as at, trio.open_nursery() as nursery:
        nursery.start_soon(at.listener.accept)
        with at.client() as early:
            await trio.testing.wait_all_tasks_blocked(0.01)
            mock_clock.jump(PATIENCE - 1)
            with at.client() as late:
                await trio.testing.wait_all_tasks_blocked(0.01)
                assert len(at.connections) == 2
                mock_clock.jump(1)
                await trio.testing.wait_all_tasks_blocked(0.01)
                assert len(at.connections) == 1
                assert early.recv(1) == b""
                late.setblocking(False)
                with pytest.raises(BlockingIOError):
                    late.recv(1)
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_crowd_makes_room_itself() -> None:
    """Of more silent ones than there are places the oldest are closed, and who speaks then is heard."""
    async with line(limit=5) as at, AsyncExitStack() as stack:
        crowd = [stack.enter_context(at.client()) for _ in range(20)]
        with at.client(b"first"):
            assert await at.takes() == b"first"
        assert [client.recv(1) for client in crowd[:16]] == [b""] * 16
        assert len(at.connections) == 4
        crowd[-1].sendall(b"second")
        assert await at.takes() == b"second"


async def test_who_has_spoken_may_have_to_make_room() -> None:
    """A connection that is closed for others before it is handed on is passed over, and remembered by nobody."""
    async with line(limit=2) as at, AsyncExitStack() as stack:
        for word in (b"1", b"2", b"3", b"4"):
            stack.enter_context(at.client(word))
        assert await at.takes() == b"3"
        gone = {id(each) for each in gc.get_objects() if isinstance(each, NewConnection)}
        assert len(gone) == 1
        assert await at.takes() == b"4"
        assert len(at.connections) == 0


class Passes(trio.abc.Instrument):
    """Counts the passes of Trio's loop."""

    count = 0

    def after_io_wait(self, timeout: float) -> None:
        self.count += 1


async def test_a_crowd_is_taken_in_quickly() -> None:
    """Whoever stands behind a silent crowd in the kernel's queue is heard after a few passes of the loop."""
    crowd = 400
    async with line() as at, AsyncExitStack() as stack:
        for _ in range(crowd):
            stack.enter_context(at.client())
        stack.enter_context(at.client(b"first"))
        passes = Passes()
        trio.lowlevel.add_instrument(passes)
        assert await at.takes() == b"first"
        trio.lowlevel.remove_instrument(passes)
        assert passes.count <= 2 * crowd / AT_ONCE + 10


async def test_a_crowd_costs_no_task() -> None:
    """While hundreds are connected and say nothing the server has the tasks that it has at rest, and serves others."""
    async with serving() as server, AsyncExitStack() as stack:
        for _ in range(300):
            await stack.enter_async_context(await server.client())
        await server.is_well()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert tasks() == server.tasks_at_rest
        one = await stack.enter_async_context(await server.client())
        assert await one.ask(HEALTHZ) == 200


async def test_who_is_urgent_comes_first() -> None:
    """Whoever begins so is handed on before all that spoke earlier, and these then in their order."""
    async with line() as at, AsyncExitStack() as stack:
        for word in (b"1", b"2", b"urgent", b"3"):
            stack.enter_context(at.client(word))
        assert [await at.takes() for _ in range(4)] == [b"urgent", b"1", b"2", b"3"]


UPDATE = post(b'{"update_id":1}')


@pytest.mark.parametrize(
    ("said", "comes_first"),
    [
        (UPDATE, True),
        (UPDATE[:-8], True),
        (UPDATE.replace(b"X-Telegram", b"x-telegram"), True),
        (UPDATE.replace(SECRET.encode(), b"wrong"), False),
        (UPDATE.replace(b"POST", b"GET"), False),
        (UPDATE.replace(b"/webhook", b"/webhooks"), False),
        (HEALTHZ, False),
        (UPDATE[:30], False),
        (b"\xff\r\n:\r\n\r\n", False),
    ],
)
def test_an_update_comes_first(said: bytes, comes_first: bool) -> None:
    """Whoever knows the secret and sends to the webhook, whether all of it has come or not."""
    assert brings_an_update(SECRET)(said) == comes_first


def test_without_a_secret_nobody_comes_first() -> None:
    """As with updates that are fetched: the empty secret is no secret that one could know."""
    assert not brings_an_update("")(post(b"", secret=""))


async def test_where_no_file_is_left_it_is_tried_again() -> None:
    """Accepting fails with an error while there is no open file left, and goes on once there is."""
    async with line() as at:
        with at.client(b"first"):
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            with socket.socket() as next_file:
                lowest = next_file.fileno()
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
            try:
                with pytest.raises(OSError, match="Too many open files"):
                    await at.listener.accept()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert await at.takes() == b"first"


async def test_the_end_closes_everybody() -> None:
    """Who is connected when the listener is closed finds its connection closed, whether it has spoken or not."""
    async with line() as at:
        silent, speaking = at.client(), at.client(b"never read")
        with at.client(b"first"):
            assert await at.takes() in (b"first", b"never read")
    assert silent.recv(1) == b""
    with speaking, silent:
        assert len(at.connections) == 0

"""The webhook's HTTP client against a server that is a list of byte strings, on real loopback sockets."""

from __future__ import annotations

from collections import deque
from functools import partial

import pytest
import trio

from sandbox.asgi import asgi_post
from sandbox.http_client import MAX_ANSWER, HttpPoster

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = b'{"update_id":1}'


class Server:
    """Answers each request with the next bytes; `b""` closes the connection instead."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = deque(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1"))
            self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/hook?x=1"
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            request = b""
            async for chunk in stream:
                request += chunk
                if request.endswith(BODY):
                    self.requests.append(request)
                    request = b""
                    answer = self.answers.popleft()
                    if not answer:
                        return
                    await stream.send_all(answer)
                    if b"Connection: close" in answer:
                        return


async def post(poster: HttpPoster, server: Server) -> int:
    headers = [("Host", "localhost"), ("X-Some", "Thing"), ("Content-Length", str(len(BODY)))]
    with trio.fail_after(10):
        return (await poster.post(server.url, headers, BODY)).status


async def test_headers_arrive_in_the_order_and_case_given_and_none_is_added(nursery: trio.Nursery) -> None:
    server, poster = Server(OK), HttpPoster()
    await nursery.start(server.serve)
    assert await post(poster, server) == 200
    poster.close()
    assert server.requests == [
        b"POST /hook?x=1 HTTP/1.1\r\nHost: localhost\r\nX-Some: Thing\r\nContent-Length: 15\r\n\r\n" + BODY
    ]


async def test_a_connection_is_used_again(nursery: trio.Nursery) -> None:
    server, poster = Server(OK, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", OK), HttpPoster()
    await nursery.start(server.serve)
    assert [await post(poster, server) for _ in range(3)] == [200, 503, 200]
    poster.close()
    assert server.connections == 1


async def test_a_connection_that_the_server_closes_is_replaced(nursery: trio.Nursery) -> None:
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server, poster = Server(closing, OK), HttpPoster()
    await nursery.start(server.serve)
    assert [await post(poster, server) for _ in range(2)] == [200, 200]
    poster.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER + 1) + b"x" * (MAX_ANSWER + 1),
    ],
)
async def test_a_broken_answer_is_an_os_error(nursery: trio.Nursery, answer: bytes) -> None:
    server, poster = Server(answer, OK), HttpPoster()
    await nursery.start(server.serve)
    with pytest.raises(OSError, match=r"closed|too long"):
        await post(poster, server)
    assert await post(poster, server) == 200
    poster.close()


async def test_a_refused_connection_is_an_os_error() -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(OSError, match="Connection refused"):
            await HttpPoster().post(url, [("Host", "x")], b"")


async def test_https_is_not_spoken() -> None:
    with pytest.raises(OSError, match="SSL"):
        await HttpPoster().post("https://127.0.0.1/", [], b"")


async def test_a_cancelled_post_leaves_no_connection_behind(nursery: trio.Nursery) -> None:
    server, poster = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", OK), HttpPoster()
    await nursery.start(server.serve)
    with trio.move_on_after(0.05) as scope:
        await post(poster, server)
    assert scope.cancelled_caught
    assert await post(poster, server) == 200
    poster.close()
    assert server.connections == 2


async def test_an_asgi_app_can_take_the_place_of_sockets() -> None:
    seen = []

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        seen.append((scope["path"], scope["query_string"], dict(scope["headers"]), await receive()))
        await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"4")]})
        await send({"type": "http.response.body", "body": b""})

    result = await asgi_post(app)("http://localhost:9/hook?x=1", [("Host", "localhost")], BODY)
    assert (result.status, result.retry_after) == (503, 4)
    ((path, query, headers, event),) = seen
    assert (path, query, headers) == ("/hook", b"x=1", {b"host": b"localhost"})
    assert event == {"type": "http.request", "body": BODY, "more_body": False}

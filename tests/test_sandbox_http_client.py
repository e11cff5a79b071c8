"""The webhook's HTTP client against a server that is a list of byte strings, on real loopback sockets."""

from __future__ import annotations

import pytest
import trio

from sandbox.asgi import asgi_post
from sandbox.http_client import HttpPoster
from sandbox.webhook_answer import MAX_ANSWER
from tests.peers import OK, ScriptedServer, refusing_port

BODY = b'{"update_id":1}'


async def post(poster: HttpPoster, server: ScriptedServer) -> int:
    headers = [("Host", "localhost"), ("X-Some", "Thing"), ("Content-Length", str(len(BODY)))]
    with trio.fail_after(10):
        return (await poster.post(f"{server.url}/hook?x=1", headers, BODY)).status


async def test_headers_arrive_in_the_order_and_case_given_and_none_is_added(nursery: trio.Nursery) -> None:
    server, poster = ScriptedServer(OK), HttpPoster()
    await nursery.start(server.serve)
    assert await post(poster, server) == 200
    poster.close()
    assert server.requests == [
        b"POST /hook?x=1 HTTP/1.1\r\nHost: localhost\r\nX-Some: Thing\r\nContent-Length: 15\r\n\r\n" + BODY
    ]


async def test_status_reason_and_body_are_told_as_the_server_sent_them(nursery: trio.Nursery) -> None:
    server, poster = ScriptedServer(b"HTTP/1.1 503 Gone Fishing\r\nContent-Length: 4\r\n\r\nbody"), HttpPoster()
    await nursery.start(server.serve)
    with trio.fail_after(10):
        result = await poster.post(server.url, [("Host", "localhost"), ("Content-Length", "15")], BODY)
    poster.close()
    assert (result.status, result.reason, result.body) == (503, "Gone Fishing", b"body")


async def test_a_connection_is_used_again(nursery: trio.Nursery) -> None:
    server, poster = ScriptedServer(OK, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", OK), HttpPoster()
    await nursery.start(server.serve)
    assert [await post(poster, server) for _ in range(3)] == [200, 503, 200]
    poster.close()
    assert server.connections == 1


async def test_a_connection_that_the_server_closes_is_replaced(nursery: trio.Nursery) -> None:
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server, poster = ScriptedServer(closing, OK), HttpPoster()
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
    server, poster = ScriptedServer(answer, OK), HttpPoster()
    await nursery.start(server.serve)
    with pytest.raises(OSError, match=r"closed|too long"):
        await post(poster, server)
    assert await post(poster, server) == 200
    poster.close()


async def test_a_refused_connection_is_an_os_error() -> None:
    with refusing_port() as port, pytest.raises(OSError, match="Connection refused"):
        await HttpPoster().post(f"http://127.0.0.1:{port}/", [("Host", "x")], b"")


async def test_https_is_not_spoken() -> None:
    with pytest.raises(OSError, match="SSL"):
        await HttpPoster().post("https://127.0.0.1/", [], b"")


async def test_a_cancelled_post_leaves_no_connection_behind(nursery: trio.Nursery) -> None:
    server, poster = ScriptedServer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", OK), HttpPoster()
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
        await send({"type": "http.response.body", "body": b"bo", "more_body": True})
        await send({"type": "http.response.body", "body": b"dy"})

    result = await asgi_post(app)("http://localhost:9/hook?x=1", [("Host", "localhost")], BODY)
    assert (result.status, result.retry_after, result.body) == (503, 4, b"body")
    ((path, query, headers, event),) = seen
    assert (path, query, headers) == ("/hook", b"x=1", {b"host": b"localhost"})
    assert event == {"type": "http.request", "body": BODY, "more_body": False}

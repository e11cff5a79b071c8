"""Requests that are read in one piece: the same as h11 reads them, and answered the same."""

from __future__ import annotations

from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc.intake.whole_posts import WholeAnswer, WholePost, whole_post
from tests.serving import post, serving

MOST_HEAD = 16384
PLAIN = b"POST /webhook?a=%20 HTTP/1.1\r\nHost: x\r\nContent-Type:application/json \r\nContent-Length: 4\r\n\r\nbody"


def read_by_h11(data: bytes) -> WholePost | None:
    """The request as h11 reads it; None if it is not one whole request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
    connection.receive_data(data)
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request) or request.method != b"POST":
            return None
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
        if not isinstance(event, h11.EndOfMessage) or connection.trailing_data[0]:
            return None
    except h11.RemoteProtocolError:
        return None
    return WholePost(request.target, list(request.headers), body)


def test_a_plain_post_is_read() -> None:
    """Names in lower case, values without the blanks around them."""
    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"4")]
    assert whole_post(PLAIN, MOST_HEAD) == WholePost(b"/webhook?a=%20", headers, b"body") == read_by_h11(PLAIN)


OTHERS = {
    "a part of the head": PLAIN[:30],
    "a part of the body": PLAIN[:-1],
    "something behind it": PLAIN + b"P",
    "two of them": PLAIN * 2,
    "chunked": PLAIN.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
    "a length twice": PLAIN.replace(b"Host: x", b"Host: x\r\ncontent-length: 4"),
    "a length with a sign": PLAIN.replace(b"Length: 4", b"Length: +4"),
    "a length in other digits": PLAIN.replace(b"Length: 4", b"Length: \xb2"),
    "no length": PLAIN.replace(b"Content-Length: 4", b"A: b"),
    "no host": PLAIN.replace(b"Host", b"Most"),
    "waits for 100": PLAIN.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
    "the last one": PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: close"),
    "an upgrade": PLAIN.replace(b"Host: x", b"Host: x\r\nUpgrade: websocket"),
    "HTTP/1.0": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another method": PLAIN.replace(b"POST", b"PUT"),
    "a folded header": PLAIN.replace(b"Host: x", b"Host: x\r\n y"),
    "a blank before the colon": PLAIN.replace(b"Host:", b"Host :"),
    "a control character": PLAIN.replace(b"Host: x", b"Host: \x00x"),
    "a bare line feed": PLAIN.replace(b"Host: x\r\n", b"Host: x\n"),
    "a target with a blank": PLAIN.replace(b"?a", b" ?a"),
    "a target that is no path": PLAIN.replace(b"/webhook", b"http://x/webhook"),
    "a long head": PLAIN.replace(b"Host: x", b"Host: x\r\nA: " + b"a" * MOST_HEAD),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_anything_else_is_left_to_h11(data: bytes) -> None:
    """Also where h11 would read it all the same: it is the judge of everything that is not plain."""
    assert whole_post(data, MOST_HEAD) is None


NAMES = st.sampled_from(
    [b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"X-A", b"Expect"]
)
VALUES = st.one_of(
    st.sampled_from([b"0", b"4", b"04", b"4 ", b"chunked", b"keep-alive", b"close"]), st.binary(max_size=6)
)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" : ", b":\t"]), VALUES), max_size=4)
DAMAGE = st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3))


@given(lines=LINES, body=st.binary(max_size=6), damage=st.one_of(st.none(), DAMAGE))
@example(lines=[(b"Host", b":", b"x"), (b"Content-Length", b": ", b"2")], body=b"{}", damage=None)
def test_what_is_read_here_h11_reads_the_same(
    lines: list[tuple[bytes, bytes, bytes]], body: bytes, damage: tuple[int, int, bytes] | None
) -> None:
    """Whatever bytes come: never another request than h11 would have seen."""
    given_lines = [b"Host: x", b"Content-Length: %d" % len(body), *(b"".join(line) for line in lines)]
    data = b"POST / HTTP/1.1\r\n" + b"\r\n".join(given_lines[len(lines) > 2 :]) + b"\r\n\r\n" + body
    if damage is not None:
        at, gone, put = damage
        data = data[:at] + put + data[at + gone :]
    read = whole_post(data, MOST_HEAD)
    assert read is None or read == read_by_h11(data)


async def answered(*messages: dict[str, Any] | None) -> tuple[h11.Response, bytes, WholeAnswer]:
    """What a client reads of an answer that the application sends so."""
    written: list[bytes] = []

    async def write(data: bytes) -> None:
        written.append(data)

    answer = WholeAnswer(write, [(b"x-more", b"1")])
    for message in messages:
        await answer.send(message)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(written))
    if answer.to_be_closed:
        client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert len(written) <= len(messages)
    return response, body, answer


def start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_an_answer_of_known_length_leaves_the_connection_open() -> None:
    """Head and body leave together."""
    response, content, answer = await answered(start(201, (b"Content-Length", b"2")), body(b"{}"), None)
    assert (response.status_code, content) == (201, b"{}")
    assert (b"x-more", b"1") in response.headers
    assert not answer.to_be_closed


async def test_an_answer_of_unknown_length_ends_with_its_connection() -> None:
    """In as many pieces as the application likes."""
    response, content, answer = await answered(start(200), body(b"a", more=True), body(b"b"), None)
    assert (response.status_code, content) == (200, b"ab")
    assert answer.to_be_closed


async def test_an_application_that_says_nothing_is_a_500() -> None:
    """And the connection stays good, as nothing of another answer has left."""
    response, _, answer = await answered(None)
    assert response.status_code == 500
    assert not answer.to_be_closed


async def test_one_that_stops_within_its_answer_ends_the_connection() -> None:
    """The client must not take the next answer for the rest of this one."""
    written: list[bytes] = []

    async def write(data: bytes) -> None:
        written.append(data)

    answer = WholeAnswer(write, [])
    for message in (start(200, (b"content-length", b"9")), body(b"a", more=True), None):
        await answer.send(message)
    assert answer.to_be_closed
    assert len(written) == 1


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: b", b"a\nb", b"a\rb"])
async def test_a_header_is_one_line(value: bytes) -> None:
    """What an application puts into a header cannot become another one."""
    with pytest.raises(ValueError, match="more than one line"):
        await answered(start(200, (b"location", value)))


REQUESTS = {
    "an update": (post(b'{"update_id":1}'), 200),
    "no update": (post(b"[]"), 400),
    "a wrong secret": (post(b"{}", secret="wrong"), 401),
    "no such page": (post(b"{}").replace(b"/webhook", b"/other"), 404),
    "not for POST": (post(b"{}").replace(b"/webhook", b"/healthz"), 405),
}


@pytest.mark.parametrize(("request_bytes", "status"), REQUESTS.values(), ids=REQUESTS)
async def test_the_answer_does_not_depend_on_how_it_came(request_bytes: bytes, status: int) -> None:
    """In one piece or in two, all on one connection."""
    async with serving() as server, await server.client() as client:
        assert await client.ask(request_bytes) == status
        await client.stream.send_all(request_bytes[:40])
        await server.is_well()  # so that the first piece has been read
        assert await client.ask(request_bytes[40:]) == status
        assert await client.ask(request_bytes) == status

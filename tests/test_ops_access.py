"""Who may open the ops page: the table of (peer, headers, token) and what follows, and the same over a real socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio.testing

from svc.ops.access import Access, Request, Rules, access
from svc.ops.clients import UNKNOWN
from svc.ops.routes import add_ops
from svc.ops.security_headers import HEADERS
from svc.ops.sessions import (
    COOKIE,
    LASTS,
    TRIES,
    TRIES_EACH,
    TRIES_WITHIN,
    Session,
    Tries,
    new_session,
    read_session,
    write_session,
)
from svc.ops.site import Site, make_site
from svc.settings.parsers import networks
from svc.storage.database import Database
from tests.harness import settings_for_tests
from tests.serving import Server, our_app, serving

TOKEN = "a-token-of-the-operators"
NOW = 1_800_000_000.0
ELSEWHERE = "192.0.2.7"
PROXY = "10.1.2.3"
PROXIES = networks("10.0.0.0/8, 127.0.0.9")
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE_OF_ANNA = {"cookie": f"{COOKIE}={write_session(new_session('Anna', NOW), TOKEN)}"}


@dataclass(frozen=True)
class Row:
    """A request, and the status that follows. `local`: with the Host of this machine; `token`: OPS_TOKEN is set."""

    status: int
    peer: str | None = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    token: bool = True
    host: str | None = "localhost:8080"
    http: str = "1.1"
    method: str = "GET"
    path: str = "/ops"
    blocked: bool = False


def asked(row: Row) -> Access:
    host = () if row.host is None else (("host", row.host),)
    request = Request(row.method, row.path, row.peer, (*host, *row.headers.items()), row.http)
    return access(request, Rules(TOKEN if row.token else "", PROXIES), now=NOW, blocked=row.blocked)


FROM_HERE = [
    Row(200),
    Row(200, token=False),
    Row(200, "::1", host="[::1]:8080"),
    Row(200, "::ffff:127.0.0.1", host="127.0.0.1"),
    Row(200, "127.8.9.1", host="LOCALHOST"),
    Row(200, http="2"),
    Row(200, headers={"authorization": "Bearer wrong"}),
    Row(200, blocked=True),
]
SOMEBODY_BEHIND = [
    Row(401, headers={name: value})
    for name, value in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", ""),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-whatever", "1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("cf-connecting-ip", "127.0.0.1"),
        ("true-client-ip", "127.0.0.1"),
    ]
] + [
    Row(401, http="1.0"),
    Row(401, host=None),
    Row(401, host="svc.example"),
    Row(401, host="localhost.evil.example"),
    Row(401, host="localhost@evil.example"),
    Row(401, host="localhost:8080/x"),
    Row(401, headers={"host": "evil.example"}),
    Row(401, "127.0.0.9"),  # it is a proxy, whatever it says
    Row(401, "::ffff:127.0.0.9"),
    Row(403, headers={"x-forwarded-for": "127.0.0.1"}, token=False),
    Row(403, http="1.0", token=False),
]
FROM_ELSEWHERE = [
    Row(401, ELSEWHERE),
    Row(403, ELSEWHERE, token=False),
    Row(403, ELSEWHERE, BEARER, token=False),
    Row(403, ELSEWHERE, COOKIE_OF_ANNA, token=False),
    Row(403, ELSEWHERE, token=False, path="/ops/page/ops.css"),
    Row(401, None),
    Row(403, None, token=False),
    Row(401, ""),
    Row(401, PROXY),
    Row(401, PROXY, {"x-forwarded-for": "127.0.0.1"}),
    Row(401, ELSEWHERE, {"x-forwarded-for": "127.0.0.1"}),
    Row(200, ELSEWHERE, BEARER),
    Row(200, ELSEWHERE, BEARER, host="svc.example"),
    Row(200, None, BEARER),
    Row(401, ELSEWHERE, {"authorization": "Bearer wrong"}),
    Row(401, ELSEWHERE, {"authorization": f"Bearer {TOKEN}x"}),
    Row(401, ELSEWHERE, {"authorization": "Bearer \u00e9"}),
    Row(401, ELSEWHERE, {"authorization": "Bearer"}),
    Row(401, ELSEWHERE, {"authorization": f"Basic {TOKEN}"}),
    Row(200, ELSEWHERE, COOKIE_OF_ANNA),
    Row(200, ELSEWHERE, {"cookie": f"a=b; {COOKIE}=of.another; {COOKIE_OF_ANNA['cookie']}"}),
    Row(401, ELSEWHERE, {"cookie": f"{COOKIE}={write_session(new_session('Anna', NOW), 'another-token-entirely')}"}),
    Row(401, ELSEWHERE, {"cookie": f"{COOKIE}={write_session(Session('Anna', NOW), TOKEN)}"}),
    Row(401, ELSEWHERE, {"cookie": f"{COOKIE}=;"}),
    Row(200, ELSEWHERE, path="/ops/page/ops.css"),
    Row(429, ELSEWHERE, BEARER, blocked=True),
    Row(401, ELSEWHERE, blocked=True),
    Row(200, ELSEWHERE, COOKIE_OF_ANNA, blocked=True),
    Row(200, ELSEWHERE, path="/ops/page/ops.css", blocked=True),
]
POST: dict[str, Any] = {"method": "POST", "path": "/ops/act"}
SAME_SITE = {"sec-fetch-site": "same-origin"}
POSTS = [
    Row(200, headers=SAME_SITE, **POST),
    Row(200, headers={"origin": "http://localhost:8080"}, **POST),
    Row(200, **POST),  # no browser: on this machine, or with a bearer
    Row(200, ELSEWHERE, BEARER, **POST),
    Row(403, ELSEWHERE, COOKIE_OF_ANNA, **POST),
    Row(200, ELSEWHERE, COOKIE_OF_ANNA | SAME_SITE, **POST),
    Row(200, ELSEWHERE, COOKIE_OF_ANNA | {"origin": "https://svc.example"}, host="svc.example", **POST),
    Row(403, ELSEWHERE, COOKIE_OF_ANNA | {"origin": "https://svc.example:444"}, host="svc.example", **POST),
    Row(401, ELSEWHERE, SAME_SITE, **POST),
    *[
        Row(403, headers=headers, **POST)
        for headers in [
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": ""},
            {"origin": "http://localhost:9090"},
            {"origin": "http://[localhost:8080"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "none"},
            {"sec-fetch-site": "cross-site", "origin": "http://localhost:8080"},
            BEARER | {"sec-fetch-site": "cross-site"},
        ]
    ],
    Row(403, headers={"sec-fetch-site": "cross-site"}, path="/ops/actions"),
    Row(200, headers={"sec-fetch-site": "cross-site"}),  # a link leads to the page
    Row(200, headers={"sec-fetch-site": "none"}, path="/ops/actions"),
    # A browser that says no Sec-Fetch-Site, as to a page without https: only its Origin tells.
    Row(403, headers={"origin": "http://localhost:9090"}, path="/ops/stream"),
    Row(403, ELSEWHERE, COOKIE_OF_ANNA | {"origin": "http://svc.example:9090"}, host="svc.example", path="/ops/stream"),
    Row(200, headers={"origin": "http://localhost:8080"}, path="/ops/page/ops.js"),
    Row(403, headers={"sec-fetch-site": "cross-site"}, method="PUT"),
]
LOGIN: dict[str, Any] = {"method": "POST", "path": "/ops/login"}
LOGINS = [
    Row(200, ELSEWHERE, SAME_SITE, **LOGIN),
    Row(200, headers=SAME_SITE, **LOGIN),
    Row(429, ELSEWHERE, SAME_SITE, blocked=True, **LOGIN),
    Row(429, headers=SAME_SITE, blocked=True, **LOGIN),
    Row(429, ELSEWHERE, SAME_SITE | COOKIE_OF_ANNA, blocked=True, **LOGIN),
    Row(403, ELSEWHERE, SAME_SITE, token=False, **LOGIN),
    Row(403, headers=SAME_SITE, token=False, **LOGIN),
    Row(403, ELSEWHERE, {"sec-fetch-site": "cross-site"}, **LOGIN),
    Row(403, ELSEWHERE, **LOGIN),
]


@pytest.mark.parametrize("row", FROM_HERE + SOMEBODY_BEHIND + FROM_ELSEWHERE + POSTS + LOGINS, ids=str)
def test_the_table(row: Row) -> None:
    """What follows from a request; whoever is not let in is told why, and nobody is let in as nobody."""
    found = asked(row)
    assert found.status == row.status
    assert bool(found.error) == (row.status != 200)
    assert bool(found.operator) or found.status != 200 or row.path in (LOGIN["path"], "/ops/page/ops.css")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (ELSEWHERE, "203.0.113.1", ELSEWHERE),
        (PROXY, "203.0.113.1", "203.0.113.1"),
        (PROXY, "127.0.0.1, 203.0.113.1", "203.0.113.1"),
        (PROXY, "203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (PROXY, "203.0.113.1:4711", "203.0.113.1"),
        (PROXY, "203.0.113.1, nonsense", UNKNOWN),
        (PROXY, "10.0.0.1", "10.0.0.1"),
        (PROXY, "[2001:db8:1:2:3::4]:80", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4", None, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", None, ELSEWHERE),
        (PROXY, None, PROXY),
        (None, "203.0.113.1", UNKNOWN),
    ],
)
def test_whose_tries_are_counted(peer: str | None, forwarded: str | None, client: str) -> None:
    """The peer's, or the last in X-Forwarded-For that is no trusted proxy; of IPv6 a customer's network."""
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert asked(Row(401, peer, headers)).client == client


def test_who_acts() -> None:
    """A name and where it came from; whose token was wrong is told, and until when a session lasts."""
    assert asked(Row(200)).operator == "local (127.0.0.1)"
    assert asked(Row(200, ELSEWHERE, BEARER)).operator == f"token ({ELSEWHERE})"
    found = asked(Row(200, PROXY, COOKIE_OF_ANNA | {"x-forwarded-for": ELSEWHERE}))
    assert (found.operator, found.expires) == (f"Anna ({ELSEWHERE})", NOW + LASTS)
    assert asked(Row(401, ELSEWHERE, {"authorization": "Bearer wrong"})).wrong
    assert not asked(Row(401, ELSEWHERE)).wrong


@pytest.mark.parametrize(
    ("peer", "proto", "secure"),
    [(PROXY, "https", True), (PROXY, "http", False), (ELSEWHERE, "https", False), (PROXY, "http, https", True)],
)
def test_by_https(peer: str, proto: str, secure: bool) -> None:
    """A trusted proxy says so; what others say counts for nothing."""
    assert asked(Row(200, peer, COOKIE_OF_ANNA | {"x-forwarded-proto": proto})).secure == secure


def test_a_session() -> None:
    """It holds a name that fits into a line; any change of it ends it, as time does and another token."""
    session = new_session("  Anna\n\x1b[31m\u202e" + "x" * 100, NOW)
    assert session.name.startswith("Anna[31mx")
    assert len(session.name) == 64
    value = write_session(session, TOKEN)
    assert read_session(value, TOKEN, NOW + LASTS - 1) == session
    assert read_session(value, TOKEN, NOW + LASTS) is None
    assert read_session(value, TOKEN + "x", NOW) is None
    assert read_session(value, "", NOW) is None
    for changed in (value[1:], value[:-1], "A" + value, value.replace(".", ""), "\u00e9.x"):
        assert read_session(changed, TOKEN, NOW) is None
    assert new_session(" \n", NOW).name == "somebody"


def test_tries() -> None:
    """Five a minute of one client, fifty of all; a client that is blocked is not counted, and nobody for ever."""
    tries = Tries()
    for number in range(TRIES_EACH):
        assert tries.blocked_for("one", number) == 0
        tries.wrong("one", number)
    assert tries.blocked_for("one", 10) == TRIES_WITHIN - 10
    assert tries.blocked_for("two", 10) == 0
    assert tries.blocked_for("one", TRIES_WITHIN) == 0
    for number in range(TRIES):
        tries.wrong(f"client {number}", 100)
    assert tries.blocked_for("another", 110) == TRIES_WITHIN - 10
    assert tries.blocked_for("another", 100 + TRIES_WITHIN) == 0
    # Whoever has known the token is held to their own tries only.
    tries.right("another")
    assert tries.blocked_for("another", 110) == 0
    for _ in range(TRIES_EACH):
        tries.wrong("another", 111)
    assert tries.blocked_for("another", 112) == TRIES_WITHIN - 1


# Over a real socket


def site_without_database(**changes: Any) -> Site:
    settings = settings_for_tests(ops_token=TOKEN, trusted_proxies=PROXIES, **changes)
    return make_site(settings, Database("postgresql://nobody@127.0.0.1:1/none"), bot=lambda: "@a_bot")


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """The page over a real socket, and a client of this machine."""

    def make(server: Server) -> Any:
        app = our_app(server)
        add_ops(app, site)
        return app

    async with serving(make) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(trust_env=False, base_url=url, timeout=30) as client:
            yield server, client


async def test_the_table_over_a_socket() -> None:
    """What the connection says reaches the table as it is, and every answer has the headers."""
    async with served(site_without_database()) as (server, client):
        for path, headers, status in [
            ("/ops", {}, 200),
            ("/ops", {"Host": "svc.example"}, 401),
            ("/ops", {"X-Real-IP": "127.0.0.1"}, 401),
            ("/ops/states", {"Host": "svc.example"}, 401),
            ("/ops/states", {"Host": "svc.example"} | BEARER, 200),
            ("/ops/nowhere", {"Host": "svc.example"}, 401),
            ("/ops/nowhere", {}, 404),
            ("/ops/act", {}, 404),
            ("/ops/page/base.css", {"Host": "svc.example"}, 200),
            ("/ops/page/..%2f__init__.py", {}, 404),
            ("/ops/actions", {"Sec-Fetch-Site": "cross-site"}, 403),
            # Quart has a header of this name with the peer's address.
            ("/ops", {"Host": "svc.example", "Remote-Addr": "127.0.0.1"}, 401),
        ]:
            answer = await client.get(path, headers=headers)
            assert (path, answer.status_code) == (path, status)
            assert HEADERS.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
        old = await server.client()
        async with old:
            assert await old.ask(b"GET /ops/states HTTP/1.0\r\nHost: localhost\r\n\r\n") == 401
        assert (await client.get("/healthz")).headers.get("content-security-policy") is None


async def test_signing_in_and_out() -> None:
    """The form asks for the token; the cookie that it gives is for /ops alone, and logging out takes it back."""
    async with served(site_without_database()) as (_, client):
        elsewhere = {"Host": "svc.example", "Origin": "http://svc.example"}
        form = await client.get("/ops", headers=elsewhere)
        assert 'name="token"' in form.text
        wrong = await client.post("/ops/login", headers=elsewhere, data={"token": "x", "name": "<b>"})
        assert (wrong.status_code, "&lt;b&gt;" in wrong.text, "set-cookie" in wrong.headers) == (401, True, False)
        right = await client.post("/ops/login", headers=elsewhere, data={"token": TOKEN, "name": "Anna"})
        assert (right.status_code, right.headers["location"]) == (303, "/ops")
        cookie = right.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Path=/ops", f"Max-Age={LASTS}"):
            assert part in cookie
        assert "Secure" not in cookie
        signed_in = elsewhere | {"Cookie": cookie.partition(";")[0]}
        assert "Anna" in (await client.get("/ops", headers=signed_in)).text
        out = await client.post("/ops/logout", headers=signed_in)
        assert (out.status_code, "Max-Age=0" in out.headers["set-cookie"]) == (303, True)


async def test_tries_over_a_socket() -> None:
    """After five wrong ones, by the form or as a bearer, the right one is not looked at; this machine is let in."""
    async with served(site_without_database()) as (_, client):
        elsewhere = {"Host": "svc.example", "Origin": "http://svc.example"}
        for number in range(TRIES_EACH):
            if number % 2:
                wrong = await client.get("/ops/states", headers=elsewhere | {"Authorization": "Bearer x"})
            else:
                wrong = await client.post("/ops/login", headers=elsewhere, data={"token": "x"})
            assert wrong.status_code == 401
        for blocked in (
            await client.post("/ops/login", headers=elsewhere, data={"token": TOKEN}),
            await client.get("/ops/states", headers=elsewhere | BEARER),
        ):
            assert blocked.status_code == 429
            assert 0 < int(blocked.headers["retry-after"]) <= TRIES_WITHIN
        assert (await client.get("/ops/states")).status_code == 200


async def test_tries_at_the_same_time() -> None:
    """Forms that were all let in before the first of them was wrong are no more tries than five."""
    async with served(site_without_database()) as (server, _), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await server.client()) for _ in range(3 * TRIES_EACH)]
        for client in clients:
            await client.stream.send_all(
                b"POST /ops/login HTTP/1.1\r\nHost: svc.example\r\nOrigin: http://svc.example\r\nContent-Length: 7\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
        await trio.testing.wait_all_tasks_blocked(0.1)
        statuses = Counter([await client.ask(b"token=x") for client in clients])
        assert statuses == {401: TRIES_EACH, 429: 2 * TRIES_EACH}

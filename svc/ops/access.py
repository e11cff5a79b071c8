"""Who may open the ops page: a function of what a request says of itself (as a table: tests/test_ops_access.py).

From this machine nothing is asked, as long as nothing says that somebody else stands behind the request: a proxy on
this machine must not open the page to the world. From anywhere else it takes OPS_TOKEN, as `Authorization: Bearer` or
by the login, whose cookie any instance takes. What a browser sends on behalf of another site is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from svc.ops.clients import Headers, Network, client_of, is_local, is_secure
from svc.ops.sessions import COOKIE, read_session

LOGIN = "/ops/login"
_PUBLIC = "/ops/page/"
"""Style sheets and modules hold nothing that is secret, and the login form needs one."""

SIGN_IN = "sign in with OPS_TOKEN at /ops, or send it as Authorization: Bearer"
CLOSED = (
    "/ops is open only to this machine itself, without a proxy between: set OPS_TOKEN (at least 16 characters) to open "
    "it to others who know it"
)
TOO_MANY = "too many wrong tokens: try again later"
CROSS_SITE = "another site has sent this request"
NO_ORIGIN = "a request that does not come from the page needs Authorization: Bearer"


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request before anything of it is believed. `headers` have their names in lower case.

    `peer` is the address at the other end of the connection; None for a Unix socket.
    """

    method: str
    path: str
    peer: str | None
    headers: Headers
    http_version: str = "1.1"
    scheme: str = "http"

    def values(self, name: str) -> list[str]:
        """All values of one header."""
        return [value for header, value in self.headers if header == name]

    def value(self, name: str) -> str | None:
        """The value of a header that is there once."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Access:
    """What follows from a request. `status` 200: it is allowed, as `operator`. Otherwise `error` says why not.

    `client` is the address that tries are counted by. `wrong` is whether it has brought a token that is not the right
    one, which is such a try. `expires`: Unix time at which the session ends, None without one. `secure`: the browser
    has come by https.
    """

    status: Literal[200, 401, 403, 429]
    client: str
    operator: str = ""
    error: str = ""
    wrong: bool = False
    expires: float | None = None
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator has set: OPS_TOKEN (may be empty) and TRUSTED_PROXIES."""

    token: str
    proxies: Sequence[Network] = ()


def access(request: Request, rules: Rules, *, now: float, blocked: bool = False) -> Access:
    """Whether a request is allowed, and as whom. `now` is Unix time; `blocked`: its client has tried too often.

    A login is allowed as nobody: whether its token is right is seen later (`is_token`).
    """
    client = client_of(request.peer, request.headers, rules.proxies)
    local = is_local(request.peer, request.headers, request.http_version, rules.proxies)
    secure = is_secure(request.peer, request.headers, request.scheme, rules.proxies)
    bearer = _bearer(request)
    if error := _foreign(request, trusted=local or bearer is not None):
        return Access(403, client, error=error)
    is_login = (request.method, request.path) == ("POST", LOGIN)
    sessions = (read_session(value, rules.token, now) for value in _cookies(request))
    session = next(filter(None, sessions), None)
    if session is not None and not is_login:
        operator = f"{session.name} ({client})"
        return Access(200, client, operator, expires=session.expires, secure=secure)
    if local and not is_login:
        return Access(200, client, f"local ({client})", secure=secure)
    if not rules.token:
        return Access(403, client, error=CLOSED)
    if blocked and (is_login or bearer is not None):
        return Access(429, client, error=TOO_MANY)
    if is_login or request.path.startswith(_PUBLIC):
        return Access(200, client, secure=secure)
    if bearer is not None and is_token(bearer, rules.token):
        return Access(200, client, f"token ({client})", secure=secure)
    return Access(401, client, error=SIGN_IN, wrong=bearer is not None)


def is_token(text: str, token: str) -> bool:
    """Whether `text` is the token, in a time that does not tell how much of it is right."""
    return bool(token) and hmac.compare_digest(text.encode("utf-8", "replace"), token.encode())


def _bearer(request: Request) -> str | None:
    """The token in `Authorization: Bearer`; None if the header is not there, or is another one."""
    kind, _, text = (request.value("authorization") or "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _cookies(request: Request) -> Iterator[str]:
    """The values of our cookie. A site beside this one may have set another of the same name."""
    for header in request.values("cookie"):
        for cookie in header.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == COOKIE:
                yield value


def _foreign(request: Request, *, trusted: bool) -> str | None:
    """Why a request is refused as one that another site has a browser send; None: it is not.

    A browser says with every POST where it comes from, and with a GET that another site could read. What says nothing
    is no browser, and has to know the token (`trusted`). A link from elsewhere may lead to the page.
    """
    site, origins = request.value("sec-fetch-site"), request.values("origin")
    is_post = request.method not in ("GET", "HEAD")
    if site is not None:
        link = not is_post and (site == "none" or request.path == "/ops")
        return None if link or site == "same-origin" else CROSS_SITE
    if origins:
        return None if len(origins) == 1 and _same_host(origins[0], request) else CROSS_SITE
    return None if trusted or not is_post else NO_ORIGIN


def _same_host(origin: str, request: Request) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    hosts = request.values("host") + request.values(":authority")
    return parts.scheme in ("http", "https") and bool(parts.netloc) and hosts == [parts.netloc]

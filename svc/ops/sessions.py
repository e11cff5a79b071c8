"""The login of the ops page: the cookie that it gives, and how often a token may be tried.

The cookie is signed with a key that comes from OPS_TOKEN. So nothing is kept of it, any instance takes it, and a new
token ends all sessions.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict, deque
from dataclasses import dataclass

COOKIE = "svc_ops"
LASTS = 12 * 3600
"""Seconds for which a login is good."""

LONGEST_NAME = 64
NOBODY = "somebody"
"""Whoever has given no name."""

TRIES_EACH = 5
TRIES = 50
TRIES_WITHIN = 60.0
"""So many wrong tokens in so many seconds, of one client and of all together, before none is looked at any more."""

MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """Who has signed in, and the Unix time until which that holds."""

    name: str
    expires: float


def new_session(name: str, now: float) -> Session:
    """The session of somebody who calls himself `name`, which is cut to what a table can show."""
    printable = "".join(letter for letter in name if letter.isprintable())
    return Session(" ".join(printable.split())[:LONGEST_NAME] or NOBODY, now + LASTS)


def write_session(session: Session, token: str) -> str:
    """The cookie's value."""
    body = urlsafe_b64encode(json.dumps([session.name, session.expires]).encode()).decode()
    return f"{body}.{_signature(body, token)}"


def read_session(value: str, token: str, now: float) -> Session | None:
    """The session in a cookie's value; None if it is over or it is not signed by this token."""
    if not token:
        return None
    body, _, signature = value.partition(".")
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(body, token).encode()):
        return None
    name, expires = json.loads(urlsafe_b64decode(body))
    return Session(name, expires) if now < expires else None


def _signature(body: str, token: str) -> str:
    key = hmac.digest(token.encode(), b"a session of the ops page", "sha256")
    return urlsafe_b64encode(hmac.digest(key, body.encode("utf-8", "replace"), "sha256")).decode().rstrip("=")


class Tries:
    """The wrong tokens of the last minute, TRIES of them at most: beyond that none is looked at, so none is wrong.

    Who has many addresses could keep it there for ever. So a client that has known the token is not held to what all
    together have tried: nobody locks out those who have been in.
    """

    def __init__(self) -> None:
        self._wrong: deque[tuple[float, str]] = deque(maxlen=TRIES)
        self._known: OrderedDict[str, None] = OrderedDict()

    def right(self, client: str) -> None:
        """A client has shown that it knows the token. The latest MOST_KNOWN are remembered."""
        self._known[client] = None
        self._known.move_to_end(client)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def wrong(self, client: str, now: float) -> None:
        """A client has brought a wrong token. `now` is any clock's time, in seconds."""
        self._wrong.append((now, client))

    def blocked_for(self, client: str, now: float) -> float:
        """Seconds until this client's token is looked at again; 0: it is now."""
        while self._wrong and self._wrong[0][0] <= now - TRIES_WITHIN:
            self._wrong.popleft()
        everybody = [at for at, _ in self._wrong]
        own = [at for at, other in self._wrong if other == client]
        limits = [(own, TRIES_EACH)] if client in self._known else [(own, TRIES_EACH), (everybody, TRIES)]
        # The oldest of those that are too many has to be forgotten first.
        waits = [times[-most] for times, most in limits if len(times) >= most]
        return max((at + TRIES_WITHIN - now for at in waits), default=0.0)

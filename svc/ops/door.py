"""Whoever comes to /ops is let in or not, as access.py says; and the form by which one signs in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
import trio
from jinja2 import Environment
from quart import Response, g, request
from quart.typing import ResponseReturnValue

from svc.ops import access as rules
from svc.ops.access import Access, Rules, access, is_token
from svc.ops.plots import PLOTS
from svc.ops.sessions import COOKIE, LASTS, Tries, new_session, write_session

log = structlog.get_logger()

_WRONG = "That is not the token."


@dataclass(frozen=True)
class Visitor:
    """Whoever was let in, for as long as one request lasts. `seconds_left`: until the session ends."""

    operator: str
    signed_in: bool
    seconds_left: float


def visitor() -> Visitor:
    """Whoever the present request is from."""
    found: Access = g.ops_access
    left = math.inf if found.expires is None else found.expires - time.time()
    return Visitor(found.operator, found.expires is not None, left)


class Door:
    """Lets requests in. Keeps who has tried wrong tokens."""

    def __init__(self, token: str, proxies: Any, templates: Environment, now: Callable[[], float] = time.time) -> None:
        self._rules = Rules(token, proxies)
        self._templates = templates
        self._tries = Tries()
        self._now = now

    async def check(self) -> ResponseReturnValue | None:
        """None for a request that is let in; else its answer."""
        asked = _as_asked()
        found = access(asked, self._rules, now=self._now())
        blocked_for = self._tries.blocked_for(found.client, trio.current_time())
        if blocked_for > 0:
            found = access(asked, self._rules, now=self._now(), blocked=True)
        if found.status == 200:
            if found.operator:
                self._tries.right(found.client)
            g.ops_access = found
            return None
        if found.wrong:
            self._wrong(found.client)
        return self._refused(found, blocked_for)

    async def page(self) -> ResponseReturnValue:
        """The page itself."""
        who = visitor()
        return self._render("ops.html", 200, operator=who.operator if who.signed_in else None, plots=PLOTS)

    async def to_the_page(self) -> ResponseReturnValue:
        """Lead on whoever has written a stroke too many."""
        return _to_the_page()

    async def login(self) -> ResponseReturnValue:
        """Take the form: a cookie for whoever knows the token."""
        found: Access = g.ops_access
        form = await request.form
        name = form.get("name", "")
        # Others of the same client may have been wrong while the form was on its way.
        if blocked_for := self._tries.blocked_for(found.client, trio.current_time()):
            return self._too_many(blocked_for)
        if not is_token(form.get("token", ""), self._rules.token):
            self._wrong(found.client)
            return self._form(401, _WRONG, name)
        self._tries.right(found.client)
        session = new_session(name, self._now())
        log.info("OPS_LOGIN", operator=session.name, client=found.client)
        answer = _to_the_page()
        value = write_session(session, self._rules.token)
        answer.set_cookie(
            COOKIE, value, max_age=LASTS, path="/ops", httponly=True, samesite="Strict", secure=found.secure
        )
        return answer

    async def logout(self) -> ResponseReturnValue:
        """Take the cookie back."""
        answer = _to_the_page()
        answer.delete_cookie(COOKIE, path="/ops", httponly=True, samesite="Strict", secure=g.ops_access.secure)
        return answer

    def _wrong(self, client: str) -> None:
        self._tries.wrong(client, trio.current_time())
        log.warning("OPS_REFUSED", client=client, reason="a wrong token")

    def _refused(self, found: Access, blocked_for: float) -> ResponseReturnValue:
        if found.status == 429 and request.path == rules.LOGIN:
            return self._too_many(blocked_for)
        headers = {"Retry-After": str(math.ceil(blocked_for))} if found.status == 429 else {}
        if found.status == 401 and request.path == "/ops":
            return self._form(401, None, "")
        if found.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return {"error": found.error}, found.status, headers

    def _too_many(self, blocked_for: float) -> Response:
        seconds = math.ceil(blocked_for)
        answer = self._form(429, f"Too many tries. Try again in {seconds} seconds.", "")
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _form(self, status: int, error: str | None, name: str) -> Response:
        return self._render("login.html", status, error=error, name=name)

    def _render(self, template: str, status: int, **values: Any) -> Response:
        text = self._templates.get_template(template).render(**values)
        return Response(text, status, content_type="text/html; charset=utf-8")


def _to_the_page() -> Response:
    return Response("", 303, {"Location": "/ops"})


def _as_asked() -> rules.Request:
    """The present request as the connection has brought it: Quart's own adds a header of its own to it."""
    scope: Any = request.scope
    client = scope.get("client")
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    return rules.Request(
        method=scope["method"],
        path=scope["path"],
        peer=client[0] if client else None,
        headers=headers,
        http_version=scope["http_version"],
        scheme=scope["scheme"],
    )

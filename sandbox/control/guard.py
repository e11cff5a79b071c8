"""Other web pages are kept out: any page in the same browser could send requests to an address of this machine."""

from __future__ import annotations

import re

from sandbox.http_server import HttpRequest

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")


def refusal_of_browser(request: HttpRequest) -> str | None:
    """Why this request is refused where any program may ask, by whatever name it knows this machine: it is refused to
    browsers only, but for who has typed the address. None if it is not refused.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "none", "same-origin"):
        return "a page of another origin may not ask"
    return None if site is None else refusal(request)


def refusal(request: HttpRequest) -> str | None:
    """Why this request is refused; None if it is not.

    A browser says truly which host it asks (another name that leads here is an attack by DNS rebinding) and, with
    every POST, of which origin the page is. What is no browser may leave both out.
    """
    host, origin = (request.headers.get(name) for name in ("host", "origin"))
    if host is not None and not _LOOPBACK.fullmatch(host.lower()):
        return "this address is for 127.0.0.1 and localhost only"
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return "a page of another origin may not ask"
    return None

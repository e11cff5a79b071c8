"""The files behind the URLs of a call: fetched before the call is carried out, as Telegram's servers do it.

Only loopback is ever asked, unless somebody says otherwise: whatever a bot is made to send, a test or a demo reaches
nobody else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import trio

from sandbox.media import urls_in
from sandbox.params import Params, Upload

FETCH_TIMEOUT = 15.0
MAX_REDIRECTS = 5

Fetch = Callable[[str, int], Awaitable[Upload | None]]
"""`await fetch(url, most)`: the file, or None where it cannot be had or has over `most` bytes. It raises nothing."""


async def fetched_for(method: str, params: Mapping[str, Any], fetch: Fetch) -> dict[str, Upload]:
    """The files that the URLs of this call lead to, those that could be fetched."""
    found: dict[str, Upload] = {}
    for url, most in urls_in(method, Params(params)):
        upload = await fetch(url, most)
        if upload is not None:
            found[url] = upload
    return found


class HttpFetcher:
    """A Fetch over HTTP. `anywhere`: not from loopback only."""

    def __init__(self, *, anywhere: bool = False) -> None:
        self._anywhere = anywhere

    async def __call__(self, url: str, most: int) -> Upload | None:
        """The file behind the URL, None for every answer but a 200 within its limits."""
        with trio.move_on_after(FETCH_TIMEOUT):
            try:
                async with self._open() as client:
                    return await _get(client, url, most)
            except (httpx.HTTPError, httpx.InvalidURL, _Forbidden):
                return None
        return None

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            timeout=FETCH_TIMEOUT,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            event_hooks={"request": [self._check]},
        )

    async def _check(self, request: httpx.Request) -> None:
        """Also asked before every redirect is followed."""
        if not self._anywhere and not is_loopback(request.url.host):
            raise _Forbidden


class _Forbidden(Exception):
    """The URL leads to another machine."""


async def _get(client: httpx.AsyncClient, url: str, most: int) -> Upload | None:
    async with client.stream("GET", url) as response:
        if response.status_code != 200 or int(response.headers.get("content-length", 0)) > most:
            return None
        content = await _read(response, most)
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        told = response.headers.get("content-type", "application/octet-stream")
        return None if content is None else Upload(name, content, told)


async def _read(response: httpx.Response, most: int) -> bytes | None:
    """The body; None if it is too long, of which the rest is read all the same, within the deadline of the fetch.

    Whoever leaves a body half-way leaves httpcore's generators to the garbage collector.
    """
    content = bytearray()
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size <= most:
            content += chunk
    return bytes(content) if size <= most else None


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

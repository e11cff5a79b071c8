"""Files of messages, for the page: whole or in part, as a browser asks that plays a video."""

from __future__ import annotations

import re

from sandbox.api import HttpResponse
from sandbox.files import StoredFile
from sandbox.http_server import HttpRequest

_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "video/", "audio/")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def file_answer(file: StoredFile, request: HttpRequest) -> HttpResponse:
    """The file, or the one range of it that is asked for; 416 where there is nothing in that range."""
    # What a bot or a person has sent is shown as a picture, played or kept, and never run as a page of this origin.
    shown = file.mime_type if file.mime_type.startswith(_SHOWN) else "application/octet-stream"
    headers = [
        ("Content-Type", shown),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "private, max-age=3600, immutable"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ]
    size = len(file.content)
    part = _asked_range(request, size)
    if part is None:
        return HttpResponse(200, headers, file.content)
    if not part:
        return HttpResponse(416, [("Content-Range", f"bytes */{size}")], b"")
    headers.append(("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}"))
    return HttpResponse(206, headers, file.content[part.start : part.stop])


def _asked_range(request: HttpRequest, size: int) -> range | None:
    """The bytes that are asked for, none of them if there are no such; None if the whole file is to be sent.

    As RFC 9110 (14.2) allows, a header that cannot be read counts for none, and so do several ranges at once. If-Range
    names a version by a validator, and no answer here has one: so it never matches.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or "if-range" in request.headers or not any(asked.groups()):
        return None
    first, last = asked.groups()
    if not first:
        return range(max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)

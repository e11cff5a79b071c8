"""What all routes share that take and answer JSON, the demo's and those of sandbox/kie too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from sandbox.api import HttpResponse
from sandbox.http_server import HttpRequest
from sandbox.state import PendingUpdate

MAX_JSON = 1024 * 1024
"""Bytes: as much is read in no time. 50 MB of small arrays take 20 seconds, in which nobody else is served."""


def query_of(request: HttpRequest) -> dict[str, str]:
    """The query of the address; of several values of a name the last."""
    _, _, query = request.target.partition("?")
    return {name: values[-1] for name, values in parse_qs(query).items()}


def object_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that is the body. Raises ValueError for anything else, and for more than MAX_JSON bytes."""
    if len(request.body) > MAX_JSON:
        raise ValueError(f"a JSON object of at most {MAX_JSON} bytes is expected")
    wanted = json.loads(request.body)
    if not isinstance(wanted, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004 - answered with 400
    return wanted


def text_of(wanted: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """One text of an object. Raises ValueError if it is none, or is missing and has no default."""
    value = wanted.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")  # noqa: TRY004 - answered with 400
    return value


def number_of(wanted: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """One whole number of an object. Raises ValueError if it is none, or is missing and has no default."""
    value = wanted.get(name, default)
    if type(value) is not int:
        raise ValueError(f"{name} must be a number")
    return value


def update_answer(update: PendingUpdate | None) -> HttpResponse:
    """The id of the update that a user has caused, or null if the bot does not want such."""
    return json_answer(200, {"update_id": update.id if update else None})


def json_answer(status: int, body: Any) -> HttpResponse:
    """An answer in JSON, which is not to be kept."""
    return HttpResponse(
        status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], json.dumps(body).encode()
    )


def error_answer(status: int, why: str) -> HttpResponse:
    """What was wrong, in words."""
    return json_answer(status, {"error": why})

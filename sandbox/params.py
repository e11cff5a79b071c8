"""A method's parameters, however they came: URL query, JSON, form or multipart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from sandbox.answers import MethodFailed, bad_request

MAX_FIELDS = 1_000
MAX_DEPTH = 32
"""Levels of JSON; deeper values could not be written out again everywhere."""


class Params:
    """Read access to parameters that may be native JSON values or strings holding the same."""

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def text(self, name: str) -> str:
        """The parameter as text; "" when absent."""
        value = self.raw.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """The parameter as a whole number; `default` when absent or not one, as the real server does."""
        value = self.raw.get(name)
        try:
            return default if value is None or value == "" else int(value)
        except (TypeError, ValueError, OverflowError):
            return default

    def flag(self, name: str) -> bool:
        """Whether the parameter says yes."""
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def json(self, name: str) -> Any:
        """The parameter as a JSON value, parsed if it came as a string; None when absent or empty.

        Raises ValueError for a string that is not JSON.
        """
        value = self.raw.get(name)
        if not isinstance(value, str):
            return value
        return _parse(value) if value else None


def read_params(query: str, content_type: str, body: bytes) -> dict[str, Any]:
    """All parameters of one request; the body's win over the query's.

    Raises Refused (400) for a body that is not what its Content-Type says.
    """
    try:
        params = _from_form(query) if query else {}
        if body:
            params.update(_from_body(content_type, body))
        return params
    except ValueError:
        raise MethodFailed(bad_request("can't parse the request's parameters")) from None


def _from_body(content_type: str, body: bytes) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _from_json(body)
    if kind == "multipart/form-data":
        return _from_multipart(content_type, body)
    if kind == "application/x-www-form-urlencoded":
        return _from_form(body.decode())
    return {}


def _from_json(body: bytes) -> dict[str, Any]:
    params = _parse(body)
    if not isinstance(params, dict):
        raise ValueError("an object is expected")  # noqa: TRY004 - the text is wrong, not the call
    return params


def _from_form(text: str) -> dict[str, Any]:
    return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))


def _from_multipart(content_type: str, body: bytes) -> dict[str, Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    params: dict[str, Any] = {}
    parts = BytesParser().parsebytes(head + body).get_payload()
    for part in parts if isinstance(parts, list) else []:
        assert not isinstance(part, str)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            params[name] = content.decode()
    return params


def _parse(text: str | bytes) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("too many levels") from None
    _check_depth(value, MAX_DEPTH)
    return value


def _check_depth(value: Any, levels: int) -> None:
    if not isinstance(value, dict | list):
        return
    if not levels:
        raise ValueError("too many levels")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, levels - 1)

"""A method's parameters, however they came: URL query, JSON, form or multipart, with the files of the latter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from sandbox.answers import MethodFailed, bad_request

MAX_FIELDS = 1_000
MAX_DEPTH = 32
"""Levels of JSON; deeper values could not be written out again everywhere."""

_HEADER = re.compile(r"^([A-Za-z-]+):(.*)$", re.MULTILINE)
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has come: as a part of a form, or from a URL. `mime_type` is what its sender says it is."""

    name: str
    content: bytes = field(repr=False)
    mime_type: str = _OCTETS


class Params:
    """Read access to parameters that may be native JSON values or strings holding the same.

    `fetched` are the files behind those URLs of the request that could be fetched.
    """

    __slots__ = ("fetched", "raw")

    def __init__(self, raw: Mapping[str, Any], fetched: Mapping[str, Upload] = MappingProxyType({})) -> None:
        self.raw = raw
        self.fetched = fetched

    def within(self, fields: Mapping[str, Any]) -> Params:
        """The fields of an object within a parameter, read like parameters; the files stay those of the request."""
        uploads = {name: value for name, value in self.raw.items() if isinstance(value, Upload)}
        return Params({**uploads, **fields}, self.fetched)

    def upload(self, name: str) -> Upload | None:
        """The file that came under this name."""
        value = self.raw.get(name)
        return value if isinstance(value, Upload) else None

    def text(self, name: str) -> str:
        """The parameter as text; "" when absent."""
        value = self.raw.get(name)
        if value is None or isinstance(value, Upload):
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """The parameter as a whole number; `default` when absent or not one, as the real server does."""
        value = self.raw.get(name)
        try:
            return default if value is None or value == "" or isinstance(value, Upload) else int(value)
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
        if isinstance(value, Upload):
            return None
        if not isinstance(value, str):
            return value
        return _parse(value) if value else None


def read_params(query: str, content_type: str, body: bytes) -> dict[str, Any]:
    """All parameters of one request; the body's win over the query's.

    Raises MethodFailed (400) for a body that is not what its Content-Type says.
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
    """The parts of a form (RFC 7578): texts, and files where a part has a name of a file."""
    boundary = _header(content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise ValueError("a form needs a boundary")
    params: dict[str, Any] = {}
    # The first part begins without a line break; what follows the last boundary is "--".
    for part in (b"\r\n" + body).split(f"\r\n--{boundary}".encode())[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if part.startswith(b"--") or not blank:
            continue
        headers = dict(_HEADER.findall(head.decode()))
        headers = {name.lower(): value.strip() for name, value in headers.items()}
        disposition = _header(headers.get("content-disposition", ""))
        name, filename = disposition.get_param("name"), disposition.get_param("filename")
        if not isinstance(name, str) or len(params) >= MAX_FIELDS:
            continue
        if filename is None:
            params[name] = content.decode()
        else:
            params[name] = Upload(str(filename), content, headers.get("content-type", _OCTETS))
    return params


def _header(value: str) -> Message:
    """A header's value with its parameters; the standard library reads them from messages only."""
    message = Message()
    message["Content-Type"] = re.sub(r"[\r\n]", " ", value)
    return message


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

"""What is sent, all of it made from a seed: requests for the webhook, each with what the contract lets it be answered.

What a body holds is told here by Python's own JSON, not by the service's reader: a 200 has to be for what is an update,
and a 400 for what is none.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.fuzz.corpus import Updates
from fleet.fuzz.encoding import encode_bytes
from fleet.fuzz.mutations import damage, enlarge, mutate, nest
from fleet.process import SECRET

FIRST_ID = 2**40
"""The ids of what is made here: far from those of the sandbox Telegram's own updates."""
INT64 = 2**63
MAX_BODY = 1024 * 1024
_LONG_NUMBER = re.compile(rb"[0-9]{1000}")
STORED, NOT_AN_UPDATE, TOO_LARGE = frozenset({200}), frozenset({400}), frozenset({413})
HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
KINDS = {
    "as Telegram sends it": 20,
    "structure": 45,
    "bytes": 25,
    "nested": 3,
    "large": 2,
    "too large": 0.2,
    "headers": 5,
}
"""Kinds of requests, and how many of a hundred are of each."""


@dataclass(frozen=True)
class Request:
    """One request to the webhook. `allowed` are the statuses that it may be answered with, of these 200 if it is the
    update `update_id`."""

    kind: str
    body: bytes
    allowed: frozenset[int]
    update_id: int | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def requests(seed: int, now: int) -> Iterator[Request]:
    """Requests without an end; `now` is the date of messages, in Unix time."""
    rng = random.Random(seed)
    updates = Updates(rng, now)
    kinds, weights = list(KINDS), list(KINDS.values())
    other = b"{}"
    for number in itertools.count(FIRST_ID + (seed % 2**16) * 2**32):
        (kind,) = rng.choices(kinds, weights)
        request = _request(kind, updates.next(number), number, other, rng)
        other = request.body[:4096]
        yield request


def _request(kind: str, update: dict[str, Any], number: int, other: bytes, rng: random.Random) -> Request:
    ascii_only = rng.random() < 0.7
    match kind:
        case "structure":
            return judged(kind, encode_bytes(mutate(update, rng), ascii_only=ascii_only))
        case "bytes":
            return judged(kind, damage(encode_bytes(update, ascii_only=ascii_only), other, rng))
        case "nested":
            # Where readers of JSON give up is their own affair.
            body = encode_bytes(nest(update, rng))
            return Request(kind, body, TOO_LARGE if len(body) > MAX_BODY else STORED | NOT_AN_UPDATE, number)
        case "large":
            return judged(kind, encode_bytes(enlarge(update, rng)))
        case "too large":
            return judged(kind, encode_bytes(update).ljust(MAX_BODY + rng.choice((1, 4096, MAX_BODY))))
        case "headers":
            method, headers, status = rng.choice(WRONG_HEADERS)
            return Request(kind, encode_bytes(update), frozenset({status}), method=method, headers=headers)
    return judged(kind, encode_bytes(update))


def judged(kind: str, body: bytes) -> Request:
    """A request in good order with this body."""
    if len(body) > MAX_BODY:
        return Request(kind, body, TOO_LARGE)
    update_id = update_in(body)
    if update_id is None:
        return Request(kind, body, NOT_AN_UPDATE)
    return Request(kind, body, STORED if _is_plain(body) else STORED | NOT_AN_UPDATE, update_id)


def update_in(body: bytes) -> int | None:
    """The id of the update that a body is; None if it is none."""
    try:
        document = json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    update_id = document.get("update_id") if isinstance(document, dict) else None
    return update_id if type(update_id) is int and 0 <= update_id < INT64 else None


def _integer(text: str) -> int | float:
    # Python turns no number of thousands of digits into an integer.
    return int(text) if len(text) < 40 else float("inf")


def _is_plain(body: bytes) -> bool:
    """Whether every reader of JSON has to take it: Python's takes UTF-16, a BOM and halves of characters too, and some
    give up on numbers of thousands of digits."""
    try:
        return not body.decode().startswith("\ufeff") and not _LONG_NUMBER.search(body)
    except UnicodeDecodeError:
        return False


def _without(name: str, **others: str) -> Mapping[str, str]:
    return {key: value for key, value in HEADERS.items() if key != name} | others


_SECRET, _TYPE = HEADERS
WRONG_HEADERS: tuple[tuple[str, Mapping[str, str], int], ...] = (
    ("POST", _without(_SECRET), 401),
    ("POST", HEADERS | {_SECRET: ""}, 401),
    ("POST", HEADERS | {_SECRET: SECRET.upper()}, 401),
    ("POST", HEADERS | {_SECRET: SECRET + "\x80\xff"}, 401),
    ("POST", HEADERS | {_SECRET: "x" * 4000}, 401),
    ("POST", _without(_TYPE), 415),
    ("POST", HEADERS | {_TYPE: "text/plain"}, 415),
    ("POST", HEADERS | {_TYPE: "application/x-www-form-urlencoded"}, 415),
    ("POST", HEADERS | {_TYPE: "\xff;;;,"}, 415),
    ("POST", HEADERS | {_TYPE: "text/html, application/json"}, 415),
    ("GET", HEADERS, 405),
    ("PUT", HEADERS, 405),
    ("PATCH", HEADERS, 405),
    ("DELETE", HEADERS, 405),
    ("OPTIONS", HEADERS, 405),
    ("QUERY", HEADERS, 405),
)
"""Requests that the contract refuses by their first lines: method, headers, status."""

"""Reading what a page asks for: fields of a JSON object or of a query. Whatever is wrong with it is a BadRequest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, cast, get_args

from svc.actions.dead_letters import Selection
from svc.handler.job import JobState
from svc.storage.storable import storable

MOST_IDS = 1000
LONGEST_TEXT = 500
HOUR = 3600.0
# More hours than any age; a float of seconds is still exact there.
_MOST_HOURS = 1_000_000.0
_INT64 = 2**63


class BadRequest(Exception):
    """What is asked for cannot be understood; the message is one line."""


def json_object(body: str | bytes) -> Mapping[str, Any]:
    """The JSON object that a body holds."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest("the request must be a JSON object")
    return found


def text(wanted: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    """A text of up to LONGEST_TEXT characters, without the spaces around it and without what cannot be stored;
    `empty`: it may be missing.
    """
    value = wanted.get(name, "" if empty else None)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a text")
    if len(value) > LONGEST_TEXT:
        raise BadRequest(f"{name} must be at most {LONGEST_TEXT} characters")
    found = " ".join(storable(value).split())
    if not (empty or found):
        raise BadRequest(f"{name} must be a text")
    return found


def number(wanted: Mapping[str, Any], name: str) -> int:
    """A whole number of 64 bits."""
    value = wanted.get(name)
    if not _is_id(value):
        raise BadRequest(f"{name} must be a whole number")
    return cast(int, value)


def ids(wanted: Mapping[str, Any]) -> list[int]:
    """`ids`: from 1 to MOST_IDS numbers of updates, each once."""
    values = wanted["ids"]
    if not isinstance(values, list) or not all(map(_is_id, values)):
        raise BadRequest("ids must be a list of whole numbers")
    found = list(dict.fromkeys(values))
    if not 0 < len(found) <= MOST_IDS:
        raise BadRequest(f"ids must be 1 to {MOST_IDS} numbers")
    return found


def job_state(wanted: Mapping[str, Any]) -> JobState:
    """`state`: one of those that a job may be in."""
    states = get_args(JobState)
    if wanted.get("state") not in states:
        raise BadRequest(f"state must be one of {', '.join(states)}")
    return cast(JobState, wanted["state"])


def selection(wanted: Mapping[str, Any]) -> Selection:
    """`reason`, and `older_than` and `younger_than` in hours; each may be missing or empty."""
    return Selection(
        reason=text(wanted, "reason", empty=True) or None if wanted.get("reason") is not None else None,
        older_than=_hours(wanted, "older_than"),
        younger_than=_hours(wanted, "younger_than"),
    )


def _hours(wanted: Mapping[str, Any], name: str) -> float | None:
    """Hours, as a number or a text that is one, in seconds."""
    value = wanted.get(name)
    if value in (None, ""):
        return None
    try:
        hours = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        hours = math.nan
    if not 0 <= hours <= _MOST_HOURS:
        raise BadRequest(f"{name} must be a number of hours")
    return hours * HOUR


def _is_id(value: Any) -> bool:
    return type(value) is int and -_INT64 <= value < _INT64

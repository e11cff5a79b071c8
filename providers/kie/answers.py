"""Reading what kie answers, whatever that is: envelopes, what their codes mean, and the record of a task.

Every answer is an envelope `{"code": ..., "msg": ..., "data": ...}`, often with the HTTP status 200 whatever the code
is; some say `message` for `msg` (docs.kie.ai as of 2026-08, and public clients). What an answer means, where a call is
not repeatable:

    code 200                      done
    a code of REFUSALS, other 4xx it was not done
    408, 5xx but those two        in doubt: something behind kie's door failed, which may have done its work before
    no envelope at all            in doubt: a proxy's page says nothing of what kie did

"In doubt" is so only if all of the request had left: kie does not act on a part of one (exchange.py).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from providers.provider import Going, Made, NotMade, Outcome, RefusalKind, Task

MAX_URLS = 50
"""Results that are read of one task; more are not kie's."""
MAX_TEXT = 500
LONGEST_RETRY_AFTER = 24 * 3600.0

DONE = 200

REFUSALS: dict[int, RefusalKind] = {
    400: "input",  # not a valid request
    401: "unauthorized",  # the key is missing or wrong
    402: "credits",  # not enough of them
    403: "unauthorized",  # the key may not do this
    422: "input",  # a field of the input does not pass its check
    429: "busy",  # over 20 creates in 10 s, or about 100 tasks running; nothing is queued
    433: "credits",  # this key has spent what it was allowed to
    455: "maintenance",  # closed for now
    501: "failed",  # the generation has failed
    505: "failed",  # this feature is switched off
}

_TASK_ID = re.compile(r"[!-~]{1,200}")
# Some servers leave letters unescaped; a space, a control character or half of a character is no part of an address.
_URL = re.compile(r"https?://[^\s\x00-\x20\x7f\ud800-\udfff]{1,4000}")
_NOT_KNOWN_YET = "recordinfo is null"


@dataclass(frozen=True, slots=True)
class Answer:
    """An envelope; `retry_after` in seconds, if it is said."""

    code: int
    text: str
    data: Any
    retry_after: float | None = None


def decode(status: int, headers: Mapping[str, str], content: bytes) -> Answer | None:
    """The envelope, or None if this is none, or if it says "done" under an HTTP status that does not."""
    found = _object_in(content.decode("utf-8-sig", "replace"))
    code = _code(found.get("code")) if found is not None else None
    if found is None or code is None or (code == DONE and not 200 <= status < 300):
        return None
    text = next((found[name] for name in ("msg", "message") if isinstance(found.get(name), str)), "")
    return Answer(code, _tidy(text), found.get("data"), _seconds(headers.get("retry-after")))


def refusal_kind(code: int) -> RefusalKind | None:
    """Why a call with this code was certainly not done; None where that is not certain."""
    if code == 408 or not 400 <= code < 600:
        return None
    return REFUSALS.get(code) or ("failed" if code < 500 else None)


def is_unknown_task(answer: Answer) -> bool:
    """Whether kie knows no such task. Right after a create it may say so for 90 s (public clients)."""
    if answer.code == DONE:
        return answer.data is None
    return answer.code == 404 or (answer.code == 422 and _NOT_KNOWN_YET in answer.text.lower())


def task_id_in(data: Any) -> str | None:
    """The task's id: kie writes `taskId` or `task_id`."""
    if not isinstance(data, dict):
        return None
    for name in ("taskId", "task_id"):
        value = data.get(name)
        if isinstance(value, str) and _TASK_ID.fullmatch(value):
            return value
    return None


def url_in(value: Any) -> str | None:
    """The value, if it is an http address."""
    return value if isinstance(value, str) and _URL.fullmatch(value) else None


def number_in(value: Any) -> float | None:
    """The value as a finite number; None if it is none."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def task_in(data: Any, task_id: str) -> Task | None:
    """The task as its record tells it; None if this is no record, or another task's."""
    if not isinstance(data, dict) or (task_id_in(data) or task_id) != task_id:
        return None
    return Task(task_id, _outcome(data), _callback_url(data))


def _outcome(record: dict[str, Any]) -> Outcome:
    match record.get("state"):
        case "success":
            return Made(_urls(record.get("resultJson")))
        case "fail":
            return NotMade(_failure_kind(record.get("failCode")), _tidy(record.get("failMsg")))
    # waiting, queuing, generating; and a word that nobody knows means that it is still running, too (public clients).
    return Going(_progress(record.get("progress")))


def _failure_kind(code: Any) -> RefusalKind:
    number = _code(code)
    return (refusal_kind(number) if number is not None else None) or "failed"


def _progress(value: Any) -> float | None:
    # A percentage, where it is told at all.
    percent = number_in(value.removesuffix("%") if isinstance(value, str) else value)
    return None if percent is None else min(max(percent / 100, 0.0), 1.0)


def _urls(result: Any) -> tuple[str, ...]:
    """The addresses in `resultJson`: those of `resultUrls`, else all that are anywhere in `resultObject`."""
    found = _object_in(result)
    if found is None:
        return ()
    listed = [url for url in _texts(found.get("resultUrls")) if url_in(url)]
    urls = listed or [url for url in _texts(found.get("resultObject")) if url_in(url)]
    return tuple(dict.fromkeys(urls))[:MAX_URLS]


def _texts(value: Any) -> Iterator[str]:
    """The texts in a JSON value, from the first to the last. Not recursive: how deep it goes is up to the server."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            todo += reversed(each)
        elif isinstance(each, dict):
            todo += reversed(each.values())


def _callback_url(record: dict[str, Any]) -> str | None:
    """The address that the create named: `param` repeats the whole request."""
    request = _object_in(record.get("param")) or {}
    url = request.get("callBackUrl")
    return url if isinstance(url, str) else None


def _object_in(value: Any) -> dict[str, Any] | None:
    """A JSON object, which kie writes into a string (or not)."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _code(value: Any) -> int | None:
    number = number_in(value) if not isinstance(value, bool) else None
    return int(number) if number is not None and number == int(number) else None


def _seconds(value: str | None) -> float | None:
    seconds = number_in(value)
    return min(seconds, LONGEST_RETRY_AFTER) if seconds is not None and seconds > 0 else None


def _tidy(text: Any) -> str:
    """What kie says, on one line and cut to a length that a log and a row can take."""
    if not isinstance(text, str):
        return ""
    # Postgres takes no NUL and no half of a character.
    readable = "".join(char if char.isprintable() else " " for char in text[: 4 * MAX_TEXT])
    return " ".join(readable.split())[:MAX_TEXT]

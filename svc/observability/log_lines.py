"""How an event reads as a line: on a terminal like the original bot's, elsewhere as JSON, and never with a secret."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from structlog.typing import EventDict

from svc.observability.events import EVENTS, Look

Mask = Callable[[str], str]

_NO_LOOK = Look("LOG", "•")
# Of what is logged, only something that holds itself has so many levels.
NESTED = 20
# In bits. Python turns no number of thousands of digits into text.
LARGEST_INT = 4096

_encoder = msgspec.json.Encoder(enc_hook=str)


def console_line(event: EventDict) -> str:
    """The event as the original bot logged it: `05:14:02 [WORKER_1] 🎬 ACTIVE_PROCESS_START update_id=724051459`."""
    name = _text(event.pop("event"))
    source, sign = EVENTS.get(name, _NO_LOOK)
    worker = event.pop("worker", None)
    time = event.pop("timestamp", "")
    event.pop("level", None)
    event.pop("instance", None)
    exception = event.pop("exception", None)
    source = str(worker) if worker is not None and source == "WORKER" else source
    epoch = event.pop("epoch", None)
    if epoch is not None:
        event["epoch"] = epoch  # last: what identifies the update comes first
    fields = " ".join(f"{key}={_plain(value)}" for key, value in event.items() if value is not None)
    line = f"{time} [{source}] {sign} {name} {fields}".rstrip()
    return f"{line}\n{exception}" if exception else line


def json_line(event: EventDict, mask: Mask) -> str:
    """The event as one line of JSON, whatever is in it, without the secrets; and still JSON where one of them stands
    within a number or looks like a part of the syntax. A number that JSON has no word for is null.
    """
    line = _as_line(event)
    hidden = mask(line)
    # Nearly always it is the very line.
    return hidden if hidden == line or _is_json(hidden) else json.dumps(_masked(_as_json(event, NESTED), mask))


def _as_line(event: EventDict) -> str:
    try:
        return _encoder.encode(event).decode()
    except Exception:  # a lone surrogate, a number of more than 64 bits, a key that is no text, a str() that raises
        return json.dumps(_as_json(event, NESTED))


def _as_json(value: Any, levels: int) -> Any:
    """`value` as what `json.dumps` takes; what is nested deeper than so many levels, in itself for one, as text."""
    if value is None or (isinstance(value, int) and value.bit_length() <= LARGEST_INT):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict) and levels:
        return {_text(key): _as_json(each, levels - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and levels:
        return [_as_json(each, levels - 1) for each in value]
    return msgspec.to_builtins(value) if isinstance(value, datetime) else _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # its own __str__ fails: a log call never raises
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _masked(value: Any, mask: Mask) -> Any:
    """`value` with the secrets hidden in each text and number of it."""
    if isinstance(value, dict):
        return {mask(key): _masked(each, mask) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, mask) for each in value]
    text = mask(str(value))
    return value if text == str(value) else text


def _plain(value: Any) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else _text(value)
    # An event stays on one line, and where a field ends can be seen.
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return f'"{text}"' if " " in text else text

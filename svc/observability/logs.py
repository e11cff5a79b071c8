"""Structured logs: one event a line, on a terminal like the original bot's, JSON elsewhere, never a secret.

Every event is counted whether or not it is printed, so that metrics do not depend on the level.
"""

from __future__ import annotations

import io
import json
import logging
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from svc.observability.events import EVENTS, Look
from svc.settings.environment import LogFormat
from svc.settings.masking import make_mask

log = structlog.get_logger()

Count = Callable[[str], None]
Mask = Callable[[str], str]
Render = Callable[[WrappedLogger, str, EventDict], str]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NO_LOOK = Look("LOG", "•")
# Of what is logged, only something that holds itself has so many levels.
NESTED = 20
# In bits. Python turns no number of thousands of digits into text.
LARGEST_INT = 4096


def configure_logging(
    *,
    log_format: LogFormat | None = None,
    level: str = "info",
    instance: str = "",
    secrets: Iterable[str] = (),
    count: Count | None = None,
    out: TextIO | None = None,
) -> None:
    """Set up structlog and the libraries' loggers for this process.

    `log_format` None means console on a terminal, else JSON. `secrets` are replaced wherever they occur in a line.
    `count` is called with the name of every event.
    """
    stream = out or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A terminal whose encoding has no emoji gets their codes: logging a line must never raise.
        stream.reconfigure(errors="backslashreplace")
    console = log_format == "console" or (log_format is None and stream.isatty())
    mask = make_mask(secrets)
    structlog.configure(
        processors=[
            _counter(count),
            _at_least(_LEVELS[level]),
            _instance(instance),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True) if not console else _clock(),
            structlog.processors.format_exc_info,
            _hidden(console_line, mask) if console else _hidden_json(mask),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_libraries()


def console_line(_logger: WrappedLogger, _level: str, event: EventDict) -> str:
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


def json_line(_logger: WrappedLogger, _level: str, event: EventDict) -> str:
    """The event as one line of JSON, whatever is in it. A number that JSON has no word for is null."""
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
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
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # its own __str__ fails: a log call never raises
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _hidden(render: Render, mask: Mask) -> Render:
    """`render` without the secrets."""
    return lambda logger, level, event: mask(render(logger, level, event))


def _hidden_json(mask: Mask) -> Render:
    """JSON without the secrets, and still JSON where one stands within a number or looks like a part of the syntax."""

    def render(logger: WrappedLogger, level: str, event: EventDict) -> str:
        line = json_line(logger, level, event)
        hidden = mask(line)
        return hidden if hidden == line or _is_json(hidden) else json.dumps(_masked(_as_json(event, NESTED), mask))

    return render


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


def _counter(count: Count | None) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def processor(_logger: WrappedLogger, _level: str, event: EventDict) -> EventDict:
        if count is not None:
            count(event["event"])
        return event

    return processor


def _at_least(lowest: int) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def processor(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        if _LEVELS.get(level, 20) < lowest:
            raise structlog.DropEvent
        return event

    return processor


def _instance(label: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def processor(_logger: WrappedLogger, _level: str, event: EventDict) -> EventDict:
        event["instance"] = label
        return event

    return processor


def _clock() -> structlog.processors.TimeStamper:
    return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)


class _ToStructlog(logging.Handler):
    """What a library logs at WARNING or above becomes an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)  # its arguments do not fit its format: the text alone is better than an error
        fields: dict[str, Any] = {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        if record.levelno >= logging.ERROR:
            log.error("LIBRARY", **fields)
        else:
            log.warning("LIBRARY", **fields)


def _route_libraries() -> None:
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(logging.WARNING)
    # httpx logs every URL at INFO, and the URL holds the token; httpcore logs more at DEBUG.
    for name in ("httpx", "httpcore", "hypercorn.error", "hypercorn.access", "asyncio", "quart.app", "transitions"):
        logging.getLogger(name).setLevel(logging.WARNING)

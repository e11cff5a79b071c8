"""Structured logs: one event a line, on a terminal like the original bot's, JSON elsewhere, never a secret.

Every event is counted whether or not it is printed, so that metrics do not depend on the level.
"""

from __future__ import annotations

import io
import json
import logging
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

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NO_LOOK = Look("LOG", "•")


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

    def hide(_logger: WrappedLogger, _level: str, line: Any) -> str:
        return mask(str(line))

    structlog.configure(
        processors=[
            _counter(count),
            _at_least(_LEVELS[level]),
            _instance(instance),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True) if not console else _clock(),
            structlog.processors.format_exc_info,
            console_line if console else json_line,
            hide,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_libraries()


def console_line(_logger: WrappedLogger, _level: str, event: EventDict) -> str:
    """The event as the original bot logged it: `05:14:02 [WORKER_1] 🎬 ACTIVE_PROCESS_START update_id=724051459`."""
    name = str(event.pop("event"))
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
    """The event as one line of JSON."""
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except (TypeError, ValueError, OverflowError):  # a lone surrogate, a number of more than 64 bits
        return json.dumps(event, default=str, skipkeys=True)


def _plain(value: Any) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
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

"""Structured logs: one event a line, on a terminal like the original bot's, JSON elsewhere, never a secret.

Every event is counted whether or not it is printed, so that metrics do not depend on the level.

Some five events are logged of each update, so a line is made in one step: structlog binds and filters, a single
processor makes the text, and it is written at once, so that none is lost however the process ends.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from svc.observability.log_lines import console_line, json_line
from svc.observability.log_writer import LineWriter
from svc.settings.environment import LogFormat
from svc.settings.masking import make_mask

log = structlog.get_logger()

Count = Callable[[str], object]
Render = Callable[[EventDict], str]
Processor = Callable[[WrappedLogger, str, EventDict], str]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


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
    stream = out or sys.stdout or sys.stderr  # whoever started us may have closed stdout: then it is None
    count = count or _count_nothing
    console = log_format == "console" or (log_format is None and stream.isatty())
    mask = make_mask(secrets)
    writer = LineWriter(stream)
    structlog.configure(
        processors=[_one_step(_on_a_terminal(mask) if console else _in_json(mask), instance, count)],
        wrapper_class=_counting_logger(level, count),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    _route_libraries()


def _counting_logger(level: str, count: Count) -> type[Any]:
    """structlog's logger of this level, which does nothing about what is below it; here it is counted."""

    def only_count(_logger: object, event: str, **_fields: object) -> None:
        count(event)

    below = {name: only_count for name, number in _LEVELS.items() if number < _LEVELS[level]}
    return type("CountingLogger", (structlog.make_filtering_bound_logger(level),), below)


def _one_step(render: Render, instance: str, count: Count) -> Processor:
    """The only processor: from an event to the line that is written."""

    def processor(_logger: WrappedLogger, level: str, event: EventDict) -> str:
        count(event["event"])
        event["instance"] = instance
        event["level"] = level
        if "exc_info" in event:
            structlog.processors.format_exc_info(None, level, event)
        return render(event)

    return processor


def _in_json(mask: Callable[[str], str]) -> Render:
    def render(event: EventDict) -> str:
        event["timestamp"] = datetime.now(UTC)  # the encoder makes it RFC 3339, for less than it costs to do here
        return json_line(event, mask)

    return render


def _on_a_terminal(mask: Callable[[str], str]) -> Render:
    def render(event: EventDict) -> str:
        event["timestamp"] = time.strftime("%H:%M:%S")
        return mask(console_line(event))

    return render


def _count_nothing(_event: str) -> None:
    pass


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

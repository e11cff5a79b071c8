"""`svc run` as a process: its log, its garbage collector, its exit code."""

from __future__ import annotations

import gc
import resource
from functools import partial

import structlog
import trio

from svc.handler.bot import BotError
from svc.intake.http_server import ConfigError
from svc.observability.errors import describe, leaves
from svc.observability.logs import configure_logging
from svc.observability.metrics import Metrics
from svc.operations.exit_codes import BAD_USAGE, DONE, FAILED
from svc.operations.run import run_instance
from svc.settings.environment import Settings
from svc.storage.database import DatabaseRefused
from svc.storage.migrate import MigrationError

EXPECTED = (ConfigError, DatabaseRefused, MigrationError, OSError)
"""Reasons why an instance cannot run that the operator has to remove: logged as one line, without a traceback."""

# Where there is no hard limit: more than are ever needed.
OPEN_FILES = 65_536

log = structlog.get_logger()


def run_process(settings: Settings) -> int:
    """Run one instance until a signal ends it; returns the exit code. Until the service listens for SIGTERM, and again
    while it drains, a signal ends the process at once (`svc.operations.cli`).
    """
    metrics = Metrics()
    configure_logging(
        log_format=settings.log_format,
        level=settings.log_level,
        instance=settings.instance_id,
        secrets=settings.secrets,
        count=metrics.count,
    )
    _allow_many_open_files()
    _collect_garbage_seldom()
    code = DONE
    try:
        trio.run(partial(run_instance, settings, metrics))
    except* BotError as group:
        code = BAD_USAGE
        for error in leaves(group):
            log.error("FAILED", reason=f"BOT: {describe(error)}")  # noqa: TRY400 (one line, no traceback)
    except* EXPECTED as group:
        code = FAILED
        for error in leaves(group):
            log.error("FAILED", reason=describe(error))  # noqa: TRY400 (one line, no traceback)
    except* Exception:
        code = FAILED
        log.exception("FAILED", reason="an unforeseen error")
    log.info("EXIT", code=code)
    return code


def _collect_garbage_seldom() -> None:
    # What the imports have made lives as long as the process: frozen, the collector does not look at it again. (To
    # collect it first would take 30 ms and find next to nothing.) For the rest seldom is enough: at the default
    # threshold the collector costs 5 % of the throughput and frees next to nothing.
    gc.freeze()
    gc.set_threshold(2_000, 5, 2_000)


def _allow_many_open_files() -> None:
    # The soft limit is often 1,024 for the sake of programs that use select(); every connection is an open file.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(soft, OPEN_FILES) if hard == resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:
        # The system has a limit of its own below this one. Connections are bounded by what there is.
        log.warning("OPEN_FILES", error=describe(error))

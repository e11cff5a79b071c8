"""The entry point: one command, from its arguments to its exit code.

Nothing heavy is imported at the top: imports take most of a command's first half second, and Ctrl-C must end that
quietly too.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from svc.operations.exit_codes import BAD_USAGE, FAILED, INTERRUPTED, PIPE_CLOSED
from svc.operations.imports import import_libraries, no_garbage_collection


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    code = INTERRUPTED
    _print_whatever_it_is()
    with _signals_end_the_process():
        try:
            work = _prepare(argv)
            with _keyboard_interrupts():
                code = work()
            _flush()
        except* KeyboardInterrupt:
            print(file=sys.stderr)  # the terminal has written ^C
        except* BrokenPipeError:
            code = PIPE_CLOSED
            # The interpreter flushes stdout once more at its end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _print_whatever_it_is() -> None:
    """A character that the terminal's encoding does not have is written as its escape, and is no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Print what is still to be printed now, so that a closed pipe is met here. Where nothing is, a terminal that was
    closed is no error."""
    if sys.stdout is not None:  # it was closed by whoever started us
        sys.stdout.flush()


def _prepare(argv: Sequence[str] | None) -> Callable[[], int]:
    """What is to be done, with everything imported that it needs."""
    try:
        with no_garbage_collection():
            return _choose(argv)
    except SystemExit as end:  # --help, --version, bad usage, or a shell has been told how a word goes on
        code = end.code if isinstance(end.code, int) else BAD_USAGE
        return lambda: code
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "statemachine":
            raise
        # Ours cannot lack what we import from it; python-statemachine's module of that name can.
        where = f" ({error.path})" if error.path else ""
        advice = "use a clean virtual environment"
        print(f"svc: another package provides `statemachine`{where}: {advice}", file=sys.stderr)
        return lambda: FAILED


def _choose(argv: Sequence[str] | None) -> Callable[[], int]:
    from svc.operations.arguments.completion import complete_if_asked
    from svc.operations.arguments.parser import make_parser

    parser = make_parser()
    complete_if_asked(parser)
    arguments = parser.parse_args(argv)

    import_libraries()
    from svc.settings.environment import SettingsError, load_settings

    try:
        prepared: Callable[[], int] = arguments.command(load_settings(required=arguments.required), arguments)
    except SettingsError as error:
        print("\n".join(error.faults), file=sys.stderr)
        return lambda: BAD_USAGE
    return prepared


@contextmanager
def _signals_end_the_process() -> Iterator[None]:
    """SIGINT and SIGTERM end the process at once, without a traceback, while there is nothing to clean up.

    Without a handler SIGTERM would be ignored where the process is PID 1, as in a container. A signal that whoever
    started the process has set to be ignored, as `nohup` and `&` do, stays ignored.
    """
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _keyboard_interrupts() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, as Trio expects it."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(number: int, _frame: object) -> None:
    if number == signal.SIGINT and os.isatty(2):
        os.write(2, b"\n")  # the terminal has written ^C
    os._exit(128 + number)

"""The thread that names a handler which does not return, and then ends the process."""

from __future__ import annotations

import time

from svc.delivery.handler_watchdog import LOOK_EVERY, HandlerWatchdog
from tests.harness import captured_logs


def looks(seconds: float) -> int:
    return int(seconds / LOOK_EVERY)


def test_a_handler_is_named_after_a_second_and_ends_the_process_after_a_lease() -> None:
    """Once, by its update, and with where it is; then the end, with exit code 1."""
    codes: list[int] = []
    watchdog = HandlerWatchdog(3.0, end=codes.append)
    with captured_logs() as logs, watchdog.calling(7):
        for _ in range(looks(1.0) - 1):
            watchdog.look()
        assert logs.lines == []
        for _ in range(looks(3.0) - looks(1.0)):
            watchdog.look()
        assert [(line["update_id"], line["seconds"], line["ends"]) for line in logs.of("HANDLER_STUCK")] == [
            (7, 1.0, False)
        ]
        assert codes == []
        watchdog.look()
        assert codes == [1]
        assert logs.lines[-1]["ends"]


def test_handlers_that_return_are_never_named() -> None:
    """However many there are: each is counted from its own beginning."""
    codes: list[int] = []
    watchdog = HandlerWatchdog(3.0, end=codes.append)
    with captured_logs() as logs:
        for update_id in range(100):
            with watchdog.calling(update_id):
                for _ in range(looks(1.0) - 1):
                    watchdog.look()
            watchdog.look()
    assert logs.lines == []
    assert codes == []


def endless_handler(ended: list[int]) -> None:
    deadline = time.monotonic() + 60
    while not ended and time.monotonic() < deadline:
        pass


def test_a_loop_that_never_waits_is_seen_from_the_thread() -> None:
    """The line says in which function it is."""
    codes: list[int] = []
    watchdog = HandlerWatchdog(2 * LOOK_EVERY, end=codes.append)
    with captured_logs() as logs, watchdog.watching(), watchdog.calling(7):
        endless_handler(codes)
    assert codes[0] == 1
    assert "endless_handler" in logs.of("HANDLER_STUCK")[0]["stack"]

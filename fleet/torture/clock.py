"""A process whose clock can be set while it runs: by libfaketime (https://github.com/wolfcw/libfaketime).

Debian has it as the package `libfaketime`; `LIBFAKETIME` names the library where it lies elsewhere. The time of day is
changed, the clock that only measures is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The one for programs with threads.
_PLACES = ("usr/lib/*/faketime/libfaketimeMT.so.1", "usr/lib/faketime/libfaketimeMT.so.1")


def libfaketime() -> Path | None:
    """Where the library is; None where it is not installed."""
    if "LIBFAKETIME" in os.environ:
        return Path(os.environ["LIBFAKETIME"])
    return next((path for place in _PLACES for path in sorted(Path("/").glob(place))), None)


class SteppingClock:
    """The clock of one process, started with `environment`. `file` tells the library by how much it is off."""

    def __init__(self, library: Path, file: Path) -> None:
        self._library = library
        self._file = file
        self._set(0)

    @property
    def environment(self) -> dict[str, str]:
        """What the process must be started with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    @contextmanager
    def off_by(self, seconds: int) -> Iterator[None]:
        """Let the clock be off for as long as the block lasts."""
        self._set(seconds)
        try:
            yield
        finally:
            self._set(0)

    def _set(self, seconds: int) -> None:
        # In one step: the library must not read half a file.
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

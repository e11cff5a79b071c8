"""What `python -m` prints of the models: for each variant how long it took, and what was found."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

_Variant = TypeVar("_Variant")


def explore_variants(variants: Mapping[str, _Variant], explore: Callable[[_Variant], tuple[str, bool]]) -> int:
    """Explore the variants that the command line names, or all; returns the exit code.

    `explore` returns what was found, and whether it is what it must be. 1 if it is not for one of them, 2 for a name
    that there is not.
    """
    names = sys.argv[1:] or list(variants)
    if any(name not in variants for name in names):
        sys.stderr.write(f"variants: {', '.join(variants)}\n")
        return 2
    as_expected = True
    for name in names:
        started = time.perf_counter()
        story, well = explore(variants[name])
        as_expected &= well
        sys.stdout.write(f"{name} ({time.perf_counter() - started:.1f} s): {story}\n")
        sys.stdout.flush()
    return 0 if as_expected else 1

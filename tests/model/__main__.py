"""`python -m tests.model [variant]`: explore, print the number of states and, for a violation, its shortest trace."""

from __future__ import annotations

import sys
import time

from tests.model.rules import VARIANTS
from tests.model.search import explore


def main() -> int:
    """Explore the variant that is named, or all."""
    names = sys.argv[1:] or list(VARIANTS)
    if any(name not in VARIANTS for name in names):
        sys.stderr.write(f"variants: {', '.join(VARIANTS)}\n")
        return 2
    for name in names:
        started = time.perf_counter()
        result = explore(VARIANTS[name])
        sys.stdout.write(f"{name} ({time.perf_counter() - started:.1f} s): {result.story}\n")
        sys.stdout.flush()
    return 0


sys.exit(main())

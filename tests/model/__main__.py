"""`python -m tests.model [variant]`: explore, print the number of states and, for a violation, its shortest trace."""

from __future__ import annotations

import sys
import time

from tests.model.rules import VARIANTS
from tests.model.search import explore


def main() -> int:
    """Explore the variants that are named, or all; exit code 1 if one does not end as it must."""
    names = sys.argv[1:] or list(VARIANTS)
    if any(name not in VARIANTS for name in names):
        sys.stderr.write(f"variants: {', '.join(VARIANTS)}\n")
        return 2
    as_expected = True
    for name in names:
        rules, guarantee = VARIANTS[name]
        started = time.perf_counter()
        result = explore(rules)
        as_expected &= (result.broken.guarantee if result.broken else None) == guarantee
        sys.stdout.write(f"{name} ({time.perf_counter() - started:.1f} s): {result.story}\n")
        sys.stdout.flush()
    return 0 if as_expected else 1


sys.exit(main())

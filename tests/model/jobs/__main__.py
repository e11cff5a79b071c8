"""`python -m tests.model.jobs [variant]`: explore, and print what was found.

Exit code 1 if a variant does not end as it must.
"""

from __future__ import annotations

import sys
import time

from tests.model.jobs.rules import CORRECT, MUTANTS, WIDER
from tests.model.jobs.search import explore


def main() -> int:
    """Explore the variants that are named, or all."""
    variants = {**{name: (rules, None) for name, rules in {**CORRECT, **WIDER}.items()}, **MUTANTS}
    names = sys.argv[1:] or list(variants)
    if any(name not in variants for name in names):
        sys.stderr.write(f"variants: {', '.join(variants)}\n")
        return 2
    as_expected = True
    for name in names:
        rules, law = variants[name]
        started = time.perf_counter()
        result = explore(rules)
        as_expected &= result.law == law
        sys.stdout.write(f"{name} ({time.perf_counter() - started:.1f} s): {result.story}\n")
        sys.stdout.flush()
    return 0 if as_expected else 1


sys.exit(main())

"""`python -m tests.model.jobs [variant]`: explore, and print what was found.

Exit code 1 if a variant does not end as it must.
"""

from __future__ import annotations

import sys

from tests.model.command_line import explore_variants
from tests.model.jobs.rules import CORRECT, MUTANTS, WIDER, Rules
from tests.model.jobs.search import explore

VARIANTS: dict[str, tuple[Rules, str | None]] = {
    **{name: (rules, None) for name, rules in {**CORRECT, **WIDER}.items()},
    **MUTANTS,
}


def _found(variant: tuple[Rules, str | None]) -> tuple[str, bool]:
    rules, law = variant
    result = explore(rules)
    return result.story, result.law == law


sys.exit(explore_variants(VARIANTS, _found))

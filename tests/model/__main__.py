"""`python -m tests.model [variant]`: explore, print the number of states and, for a violation, its shortest trace.

Exit code 1 if a variant does not end as it must.
"""

from __future__ import annotations

import sys

from tests.model.command_line import explore_variants
from tests.model.rules import VARIANTS, Rules
from tests.model.search import explore


def _found(variant: tuple[Rules, str | None]) -> tuple[str, bool]:
    rules, guarantee = variant
    result = explore(rules)
    return result.story, (result.broken.guarantee if result.broken else None) == guarantee


sys.exit(explore_variants(VARIANTS, _found))

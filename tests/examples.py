"""How many examples hypothesis tries."""

from __future__ import annotations

from hypothesis import settings

LONG = 10
"""How many times more the profile `long` tries than usual (`make test-long`)."""

USUALLY = settings.get_profile("default").max_examples
settings.register_profile("long", max_examples=LONG * USUALLY, deadline=None)


def examples(usual: int) -> int:
    """`usual`, or as many more as the profile that is loaded says. For tests that set their own number."""
    return usual * settings.default.max_examples // USUALLY

"""How many examples hypothesis tries."""

from __future__ import annotations

from hypothesis import settings

LONG = 10
"""How many times more the profile `long` tries than usual (`make test-long`)."""

USUALLY = 100
"""What hypothesis tries where nothing else is said."""

settings.register_profile("long", max_examples=LONG * USUALLY, deadline=None)


def examples(usual: int) -> int:
    """`usual`, or as many more as the profile that is loaded says. For tests that set their own number."""
    profile = settings.default
    assert profile is not None
    return usual * profile.max_examples // USUALLY

"""Secrets are hidden in whatever is printed or logged, in every spelling that they may have there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from urllib.parse import quote

HIDDEN = "***"
# Anything shorter occurs in ordinary words too: replacing it would spoil the line and protect nothing.
SHORTEST = 4


def make_mask(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that returns a text with every one of `secrets` hidden."""
    spelled = {text for secret in secrets if len(secret) >= SHORTEST for text in _spellings(secret)}
    # The longest first: one may be a part of another.
    texts = sorted(spelled, key=len, reverse=True)
    # What has none of these in it has none of the others, which have one of these in them.
    least = [text for text in texts if not any(other in text for other in spelled - {text})]

    def hide(line: str) -> str:
        for text in least:
            if text in line:
                break
        else:
            return line
        for text in texts:
            line = line.replace(text, HIDDEN)
        return line

    return hide


def _spellings(secret: str) -> tuple[str, ...]:
    """The secret as it is, and as it looks inside JSON, in the repr of a list and in an address; most look the same."""
    in_json = (json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1])
    return secret, *in_json, repr(secret)[1:-1], quote(secret, safe="", errors="replace")

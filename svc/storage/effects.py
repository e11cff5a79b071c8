"""The effects of an update, as they stand in its row of the inbox from `begin` on (`effects_sql` makes them come true).

An object with what there is of: `state`, `job` (a JobRequest), `secret`, `cancel`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from svc.storage.inbox import Effects
from svc.storage.storable import storable_json, storable_text_of_json

INT64 = 2**63


def encode_effects(effects: Effects | None) -> str | None:
    """`effects` as JSON for the row; None if nothing is to be changed."""
    if effects is None:
        return None
    encoded: dict[str, Any] = {}
    if effects.state is not None:
        encoded["state"] = msgspec.Raw(storable_text_of_json(effects.state).encode())
    if effects.job is not None:
        encoded |= {"job": msgspec.Raw(storable_json(effects.job).encode()), "secret": effects.secret}
    # No job has another id than a bigint: there is nothing to cancel then.
    if effects.cancel is not None and 0 < effects.cancel < INT64:
        encoded["cancel"] = effects.cancel
    return msgspec.json.encode(encoded).decode() if encoded else None

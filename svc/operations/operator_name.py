"""Who acts, as it is recorded: `--as`, or SVC_OPERATOR, or the user of this machine."""

from __future__ import annotations

import os

from svc.actions.record import Operator, operator_here


def operator_named(name: str | None) -> Operator:
    """The operator of a command that was given this name, or none."""
    given = name or os.environ.get("SVC_OPERATOR")
    return Operator(given, "command") if given else operator_here()

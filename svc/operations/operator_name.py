"""Who acts, as it is recorded: `--as`, or SVC_OPERATOR, or the user of this machine."""

from __future__ import annotations

import getpass
import os
import socket

from svc.actions.record import Operator


def operator_named(name: str | None) -> Operator:
    """The operator of a command. A user without a name, as in a container, is known by the number."""
    return Operator(name or os.environ.get("SVC_OPERATOR") or f"{_user()}@{socket.gethostname()}", "command")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return f"uid {os.getuid()}"

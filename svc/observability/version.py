"""Which version of this program runs."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "durable-telegram-bot"
"""What pyproject.toml calls the distribution. Looking for the one that has `svc` in it would read the lists of files of
all that is installed."""


def installed_version(checkout: Path = Path(__file__).parents[2]) -> str:
    """The version that is installed; in a checkout that was not, pyproject.toml's."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        pass
    pyproject = checkout / "pyproject.toml"
    if not pyproject.is_file():
        return "unknown"
    version: str = tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"]
    return version

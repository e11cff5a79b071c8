"""Which version of this program runs."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

PACKAGE = "svc"


def installed_version(checkout: Path = Path(__file__).parents[2]) -> str:
    """The version of the distribution that `svc` was installed from; in a checkout that was not, pyproject.toml's."""
    for distribution in metadata.packages_distributions().get(PACKAGE, ()):
        return metadata.version(distribution)
    pyproject = checkout / "pyproject.toml"
    if not pyproject.is_file():
        return "unknown"
    version: str = tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"]
    return version

"""The lower bounds in pyproject.toml as constraints for pip: `python tests/lowest_bounds.py > constraints.txt`.

Run before anything is installed, so the standard library has to do. pip has no way of its own to resolve to the
lowest versions; with every direct requirement held at its bound, what they need in turn is left to pip.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<lowest>[0-9.]+)(?:,<[0-9.]+)?")


def lowest_bounds(project: dict[str, Any]) -> list[str]:
    """`name==version` for every requirement of `project`, pyproject.toml's table of that name, and of its extras.

    Raises ValueError for a requirement without a lower bound, apart from the project's own extras.
    """
    own = re.compile(re.escape(project["name"]) + r"\[[a-z,]+\]")
    requirements = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    return [_lowest(text) for text in requirements if not own.fullmatch(text)]


def _lowest(requirement: str) -> str:
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is not of the form name>=lowest,<upper")
    return f"{match['name']}=={match['lowest']}"


if __name__ == "__main__":
    print("\n".join(lowest_bounds(tomllib.loads(PYPROJECT.read_text("utf-8"))["project"])))

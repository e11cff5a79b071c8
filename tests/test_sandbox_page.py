"""The sandbox's page in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.browser import OpenPage, accessibility_problems, serving

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The address of a sandbox."""
    command = (sys.executable, "-m", "sandbox", "--port", "0")
    with serving(*command, says=r"(http://127\.0\.0\.1:\d+)", PYTHONUNBUFFERED="1") as address:
        yield address


def test_opens(sandbox: str, open_page: OpenPage) -> None:
    page = open_page(sandbox)
    assert accessibility_problems(page) == []

"""The ops page in a browser, as an operator uses it, over real instances (tests/ops_world.py).

Every wait is for words or signs of the page itself, and has a deadline that allows for a machine that others load.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.browser import DESKTOP, PHONE, OpenPage
from tests.processes import DEADLINE, ROOT, environment_of_checkout

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
from playwright.sync_api import Locator, Page
from playwright.sync_api import expect as expect

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

TOKEN = "a-token-of-operators"
FROM_ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}
"""What a proxy on this machine says of somebody who is not on it."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
expect.set_options(timeout=60_000)


class Instances:
    """Two instances in a process of their own; `addresses` are theirs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.addresses: list[str] = self._answer()

    def do(self, name: str, *arguments: Any) -> Any:
        """Have something done that tests/ops_world.py knows."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps([name, *arguments])}\n")
        self._process.stdin.flush()
        return self._answer()[0]

    def _answer(self) -> list[Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the instances have ended"
        answer: list[Any] = json.loads(line)
        return answer


@contextmanager
def running_instances() -> Iterator[Instances]:
    """Two instances, one of them ACTIVE. They end with the block."""
    command = [sys.executable, "-m", "tests.ops_world"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment_of_checkout(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Instances(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def opened(open_page: OpenPage, address: str, viewport: ViewportSize = DESKTOP, **settings: Any) -> OpsPage:
    """The page of an instance, once it is told how things are; nothing on it moves but what has to."""
    page = open_page(f"{address}/ops", viewport, reduced_motion="reduce", has_touch=viewport == PHONE, **settings)
    shown = OpsPage(page)
    shown.is_live()
    return shown


class OpsPage:
    """The page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def is_live(self) -> None:
        """Wait until the page is up to date."""
        expect(self.page.locator("#connection")).to_have_text("Live")
        expect(self.page.locator("#plots svg")).not_to_have_count(0)

    @property
    def verdict(self) -> Locator:
        """The sentence that says how it is."""
        return self.page.locator("#verdict-sentence")

    def chips(self, state: str) -> Locator:
        """The instances in this state."""
        return self.page.locator(f"[data-state={state}] .chip")

    def leader(self) -> str:
        """The name of the one that leads, once there is one."""
        expect(self.chips("ACTIVE")).to_have_count(1)
        return self.chips("ACTIVE").get_attribute("data-instance") or ""

    def press(self, label: str) -> None:
        """Press a button of the page."""
        self.page.get_by_role("button", name=label).click()

    def confirm(self, label: str, **fields: str) -> None:
        """Fill in the dialog that is open, and confirm it."""
        dialog = self.page.get_by_role("dialog")
        for name, value in fields.items():
            dialog.get_by_label(name.replace("_", " ")).fill(value)
        dialog.get_by_role("button", name=label, exact=True).click()

    def search(self, text: str) -> None:
        """Search for this."""
        self.page.get_by_role("searchbox").fill(text)
        self.page.get_by_role("button", name="Search", exact=True).click()

    @property
    def spans(self) -> Locator:
        """The steps of the life that is shown."""
        return self.page.locator(".waterfall .span")

    def dead_row(self, update_id: int) -> Locator:
        """The row of a dead update."""
        box = self.page.locator(f"[data-update='{update_id}']")
        return self.page.locator("#dead tbody tr").filter(has=box)

    def looks(self) -> Iterator[str]:
        """Show it on a phone and on a desktop, in both themes; yields which."""
        for viewport in (PHONE, DESKTOP):
            self.page.set_viewport_size(viewport)
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                yield f"{scheme}, {viewport['width']} pixels"

"""A real Chromium for the tests of pages: fixtures, and what every page is checked for.

Playwright's synchronous interface keeps an event loop of asyncio's running in its thread, which other tests must not
find there: so the browser is closed after each module. Pages are loaded from processes, never from this one.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import DEADLINE, ROOT, environment_of_checkout

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, ViewportSize

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}

OpenPage = Callable[..., "Page"]
"""`open_page(address, viewport=PHONE, **settings)`: a page in a context of its own; settings are `new_context`'s."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Milliseconds: a loaded machine takes its time.
PATIENCE = 30_000


def chromium() -> str | None:
    """The path of the Chromium to use; None where there is none."""
    if Path("/usr/bin/chromium").exists():
        return "/usr/bin/chromium"
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module; they are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt install chromium)")
    with loops_of_asyncio(), playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def loops_of_asyncio() -> Iterator[None]:
    """Let asyncio make its own loops: once trio-asyncio is imported, new ones run on Trio, which Playwright cannot."""
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(None)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages (see OpenPage). At the end of the test none of them may have said an error on its console."""
    problems: list[str] = []
    contexts = []

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"{message.text} ({message.location['url']})")

    def note_error(error: Error) -> None:
        problems.append(str(error))

    def open_one(address: str, viewport: ViewportSize = DESKTOP, **settings: Any) -> Page:
        context = browser.new_context(**{"viewport": viewport, "locale": "en-GB", **settings})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", note_message)
        page.on("pageerror", note_error)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def accessibility_problems(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it is now (WCAG 2.1 AA and axe's best practices), a line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {rule['help']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@contextmanager
def serving(*command: str, says: str, **settings: str) -> Iterator[str]:
    """A server as a process of its own. Yields what the group in the pattern `says` matches in a line that it prints.

    Its environment is this checkout's and `settings`. SIGTERM at the end of the block; a failure if it does not end.
    """
    environment = environment_of_checkout(**settings)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rest = threading.Thread(target=process.stdout.read)
        try:
            matched = _first_match(process.stdout, says)
            # What it prints from now on is read and forgotten: a full pipe would stop it.
            rest.start()
            yield matched
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            if rest.is_alive():
                rest.join(DEADLINE)


def _first_match(lines: Iterable[str], pattern: str) -> str:
    printed = []
    for line in lines:
        printed.append(line)
        if found := re.search(pattern, line):
            return found[1]
    return pytest.fail(f"{pattern!r} is not in what it printed:\n{''.join(printed)}")

"""The demo's page in a real browser, over a real system: a person's way to a picture, and whatever is broken meanwhile.

All tests have one demo, which each of them leaves as it has to: whoever needs a pair of instances sees to it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import DESKTOP, PHONE, OpenPage, accessibility_problems
from tests.demo_page import expect, opened, running_demo

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

# Each of several waits may take most of a minute on a loaded machine.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The address of the page of a demo."""
    with running_demo() as address:
        yield address


# In the moment before a message is drawn, of which the page has not been told yet.
SCROLL_UP_AS_SOMETHING_COMES = """log => {
    const list = log.querySelector(".messages");
    list.insertBefore = (...what) => {
        delete list.insertBefore;
        log.scrollTop = 0;
        return list.insertBefore(...what);
    };
}"""


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone", "desktop"])
def test_from_start_to_a_picture(demo: str, open_page: OpenPage, viewport: ViewportSize, scheme: str) -> None:
    """One /start is one menu; its buttons lead to a picture; who reads further up when it comes is not moved."""
    shown = opened(open_page, demo, viewport, scheme)
    page = shown.page
    shown.part("Chat")
    shown.adds_a_person(f"Olga {viewport['width']}")
    shown.starts()
    expect(page.locator(".mine").get_by_role("img", name="Taken by the bot")).to_have_count(1)
    shown.presses("Images")
    expect(page.locator(".theirs", has_text="Pick a model")).to_be_visible()
    expect(page.locator(".theirs")).to_have_count(1)
    shown.asks_for("Z-Image", "a red fox in the snow")
    chat = page.get_by_role("log", name="Chat with")
    chat.evaluate(SCROLL_UP_AS_SOMETHING_COMES)
    to_the_newest = page.get_by_role("button", name="To the newest message")
    expect(to_the_newest).to_be_visible()
    photo = page.get_by_role("img", name="a red fox in the snow")
    expect(photo).to_have_count(1)
    assert photo.evaluate("photo => photo.decode().then(() => photo.naturalWidth)") > 0
    assert chat.evaluate("log => log.scrollTop") == 0
    to_the_newest.click()
    expect(photo).to_be_in_viewport()
    assert chat.evaluate("log => log.scrollHeight - log.clientHeight - log.scrollTop") <= 1


def test_an_instance_leads_to_its_own_ops_page(demo: str, open_page: OpenPage) -> None:
    """The card's link opens it in another tab, which tells who leads and that the other one stands by."""
    shown = opened(open_page, demo)
    leader = shown.leader().removeprefix("Instance ")
    with shown.page.expect_popup() as opening:
        shown.card("ACTIVE").get_by_role("link", name="ops page").click()
    ops = opening.value
    expect(ops.locator("#lead")).to_contain_text(f"{leader} has been ACTIVE for")
    expect(ops.locator("#served")).to_have_text(f"Served by {leader}")
    expect(ops.locator("[data-state=PASSIVE] .chip")).not_to_have_count(0)
    assert ops.evaluate("opener") is None


def test_deploy_crash_and_freeze_under_load(demo: str, open_page: OpenPage) -> None:
    """20 people a second press /start throughout: each time another leads; lost 0, twice 0, nobody is left waiting."""
    shown = opened(open_page, demo)
    shown.load("20")
    for action in ("Deploy", "Crash", "Freeze"):
        before = shown.leader()
        buttons = shown.page if action == "Deploy" else shown.card("ACTIVE")
        buttons.get_by_role("button", name=action, exact=True).click()
        shown.is_led_by_another(before)
        # Known when the new one has answered somebody.
        expect(shown.figure("Last handover")).to_contain_text(action)
        shown.has_a_pair()
    shown.load("Stop")
    shown.keeps_its_promises()
    assert shown.figure("answered").locator(".value").inner_text() != "0"


def test_with_nobody_alive(demo: str, open_page: OpenPage) -> None:
    """It is said; what somebody writes meanwhile waits at Telegram, and is answered when an instance is started."""
    shown = opened(open_page, demo, PHONE)
    page = shown.page
    shown.part("Machines")
    while shown.alive.count():
        card = page.get_by_role("article", name=shown.alive.first.get_attribute("aria-label"))
        card.get_by_role("button", name="Crash").tap()
        expect(card.get_by_role("button", name="Start another")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("No instance is alive")).to_be_attached()
    expect(page.get_by_text("nobody alive")).to_be_visible()
    shown.part("Chat")
    shown.adds_a_person("Nina")
    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_text("The bot has not taken your message yet")).to_be_visible()
    problems = {look: accessibility_problems(page) for look in shown.looks("Chat", "Machines")}
    assert not any(problems.values()), problems
    page.get_by_role("button", name="Start one", exact=True).click()
    expect(page.locator(".theirs", has_text="What would you like to make?")).to_have_count(1)

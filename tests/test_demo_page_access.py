"""The demo's page by keyboard alone, and what axe-core finds wrong with it, whatever it looks like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import OpenPage, accessibility_problems
from tests.demo_page import DemoPage, expect, opened, running_demo

if TYPE_CHECKING:
    from playwright.sync_api import Locator

# Each of several waits may take most of a minute on a loaded machine.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

# More than there are controls on the page.
MOST_TABS = 100
IS_MARKED = """() => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
}"""


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The address of the page of a demo."""
    with running_demo() as address:
        yield address


def tab_to(shown: DemoPage, wanted: Locator, key: str = "Tab") -> None:
    """Press Tab until this has the focus; whatever has it on the way is seen to have it."""
    for _ in range(MOST_TABS):
        shown.page.keyboard.press(key)
        focused = shown.page.locator(":focus")
        assert shown.page.evaluate(IS_MARKED), (
            f"nothing shows that it has the focus: {focused.evaluate('it => it.outerHTML')}"
        )
        if wanted.evaluate("it => it === document.activeElement"):
            return
    pytest.fail(f"{wanted} cannot be reached by {key}")


def test_by_keyboard_alone(demo: str, open_page: OpenPage) -> None:
    """A step of the tour, a person, /start, the menu, the machine room: the focus stays whatever changes around it."""
    shown = opened(open_page, demo)
    page = shown.page
    step = page.get_by_role("button", name="Crash in the middle of a send")
    tab_to(shown, step)
    page.keyboard.press("Enter")
    expect(step).to_have_accessible_name("Crash in the middle of a send (under way)")
    expect(step).to_have_accessible_name("Crash in the middle of a send (done)")
    expect(page.get_by_role("navigation", name="Tour")).to_contain_text("looked, and found that it had arrived")
    expect(step).to_be_focused()
    tab_to(shown, page.locator(".chip", has_text="Иван"))
    page.keyboard.press("Enter")
    tab_to(shown, page.get_by_role("button", name="Начать"))
    page.keyboard.press("Enter")
    menu = page.locator(".theirs").last
    expect(page.get_by_role("textbox", name="Сообщение")).to_be_focused()
    tab_to(shown, menu.locator(".key", has_text="Видео"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(menu).to_contain_text("Выберите модель")
    expect(menu.locator(".key:focus")).to_have_count(1)


def test_focus_in_the_machine_room(demo: str, open_page: OpenPage) -> None:
    """It stays on a button while the card changes, and goes on to the button that starts another when the card dies."""
    shown = opened(open_page, demo)
    page = shown.page
    card = page.get_by_role("article", name=shown.card("PASSIVE").first.get_attribute("aria-label"))
    freeze = card.get_by_role("button", name="Freeze")
    tab_to(shown, freeze)
    page.keyboard.press("Enter")
    expect(card).to_contain_text("Frozen")
    expect(card).not_to_contain_text("Frozen")
    expect(freeze).to_be_focused()
    tab_to(shown, card.get_by_role("button", name="Crash"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(card.get_by_role("button", name="Start another")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card).to_have_count(0)
    expect(page.get_by_role("article", name="Instance").last).to_be_focused()


def test_a_tip_goes_when_its_button_is_pressed(demo: str, open_page: OpenPage) -> None:
    """It would lie over what is pressed next; on a button that was not pressed it stays, so that it can be read."""
    shown = opened(open_page, demo)
    page = shown.page
    tip = page.get_by_role("tooltip")
    answers_cut = page.get_by_role("button", name="Answers cut")
    answers_cut.hover()
    expect(tip).to_contain_text("A quarter of the calls take effect")
    tip.hover()
    expect(tip).to_be_visible()
    answers_cut.click()
    expect(tip).to_be_hidden()
    page.get_by_role("article", name="Provider").get_by_role("button", name="Failing").hover()
    expect(tip).to_contain_text("answers 500")


def test_nothing_is_wrong_for_axe(demo: str, open_page: OpenPage) -> None:
    """With messages, a fault in force and a dead instance; then with an alert over them."""
    shown = opened(open_page, demo)
    page = shown.page
    shown.adds_a_person("Eva")
    shown.starts()
    shown.load("1")
    shown.card("PASSIVE").first.get_by_role("button", name="Crash").click()
    expect(page.get_by_role("button", name="Start another")).to_be_visible()
    problems = {}
    for look in shown.looks("Chat", "Machines", "Score"):
        # It lasts for 10 s: again each time.
        page.request.post(f"{demo}/demo/do", data={"action": "telegram_slow"})
        expect(page.locator("article[aria-label=Telegram][data-fault]")).to_be_attached()
        problems[look] = accessibility_problems(page)
    eva = next(one["id"] for one in page.request.get(f"{demo}/people").json()["people"] if one["first_name"] == "Eva")
    press = {
        "message_id": int(page.locator(".theirs").get_attribute("data-row") or 0),
        "data": "a button of an older version",
    }
    page.request.post(f"{demo}/user/{eva}/press", data=press)
    alert = page.get_by_role("alertdialog")
    for look in shown.looks():
        # Also on a phone that shows the score: nothing but the alert can be pressed.
        expect(alert).to_be_visible()
        problems[f"alert, {look}"] = accessibility_problems(page)
    alert.get_by_role("button", name="OK").click()
    assert not any(problems.values()), problems
    shown.load("Stop")

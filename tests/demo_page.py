"""The demo's page in a browser, as somebody uses it who looks at it: what they press, and what they wait for.

Every wait is for words or signs of the page itself, and has a deadline that allows for a machine that others load.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import DESKTOP, PHONE, OpenPage, serving

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
from playwright.sync_api import Locator, Page
from playwright.sync_api import expect as expect

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAIR = 2
# Milliseconds: an instance comes up in about two seconds, a step of the tour may take a minute.
expect.set_options(timeout=60_000)


def running_demo() -> AbstractContextManager[str]:
    """A demo in a process of its own; the address of its page."""
    return serving(sys.executable, "-u", "-m", "svc", "demo", says=r"Open:\s+(http://127\.0\.0\.1:\d+)/")


def opened(open_page: OpenPage, address: str, viewport: ViewportSize = DESKTOP, scheme: str = "light") -> DemoPage:
    """The page of a demo with a pair of instances; nothing on it moves but what has to."""
    is_phone = viewport == PHONE
    page = open_page(address, viewport, color_scheme=scheme, reduced_motion="reduce", has_touch=is_phone)
    shown = DemoPage(page, tabbed=is_phone)
    shown.has_a_pair()
    return shown


class DemoPage:
    """The page. `tabbed`: it shows one part at a time, chosen by the tabs at its bottom, as on a phone."""

    def __init__(self, page: Page, *, tabbed: bool = False) -> None:
        self.page = page
        self.tabbed = tabbed

    def part(self, name: str) -> None:
        """See to it that this part is shown: Chat, Machines or Score."""
        if self.tabbed:
            self.page.get_by_role("group", name="What is shown").get_by_role("button", name=name).click()

    def looks(self, *parts: str) -> Iterator[str]:
        """Show it on a phone, these parts one by one, and on a desktop, in both themes; yields which."""
        for viewport in (PHONE, DESKTOP):
            self.page.set_viewport_size(viewport)
            self.tabbed = viewport == PHONE
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                for part in parts if parts and self.tabbed else ("as it is",):
                    if part in parts:
                        self.part(part)
                    yield f"{scheme}, {viewport['width']} pixels, {part}"

    # The messenger

    def adds_a_person(self, name: str) -> None:
        """Somebody who speaks English; their chat, still empty, is shown."""
        self.page.get_by_role("button", name="Add a person").click()
        self.page.get_by_role("dialog").get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Add", exact=True).click()
        expect(self.page.locator(".chip", has_text=name)).to_have_attribute("aria-pressed", "true")

    def starts(self, label: str = "Start") -> None:
        """Press the button of an empty chat, which says /start, and wait for the one menu that it is answered with."""
        self.page.get_by_role("button", name=label, exact=True).click()
        expect(self.page.locator(".theirs .keyboard").filter(has=self.page.locator(".key"))).to_have_count(1)

    def says(self, text: str) -> None:
        """Write a message and send it."""
        self.page.locator("#messenger").get_by_role("textbox").fill(text)
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".mine", has_text=text).last).to_be_visible()

    def presses(self, label: str) -> None:
        """Press the first button with this in its label, of the latest message of the bot that has one."""
        key = self.page.locator(".key", has_text=label)
        self.page.locator(".theirs", has=key).last.locator(key).first.click()

    def asks_for(self, model: str, prompt: str, *, create: str = "Create") -> None:
        """Have it made: the model by its name, its card, and the prompt when it is asked for."""
        self.says(model)
        self.presses(model)
        latest = self.page.locator(".theirs").last
        expect(latest).to_contain_text(create)
        self.presses(create)
        expect(latest).to_contain_text("✍️")
        self.says(prompt)

    # The machine room

    def card(self, state: str) -> Locator:
        """The cards of those in this state that are not frozen."""
        return self.page.locator(f"article.instance[data-state={state}]:not([data-frozen])")

    @property
    def alive(self) -> Locator:
        """The cards of those that have not ended."""
        return self.page.locator("article.instance:not([data-state=ENDED])")

    def has_a_pair(self) -> None:
        """See to it that one leads and another stands by, whatever was done before."""
        self.page.locator("article.instance").first.wait_for(state="attached")
        for _ in range(PAIR - self.alive.count()):
            self.part("Machines")
            self.page.get_by_role("button", name="Start one more").click()
        expect(self.card("ACTIVE")).to_have_count(1)
        expect(self.card("PASSIVE")).not_to_have_count(0)

    def leader(self) -> str:
        """The label of the card of the one that leads."""
        return self.card("ACTIVE").get_attribute("aria-label") or ""

    def is_led_by_another(self, before: str) -> None:
        """Wait until another leads than the one with this label."""
        expect(self.led_by_others_than(before)).to_have_count(1)

    def led_by_others_than(self, label: str) -> Locator:
        """The cards of those that lead, but for the one with this label."""
        return self.page.locator(f"article.instance[data-state=ACTIVE]:not([aria-label='{label}'])")

    # The score

    def load(self, rate: str) -> None:
        """Let so many people a second press /start, or Stop them."""
        self.page.get_by_role("group", name="People a second").get_by_role("button", name=rate, exact=True).click()

    def figure(self, name: str) -> Locator:
        """What stands beside this name in the score."""
        return self.page.get_by_role("group", name=name, exact=True)

    def keeps_its_promises(self) -> None:
        """Nobody waits any more, nothing was lost and nothing came twice."""
        expect(self.figure("waiting").locator(".value")).to_have_text("0")
        for name, words in (("lost", "no message lost"), ("twice", "no answer twice")):
            expect(self.figure(name).locator(".number")).to_have_text("0")
            expect(self.figure(name)).to_contain_text(words)

"""Makes the pictures in docs/pictures, of a demo and of instances at work: `make pictures`. It takes twenty minutes."""

from __future__ import annotations

import io
import itertools
import math
import random
import re
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FloatRect, Page, ViewportSize, sync_playwright

from tests.browser import ARGUMENTS, DESKTOP, PHONE, chromium
from tests.demo_page import SCHEMES, DemoPage, expect, opened, running_demo
from tests.ops_page import Instances, OpsPage, running_instances

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
STEP = "Deploy under load"
# So many answers, and the plots have something to show: at 20 a second it takes 40 seconds.
ENOUGH = re.compile("[89]..|.,...")
# All of the machine room and two plots, without scrolling.
HIGH_DESKTOP: ViewportSize = {"width": 1280, "height": 1000}
# A phone whose chat is as high as if nothing were above it.
HIGH_PHONE: ViewportSize = {"width": 390, "height": 1000}
# Seconds of the animation before the button has the focus, and before it is pressed; after the next one leads.
BEFORE, AFTER = 1.0, 4.0
# For so many seconds people write, until the plots of the ops page are filled: each at most so many milliseconds after
# the one before, and so many seconds after each other another instance leads; and somebody whose answer is lost.
LONG, PAUSE, TERM = 840.0, 600, 150.0
PERSON = 5000
# Milliseconds for which its last frame stands.
STANDS = 2000
QUALITY = 80


def main() -> None:
    """Take all pictures."""
    take_the_demo()
    take_the_ops_page()


def take_the_demo() -> None:
    """Run a demo, and take all pictures of it."""
    with running_demo() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=ARGUMENTS)

        def open_page(address: str, viewport: ViewportSize = DESKTOP, **settings: Any) -> Page:
            page = browser.new_context(viewport=viewport, locale="en-GB", **settings).new_page()
            page.goto(address)
            return page

        desktop = opened(open_page, address)
        phone = opened(open_page, address, PHONE)
        take_a_deploy(desktop, phone)
        take_a_crash(desktop)
        desktop.load("Stop")
        take_what_people_see(phone)
        browser.close()


def take_a_deploy(desktop: DemoPage, phone: DemoPage) -> None:
    """Under load, with a menu in the chat, just after another instance has taken over: in both themes and widths."""
    page = desktop.page
    desktop.load("20")
    desktop.starts()
    expect(desktop.figure("answered").locator(".value")).to_have_text(ENOUGH, timeout=120_000)
    page.get_by_role("button", name=STEP).click()
    expect(page.get_by_role("button", name=f"{STEP} (done)")).to_be_visible()
    desktop.has_a_pair()
    page.mouse.move(0, 0)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=FOLDER / f"demo-desktop{'' if scheme == 'light' else '-dark'}.png")
    page.emulate_media(color_scheme="light")
    phone.part("Machines")
    phone.page.screenshot(path=FOLDER / "demo-phone.png")


def take_a_crash(desktop: DemoPage) -> None:
    """The machine room and the score while the leader is killed."""
    page = desktop.page
    page.set_viewport_size(HIGH_DESKTOP)
    # A tip would be cut off at the edge of the film.
    page.locator("#tip").evaluate("tip => tip.remove()")
    before = desktop.leader()
    crash = page.get_by_role("article", name=before).get_by_role("button", name="Crash")
    film = Film(page, page.evaluate(MACHINES_AND_SCORE))
    film.go_on(BEFORE)
    crash.focus()
    film.go_on(BEFORE)
    page.keyboard.press("Enter")
    while not desktop.led_by_others_than(before).count():
        film.shoot()
    film.go_on(AFTER)
    film.save(FOLDER / "crash.webp")


MACHINES_AND_SCORE = """() => {
    const { left, top } = document.getElementById("machines").getBoundingClientRect();
    const { right, bottom } = document.querySelectorAll("#plots > *")[1].getBoundingClientRect();
    return { x: left, y: top, width: right + 20 - left, height: bottom + 8 - top };
}"""


def take_what_people_see(phone: DemoPage) -> None:
    """A model's card, a picture in Russian, and a video, each in the chat of somebody else."""
    page = phone.page
    page.set_viewport_size(HIGH_PHONE)
    phone.part("Chat")
    phone.adds_a_person("Olga")
    phone.starts()
    phone.presses("Images")
    phone.presses("Nano Banana Pro")
    expect(page.locator(".theirs .key", has_text="Create")).to_be_visible()
    take_the_chat(phone, "card")
    page.locator(".chip", has_text="Иван").click()
    phone.starts("Начать")
    phone.asks_for("Nano Banana Pro", "Рыжий кот на окне, за окном снег", create="Создать")
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".theirs .media img")).to_be_visible()
    take_the_chat(phone, "result")
    page.emulate_media(color_scheme="light")
    page.locator(".chip", has_text="Olga").click()
    phone.asks_for("Kling 3.0 Turbo", "A paper boat sails down a rainy street")
    page.locator(".theirs .media video").evaluate(TO_THE_FIRST_SECOND)
    take_the_chat(phone, "video")


TO_THE_FIRST_SECOND = "video => new Promise(done => { video.onseeked = done; video.currentTime = 1; })"


def take_the_chat(shown: DemoPage, name: str) -> None:
    """The messenger alone."""
    shown.page.mouse.move(0, 0)
    shown.page.locator("#messenger").screenshot(path=FOLDER / f"{name}.png")


def take_the_ops_page() -> None:
    """A quarter of an hour of people who write, with a handover now and then; in both themes and widths, and a life in
    which an answer was lost."""
    with running_instances() as instances, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=HIGH_DESKTOP, locale="en-GB", reduced_motion="reduce")
        page.goto(f"{instances.addresses[0]}/ops")
        shown = OpsPage(page)
        shown.is_live()
        people_write(instances, shown)
        instances.do("says", PERSON, "/start")
        instances.do("menus", PERSON, 1)
        instances.do("loses_an_answer", PERSON)
        doubtful = instances.do("says", PERSON, "/start")
        page.goto(f"{instances.addresses[0]}/ops#update={doubtful}")
        expect(shown.spans.last).to_contain_text("done", timeout=120_000)
        page.locator(".life").screenshot(path=FOLDER / "ops-waterfall.png")
        page.goto(f"{instances.addresses[1]}/ops")
        shown.is_live()
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=FOLDER / f"ops-desktop{'' if scheme == 'light' else '-dark'}.png")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(HIGH_PHONE)
        page.screenshot(path=FOLDER / "ops-phone.png")
        browser.close()


def people_write(instances: Instances, shown: OpsPage) -> None:
    """Until the plots have something to show: more of them for some minutes, then fewer again."""
    began = leads_since = time.time()
    for person in itertools.count(10_000):
        now = time.time()
        if now - began > LONG:
            return
        instances.do("says", person, "/start")
        if now - leads_since > TERM:
            leads_since = now
            shown.press("Step down …")
            shown.confirm("Step down")
            expect(shown.page.locator("#acted")).to_contain_text("has given the lead")
        shown.page.wait_for_timeout(random.uniform(0, PAUSE) * (1.3 + math.cos((now - began) / 70)))


@dataclass
class Film:
    """Frames of a part of the page, each with its Unix time; what shows nothing new is no frame."""

    page: Page
    clip: FloatRect
    frames: list[tuple[Image.Image, float]] = field(default_factory=list)

    def go_on(self, seconds: float) -> None:
        """Take frames for so long."""
        end = time.time() + seconds
        while time.time() < end:
            self.shoot()

    def shoot(self) -> None:
        """Take a frame."""
        frame = Image.open(io.BytesIO(self.page.screenshot(clip=self.clip))).convert("RGB")
        if not self.frames or frame.tobytes() != self.frames[-1][0].tobytes():
            self.frames.append((frame, time.time()))

    def save(self, path: Path) -> None:
        """Write it as an animation that begins again after its end, as quick as it was."""
        images, times = zip(*self.frames, strict=True)
        durations = [round((after - at) * 1000) for at, after in pairwise(times)]
        first, *others = images
        first.save(
            path, save_all=True, append_images=others, duration=[*durations, STANDS], loop=0, quality=QUALITY, method=6
        )


if __name__ == "__main__":
    main()

"""The ops page in a real browser, over two real instances and a real Postgres: what an operator sees and does.

All tests have the same instances, which each of them leaves as it has found them: one leads, and nothing is paused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import DESKTOP, PHONE, OpenPage, accessibility_problems
from tests.ops_page import FROM_ELSEWHERE, TOKEN, Instances, OpsPage, expect, opened, running_instances

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Each of several waits may take most of a minute on a loaded machine.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

HOSTILE = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


@pytest.fixture(scope="module")
def instances() -> Iterator[Instances]:
    """Two instances, one of them ACTIVE."""
    with running_instances() as started:
        yield started


def is_nothing_but_text(page: Page) -> None:
    """Nothing that somebody sent has become a part of the page."""
    assert page.locator("main script, main img, main iframe").count() == 0
    assert "owned" not in page.title()


def test_a_handover_is_seen_as_it_comes_about(instances: Instances, open_page: OpenPage) -> None:
    """Two pages, each of another instance: the step-down is ordered on one, both show who leads now, and the timeline
    has the gap."""
    one, other = (opened(open_page, address) for address in instances.addresses)
    before = one.leader()
    one.press("Step down …")
    expect(one.page.get_by_role("dialog")).to_contain_text("No message is lost")
    one.confirm("Step down")
    expect(one.page.locator("#acted")).to_contain_text(f"{before} has given the lead to")
    for shown in (one, other):
        expect(shown.page.locator(f"[data-state=PASSIVE] [data-instance='{before}']")).to_have_count(1)
        assert shown.leader() != before
        expect(shown.page.locator("#timeline-list li", has_text="Nobody was ACTIVE for")).not_to_have_count(0)
    expect(one.page.locator("#acts tbody tr").first).to_contain_text("step down")


def test_the_timeline_is_read_by_keyboard(instances: Instances, open_page: OpenPage) -> None:
    """The latest bar has the focus by Tab, the others by the arrow keys; each is told in a tip."""
    shown = opened(open_page, instances.addresses[0])
    page = shown.page
    bar = page.locator("#timeline [role=img][tabindex='0']").locator("visible=true")
    expect(bar).to_have_count(1)
    page.get_by_role("button", name="7 d").focus()
    page.keyboard.press("Tab")
    expect(bar).to_be_focused()
    expect(page.locator("#tip")).to_contain_text("was ACTIVE from")
    page.keyboard.press("Home")
    expect(page.locator("#tip")).to_be_visible()


def test_the_life_of_an_update(instances: Instances, open_page: OpenPage) -> None:
    """Found by its chat; its waterfall has what was sent, with the message's id; the back button leads back. One whose
    answer is lost is watched until it is found."""
    update_id = instances.do("says", 501, "/start")
    shown = opened(open_page, instances.addresses[1], PHONE)
    page = shown.page
    shown.search("chat 501")
    page.get_by_role("link", name=str(update_id)).click()
    sent = shown.spans.filter(has_text="sendMessage")
    expect(sent).to_contain_text("message ")
    expect(sent.locator(".outcome")).to_have_text("ok")
    expect(shown.spans.first).to_contain_text("received by")
    page.go_back()
    expect(page.get_by_role("heading", name="Updates", exact=True)).to_be_visible()
    instances.do("menus", 501, 1)
    instances.do("loses_an_answer", 501)
    doubtful = instances.do("says", 501, "/start")
    page.goto(f"{instances.addresses[0]}/ops#update={doubtful}")
    expect(page.get_by_role("article", name=f"Update {doubtful}").locator(".facts")).to_contain_text("done")
    expect(shown.spans.filter(has_text="sendMessage").first.locator(".outcome")).to_have_text("in doubt")
    expect(shown.spans.filter(has_text="looked for").last.locator(".outcome")).to_have_text("found")
    shown.search("424242")
    expect(page.locator("#found")).to_contain_text("Nothing is known of it")


def test_sending_is_paused_and_resumed(instances: Instances, open_page: OpenPage) -> None:
    """Without a reason nothing happens; while it is paused the page says by whom and why, an update waits and says for
    what; what has waited is answered after it."""
    shown = opened(open_page, instances.addresses[0])
    page = shown.page
    shown.press("Pause sending …")
    shown.confirm("Pause sending")
    expect(page.get_by_role("dialog")).to_be_visible()
    shown.confirm("Pause sending", Reason=f"new prices {HOSTILE}")
    expect(page.locator("#acted")).to_contain_text("sends nothing any more")
    expect(shown.verdict).to_contain_text("Sending is paused by")
    expect(shown.verdict).to_contain_text(HOSTILE)
    is_nothing_but_text(page)
    update_id = instances.do("says", 502, "/start")
    page.goto(f"{instances.addresses[0]}/ops#update={update_id}")
    expect(page.locator(".blocked")).to_contain_text("paused")
    assert instances.do("menus", 502) == 0
    shown.press("Resume sending …")
    shown.confirm("Resume")
    expect(page.locator("#acted")).to_contain_text("Sending goes on")
    expect(page.get_by_role("article", name=f"Update {update_id}").locator(".facts")).to_contain_text("done")
    assert instances.do("menus", 502) == 1


def test_dead_updates_are_replayed_and_discarded(instances: Instances, open_page: OpenPage) -> None:
    """One is replayed and its person has a menu; another is chosen and discarded; of the rest all that fit a reason are
    replayed. What they wrote is shown as text."""
    for number in range(1, 6):
        reason = f"ValueError: {HOSTILE}" if number < 3 else "RuntimeError: no luck"
        instances.do("dies", number, 600 + number, HOSTILE, reason, number)
    shown = opened(open_page, instances.addresses[1])
    page = shown.page
    expect(shown.dead_row(2)).to_contain_text(HOSTILE)
    shown.dead_row(2).get_by_text("Show").click()
    expect(shown.dead_row(2).locator("pre")).to_contain_text("onerror")
    is_nothing_but_text(page)
    choose(shown, 1)
    shown.press("Replay 1 chosen …")
    expect(page.get_by_role("dialog")).to_contain_text("somebody may have it twice")
    shown.confirm("Replay 1 update")
    expect(page.locator("#dead-said")).to_have_text("1 update replayed.")
    expect(shown.dead_row(1)).to_have_count(0)
    choose(shown, 2)
    shown.press("Discard 1 chosen …")
    expect(page.get_by_role("dialog")).to_contain_text("This cannot be undone")
    shown.confirm("Discard 1 update")
    expect(page.locator("#dead-said")).to_have_text("1 update discarded.")
    page.get_by_label("Reason contains").fill("no luck")
    page.get_by_role("button", name="Show", exact=True).click()
    shown.press("Replay all 3 that fit …")
    shown.confirm("Replay 3 updates")
    expect(page.locator("#dead")).to_contain_text("None. Everybody has been answered.")
    expect(page.locator("#acts tbody tr", has_text="replay")).not_to_have_count(0)
    assert [instances.do("menus", 600 + number, 2) for number in (1, 3, 4, 5)] == [2, 2, 2, 2]
    assert instances.do("menus", 602) == 1


def test_what_is_not_as_the_operator_was_told_is_not_done(instances: Instances, browser: Browser) -> None:
    """One more fits by now: that is said in the dialog, and all are dead still; what is confirmed next is the new
    number. (The browser itself notes the 409 on its console.)"""
    instances.do("dies", 21, 621, "Olga", "KeyError: 'x'", 1)
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{instances.addresses[0]}/ops")
    shown = OpsPage(page)
    shown.press("Discard all 1 that fit …")
    instances.do("dies", 22, 622, "Ivan", "KeyError: 'x'", 1)
    shown.confirm("Discard 1 update")
    expect(page.get_by_role("alert")).to_contain_text("2 updates fit by now")
    page.keyboard.press("Escape")
    shown.press("Discard all 2 that fit …")
    shown.confirm("Discard 2 updates")
    expect(page.locator("#dead-said")).to_have_text("2 updates discarded.")
    context.close()


def choose(shown: OpsPage, update_id: int) -> None:
    """Tick the box of a dead update."""
    shown.page.get_by_label(f"Choose update {update_id}", exact=True).check()


def test_from_elsewhere_a_login_is_wanted(instances: Instances, browser: Browser) -> None:
    """A wrong token is told of and leaves the name; the right one opens the page, which then looks as from this
    machine; when one page logs out, the other one of this browser says that it is signed out."""
    context = browser.new_context(viewport=DESKTOP, extra_http_headers=FROM_ELSEWHERE)
    page, second = context.new_page(), context.new_page()
    log_in(page, instances.addresses[0], "a-wrong-token-of-somebody")
    expect(page.get_by_role("alert")).to_have_text("That is not the token.")
    expect(page.get_by_label("Your name")).to_have_value("Anna")
    expect(page.get_by_label("Token")).to_have_value("")
    assert accessibility_problems(page) == []
    log_in(page, instances.addresses[0], TOKEN)
    OpsPage(page).is_live()
    expect(page.get_by_text("Anna (127.0.0.1)").first).to_be_visible()
    second.goto(f"{instances.addresses[1]}/ops")
    OpsPage(second).is_live()
    second.get_by_role("button", name="Log out").click()
    expect(second.get_by_label("Token")).to_be_visible()
    expect(page.locator("#connection")).to_contain_text("Signed out")
    page.get_by_role("link", name="Log in").click()
    expect(page.get_by_label("Token")).to_be_visible()
    context.close()


def log_in(page: Page, address: str, token: str) -> None:
    """Fill in the form."""
    page.goto(f"{address}/ops")
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_everybody_can_use_it(instances: Instances, open_page: OpenPage) -> None:
    """By axe-core, in both themes and widths, also in a dialog and with a life that is shown; a phone never scrolls
    sideways."""
    instances.do("dies", 9, 700, HOSTILE, f"{'a-reason-of-one-long-word' * 8}: {HOSTILE}", 2)
    update_id = instances.do("says", 503, "/start")
    shown = opened(open_page, instances.addresses[0], PHONE)
    page = shown.page
    page.goto(f"{instances.addresses[0]}/ops#update={update_id}")
    expect(shown.dead_row(9)).to_have_count(1)
    expect(shown.spans.filter(has_text="sendMessage")).to_have_count(1)
    problems = {look: [*accessibility_problems(page), *sideways(page)] for look in shown.looks()}
    assert not any(problems.values()), problems
    shown.press("Pause a provider or model …")
    problems = {look: [*accessibility_problems(page), *sideways(page)] for look in shown.looks()}
    assert not any(problems.values()), problems
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def sideways(page: Page) -> list[str]:
    """A complaint if the page is wider than its window."""
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"{wider} pixels wider than the window"] if wider > 0 else []

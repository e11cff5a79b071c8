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


def test_a_model_is_paused(instances: Instances, open_page: OpenPage) -> None:
    """One that jobs are made with is offered by its name, another can be written, and a slip is told of. The other page
    shows both, and ends one."""
    instances.do("asks_for", 700_001, "kie", "z-image")
    one, other = (opened(open_page, address) for address in instances.addresses)
    one.press("Pause a provider or model …")
    dialog = one.page.get_by_role("dialog")
    expect(dialog.get_by_label("Its name")).to_be_hidden()
    dialog.get_by_label("What").select_option("model z-image")
    one.confirm("Pause it", Reason="too dear")
    expect(one.page.locator("#acted")).to_have_text("The model z-image is paused: nothing new is created there.")
    one.press("Pause a provider or model …")
    dialog.get_by_label("What").select_option("Another model …")
    one.confirm("Pause it", Its_name="zimage", Reason="a slip")
    expect(one.page.locator("#acted")).to_contain_text("is it 'z-image' that you mean?")
    expect(other.page.locator("#verdict")).to_contain_text("The model z-image is paused by")
    for name in ("zimage", "z-image"):
        other.press(f"Resume model {name} …")
        other.confirm("Resume")
        expect(one.page.get_by_role("button", name=f"Resume model {name} …")).to_have_count(0)
    expect(one.page.locator("#acts tbody tr").first).to_contain_text("resume")
    one.page.get_by_role("link", name="wanted").click()
    expect(one.page.locator("#found")).to_contain_text("z-image")


def test_what_is_not_stored_yet_is_looked_for_again(instances: Instances, browser: Browser) -> None:
    """Who follows a link to an update before it has come sees its life as soon as it has. (The browser itself notes the
    404 on its console.)"""
    update_id = instances.do("says", 504, "/start")
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{instances.addresses[0]}/ops#update={update_id + 1}")
    expect(page.locator("#found")).to_contain_text("nothing is known of update")
    assert instances.do("says", 504, "/start") == update_id + 1
    expect(page.get_by_role("article", name=f"Update {update_id + 1}").locator(".facts")).to_contain_text("done")
    context.close()


def test_a_page_that_slept_says_so(instances: Instances, open_page: OpenPage) -> None:
    """While nobody sees it, it is not told anything; who comes back reads since when it is old, until it is not."""
    shown = opened(open_page, instances.addresses[0])
    page = shown.page
    page.evaluate(SLEEPS, True)
    expect(page.locator("#connection")).to_contain_text("what is shown is of")
    page.evaluate("document.querySelector('#verdict-sentence').textContent = 'old'")
    page.evaluate(SLEEPS, False)
    shown.is_live()


SLEEPS = """hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_verdict(instances: Instances, open_page: OpenPage) -> None:
    """Each trouble as a sentence, the worst first; what the bot's token is to blame for is said as that."""
    page = opened(open_page, instances.addresses[0]).page
    sentences = [each["text"] for each in page.evaluate(JUDGES, TROUBLE)]
    assert sentences == [
        "Nobody has been ACTIVE for 40 s: nobody is answered",
        "Nothing has been sent for 70 s, since Telegram does not take the bot’s token (BOT_TOKEN): getMe: 401",
        "Sending is paused by Anna (5 s ago): prices",
        "3 updates could not be stored in the last minute: Telegram delivers them again",
        "About 200,000 updates wait, the oldest for 66 min",
        "1 update is in doubt (looked for now): it is not known whether the answer arrived",
        "1 update is dead: given up, not answered",
        "Telegram has asked to wait (429) 1 time in the last minute, 4 s in all",
        "1 job of the last 24 hours: it is not known what became of it",
        "The model m is paused by Ivan (5 s ago): dear",
    ]


JUDGES = "async view => (await import('/ops/page/verdict.js')).judged(view)"
TROUBLE = {
    "problem": None,
    "lead": {"instance": None, "seconds": 40},
    "handovers": [],
    "instances": [],
    "pauses": [
        {"scope": "model", "name": "m", "by": "Ivan", "reason": "dear", "seconds": 5},
        {"scope": "bot", "name": "", "by": "", "reason": "Refused: getMe: 401", "seconds": 70},
        {"scope": "sending", "name": "", "by": "Anna", "reason": "prices", "seconds": 5},
    ],
    "inbox": {"count": 200_000, "exact": False},
    "oldest_seconds": 3960,
    "in_doubt": 1,
    "looked_for": 1,
    "dead": {"count": 1, "exact": True},
    "traffic": {"counts": {"not_stored": 3}, "flood_pauses": 1, "flood_seconds": 4},
    "telegram": {"last_error": None, "last_error_at": None},
    "jobs": [{"provider": "kie", "state": "unknown", "jobs": 1}],
}


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


def test_many_dead_updates_are_unfolded(instances: Instances, open_page: OpenPage) -> None:
    """The first of them are shown, so that a phone has an end to scroll to; the keyboard goes on with the first of the
    others. Their reason is a button that picks them."""
    instances.do("many_die", 30_001, 25, "LookupError: no such card")
    shown = opened(open_page, instances.addresses[0], PHONE)
    page = shown.page
    page.get_by_role("button", name="25 × LookupError").click()
    rows = page.locator("#dead tbody tr").locator("visible=true")
    expect(rows).to_have_count(20)
    shown.press("Show the other 5")
    expect(rows).to_have_count(25)
    expect(rows.nth(20).get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Discard 1 chosen …")).to_be_enabled()
    shown.press("Discard all 25 that fit …")
    shown.confirm("Discard 25 updates")
    expect(page.locator("#dead-said")).to_have_text("25 updates discarded.")


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

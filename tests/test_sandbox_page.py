"""The sandbox's page in a real browser: the messenger, and the workbench beside it. The tests act as the bot."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.kie.pictures import Picture
from sandbox.kie.videos import film
from sandbox.telegram import DEMO_TOKEN
from tests.browser import DESKTOP, PHONE, OpenPage, accessibility_problems, serving
from tests.processes import DEADLINE

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

pytestmark = pytest.mark.processes

HTML = """<b>bold <i>both</i></b> <code>&lt;script&gt;</code> <a href="https://example.com/x">link</a> /help
<a href="tg://user?id=1">user</a> <tg-spoiler>the <b>secret</b></tg-spoiler> https://example.org
<blockquote expandable>one
two</blockquote><pre><code class="language-python">print()</code></pre>"""

_numbers = itertools.count(1)


@dataclass
class Chat:
    """A person of the page, and the bot that they talk to."""

    client: httpx.Client
    id: int
    name: str

    def call(self, method: str, **params: Any) -> Any:
        """What the bot's call returns."""
        answer = self.client.post(f"/bot{DEMO_TOKEN}/{method}", json=params).json()
        assert answer["ok"], answer
        return answer["result"]

    def send(self, text: str, **params: Any) -> int:
        """A message from the bot; returns its id."""
        message_id: int = self.call("sendMessage", chat_id=self.id, text=text, **params)["message_id"]
        return message_id

    def act(self, action: str, body: Any) -> None:
        """What the person does on another device."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.post(f"/user/{self.id}/{action}", content=content).raise_for_status()

    def take_updates(self) -> list[dict[str, Any]]:
        """All that waits for the bot; nothing waits any more."""
        updates: list[dict[str, Any]] = self.call("getUpdates")
        if updates:
            self.call("getUpdates", offset=updates[-1]["update_id"] + 1)
        return updates

    def show(self, open_page: OpenPage, viewport: ViewportSize = DESKTOP, **settings: Any) -> Page:
        """The page, with this person's chat."""
        page = open_page(str(self.client.base_url), viewport, **settings)
        page.locator(".chip", has_text=self.name).click()
        return page


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Asks a sandbox in a process of its own."""
    command = (sys.executable, "-u", "-m", "sandbox", "--port", "0")
    with (
        serving(*command, says=r"(http://127\.0\.0\.1:\d+)") as address,
        httpx.Client(base_url=address, timeout=DEADLINE) as client,
    ):
        yield client


@pytest.fixture
def chat(client: httpx.Client) -> Iterator[Chat]:
    """The chat of a new person, who has started the bot."""
    name = f"Person {next(_numbers):03}"
    person = client.post("/people", json={"first_name": name, "language_code": "en"}).json()["id"]
    chat = Chat(client, person, name)
    chat.act("send", {"text": "/start"})
    chat.take_updates()
    yield chat
    client.delete("/faults")


def keyboard(*rows: str) -> dict[str, Any]:
    """Buttons whose data are their labels: a row for each text, a button for each word."""
    return {"inline_keyboard": [[{"text": word, "callback_data": word} for word in row.split()] for row in rows]}


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone", "desktop"])
def test_a_menu_by_keyboard_alone(chat: Chat, open_page: OpenPage, viewport: ViewportSize, scheme: str) -> None:
    """A press spins until it is answered; an alert waits for OK; the focus stays, though the menu becomes another."""
    page = chat.show(open_page, viewport, color_scheme=scheme)
    menu = chat.send("menu", reply_markup=keyboard("One", "Two Three"))
    page.get_by_role("button", name="Three").focus()
    page.keyboard.press("Enter")
    page.locator(".spins", has_text="Three").wait_for()
    press = chat.take_updates()[-1]["callback_query"]
    assert (press["data"], press["from"]["language_code"]) == ("Three", "en")
    chat.call("editMessageText", chat_id=chat.id, message_id=menu, text="other", reply_markup=keyboard("A", "B", "C"))
    chat.call("answerCallbackQuery", callback_query_id=press["id"], text="Sure?", show_alert=True)
    alert = page.get_by_role("alertdialog")
    alert.get_by_text("Sure?").wait_for()
    assert accessibility_problems(page) == []
    page.keyboard.press("Enter")
    alert.wait_for(state="detached")
    assert page.locator(":focus").inner_text() == "B"
    page.keyboard.press("Enter")
    page.locator(".spins", has_text="B").wait_for()
    press = chat.take_updates()[-1]["callback_query"]
    chat.call("answerCallbackQuery", callback_query_id=press["id"], text="Saved")
    page.get_by_role("status").get_by_text("Saved").wait_for()
    page.locator(".spins").wait_for(state="detached")
    chat.call("deleteMessage", chat_id=chat.id, message_id=menu)
    chat.send("a new one", reply_markup=keyboard("X Y", "Z"))
    page.locator(":focus", has_text="Z").wait_for()
    assert accessibility_problems(page) == []


def test_entities_are_drawn_and_nothing_else(chat: Chat, open_page: OpenPage) -> None:
    """What is hidden stays so until asked for; a command is sent by a tap; only addresses of the web are links."""
    page = chat.show(open_page)
    chat.send(HTML, parse_mode="HTML")
    words = page.locator(".theirs .words")
    words.locator("b i", has_text="both").wait_for()
    assert words.locator("code").first.inner_text() == "<script>"
    assert words.locator("a").evaluate_all("links => links.map(link => link.href)") == [
        "https://example.com/x",
        "https://example.org/",
    ]
    assert words.locator(".code pre").inner_text() == "print()"
    secret = words.locator("b", has_text="secret")
    assert secret.is_hidden()
    words.get_by_role("button", name="Hidden text").press("Enter")
    assert secret.is_visible()
    words.get_by_role("button", name="Show more").click()
    words.get_by_role("button", name="Show less").wait_for()
    words.get_by_role("button", name="/help").click()
    page.locator(".mine", has_text="/help").wait_for()
    assert chat.take_updates()[-1]["message"]["text"] == "/help"
    assert accessibility_problems(page) == []


def test_what_has_no_spaces_is_as_wide_as_the_phone(chat: Chat, open_page: OpenPage) -> None:
    """A text, the labels of buttons, commands, an answer: the page has nothing to scroll sideways."""
    page, long = chat.show(open_page, PHONE), "W" * 200
    chat.call("setMyCommands", commands=[{"command": "w" * 32, "description": long}])
    chat.send(long, reply_markup={"keyboard": [[{"text": long}]]})
    wide, narrow = {"text": long, "callback_data": "wide"}, {"text": "Go", "callback_data": "go"}
    chat.send(long * 20, reply_markup={"inline_keyboard": [[wide], [narrow, wide]]})
    page.get_by_role("button", name="Commands").click()
    page.get_by_role("button", name="Go", exact=True).click()
    press = chat.take_updates()[-1]["callback_query"]
    chat.call("answerCallbackQuery", callback_query_id=press["id"], text=long)
    page.get_by_role("status").get_by_text(long).wait_for()
    too_wide = """() => [...document.querySelectorAll(".messenger *")]
        .filter((node) => node.getBoundingClientRect().right > innerWidth && !node.closest(".who"))
        .map((node) => node.outerHTML.slice(0, 80))"""
    assert page.evaluate(too_wide) == []


def test_a_video_plays_on_while_messages_come_and_can_be_sought_in(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    chat.act("file?kind=video&name=film.mp4&caption=Look", film(Picture("film", "", 1.0), (), 3.0))
    video = page.locator("video")
    video.evaluate("video => new Promise(done => { video.onseeked = done; video.currentTime = 2; })")
    chat.send("more")
    page.get_by_text("more", exact=True).wait_for()
    assert video.evaluate("video => video.currentTime") == 2


def test_a_picture_is_opened_and_closed(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    chat.act("album", {"kinds": ["photo", "photo", "photo"], "caption": "three"})
    photos = page.locator(".album").get_by_role("button", name="Open the photo")
    photos.nth(2).wait_for()
    assert page.locator(".row", has_text="three").count() == 1
    photos.nth(1).press("Enter")
    page.get_by_role("dialog").wait_for()
    assert accessibility_problems(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert photos.nth(1).evaluate("photo => photo === document.activeElement")


def test_a_file_of_the_person_is_shown_with_its_size(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    for size, words in ((5, "5 bytes"), (1500, "1.5 kB")):
        page.locator("input[type=file]").set_input_files(
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"n" * size}
        )
        page.locator(".mine .document", has_text=f"notes.txt{words}").wait_for()
    assert [update["message"]["document"]["file_size"] for update in chat.take_updates()] == [5, 1500]


def test_a_bot_that_takes_nothing_is_told_of_and_the_message_reaches_it_later(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    page.get_by_role("textbox", name="Message", exact=True).fill("anybody?")
    page.keyboard.press("Enter")
    row = page.locator(".mine", has_text="anybody?")
    row.get_by_role("img", name="Sent").wait_for()
    told = page.get_by_text("The bot has not taken your message yet")
    told.wait_for()
    assert [update["message"]["text"] for update in chat.take_updates()] == ["anybody?"]
    row.get_by_role("img", name="Taken by the bot").wait_for()
    told.wait_for(state="detached")


def test_a_text_that_could_not_be_sent_is_not_lost(chat: Chat, open_page: OpenPage) -> None:
    """It is in the text field again, and is sent by the next attempt."""
    page = chat.show(open_page)
    text = page.get_by_role("textbox", name="Message")
    page.evaluate("() => { window.kept = fetch; window.fetch = async () => { throw new TypeError('cut off') } }")
    text.fill("to be sent")
    text.press("Enter")
    page.get_by_role("status").get_by_text("no connection").wait_for()
    assert text.input_value() == "to be sent"
    page.evaluate("() => { window.fetch = kept }")
    text.press("Enter")
    page.get_by_role("article").get_by_text("to be sent").wait_for()
    assert text.input_value() == ""
    assert [update["message"]["text"] for update in chat.take_updates()] == ["to be sent"]


def test_who_reads_further_up_is_not_moved(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    for number in range(40):
        chat.send(f"message {number}")
    page.get_by_text("message 39").wait_for()
    log = page.get_by_role("log")
    assert log.evaluate("log => log.scrollHeight - log.clientHeight - log.scrollTop") <= 1
    page.get_by_text("message 5", exact=True).scroll_into_view_if_needed()
    page.get_by_role("button", name="To the newest message").wait_for()
    place = log.evaluate("log => log.scrollTop")
    chat.send("news")
    page.get_by_text("news", exact=True).wait_for()
    assert log.evaluate("log => log.scrollTop") == place
    page.get_by_role("button", name="To the newest message").click()
    assert log.evaluate("log => log.scrollHeight - log.clientHeight - log.scrollTop") <= 1


def test_another_person_has_another_language_and_unread_messages(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    ivan = Chat(chat.client, 1002, "Иван")
    ivan.act("send", {"text": "/start"})
    ivan.send("раз")
    ivan.send("два")
    chip = page.locator(".chip", has_text="Иван")
    chip.locator(".badge", has_text="2 unread").wait_for()
    chip.click()
    page.get_by_text("два").wait_for()
    assert chip.locator(".badge").inner_text() == ""
    page.get_by_role("textbox", name="Сообщение").fill("да")
    page.get_by_role("button", name="Отправить").click()
    page.locator(".mine", has_text="да").wait_for()
    sent = chat.take_updates()[-1]["message"]
    assert (sent["text"], sent["from"]["language_code"]) == ("да", "ru")
    shapes = page.evaluate(
        "import('/page/words.js').then(({ wordsOf }) => ['en', 'ru'].map(code =>"
        " [...Object.keys(wordsOf(code)), ...Object.keys(wordsOf(code).actions)].join()))"
    )
    assert shapes[0] == shapes[1]


def test_answers_to_choose_from_and_results_of_the_inline_mode(chat: Chat, open_page: OpenPage) -> None:
    page = chat.show(open_page)
    chat.send("Which?", reply_markup={"keyboard": [["Red", "Blue"]]})
    page.get_by_role("button", name="Blue").click()
    page.locator(".mine", has_text="Blue").wait_for()
    text = page.get_by_role("textbox", name="Message", exact=True)
    with page.expect_response("**/inline"):
        text.fill("@sandbox_bot cats")
    query = next(update["inline_query"] for update in chat.take_updates() if "inline_query" in update)
    card = {"type": "article", "id": "1", "title": "Tom", "input_message_content": {"message_text": "a cat"}}
    chat.call("answerInlineQuery", inline_query_id=query["id"], results=[card])
    page.get_by_role("button", name="Tom").wait_for()
    assert accessibility_problems(page) == []
    text.press("ArrowUp")
    page.keyboard.press("Enter")
    page.locator(".mine", has_text="a cat").wait_for()


def test_the_workbench_orders_faults_and_shows_calls(chat: Chat, open_page: OpenPage) -> None:
    """A fault that is used up is gone from the list; a call can be opened; what is refused is said."""
    page = chat.show(open_page)
    page.get_by_label("Method (any)").fill("sendMessage")
    page.get_by_role("button", name="Order").click()
    page.locator("#faults li", has_text="flood 1 call of sendMessage, retry_after 3").wait_for()
    answer = chat.client.post(f"/bot{DEMO_TOKEN}/sendMessage", json={"chat_id": chat.id, "text": "words"})
    assert answer.status_code == 429
    page.locator("#faults li").wait_for(state="detached")
    call = page.locator("#calls li", has_text="429").first
    call.locator("summary").press("Enter")
    call.get_by_text('"text": "words"').wait_for()
    page.locator("summary", has_text="Push any update").click()
    page.get_by_label("Body (JSON)").fill("{")
    page.get_by_role("button", name="Do it: Push any update").click()
    page.get_by_role("status").get_by_text("Push any update: ").wait_for()
    assert accessibility_problems(page) == []

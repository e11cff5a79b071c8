"""What `make soak` decides by, its stand-in and its pictures; and a short one, with a deploy and a kill.

Whether anything is flat takes minutes to tell, so that is the rule's own tests' alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import trio

from fleet.soak.delivery import Delivery, Target
from fleet.soak.flat import LEAST_MINUTES, medians, slope, trend
from fleet.soak.instances import is_kept
from fleet.soak.ledger import Ledger, tally
from fleet.soak.measuring import read_process
from fleet.soak.people import FIRST_CHAT, FIRST_UPDATE, Kind, Message, People, Person, answered_number, body_of
from fleet.soak.pictures import SHEETS, Panel, write_pictures
from fleet.soak.plan import Kind as EventKind
from fleet.soak.plan import Plan
from fleet.soak.report import table, verdict, write_json
from fleet.soak.run import run
from fleet.soak.series import ALL_SERIES, Points, Series, Window
from fleet.soak.telegram import Telegram
from sandbox.api import HttpResponse
from sandbox.http_server import HttpRequest, serve
from sandbox.ports import free_port
from svc.bot.menu_bot import bot
from svc.handler.known import Known
from svc.observability.log_lines import json_line
from telegram_client.errors import Refused
from telegram_client.probes import PROBE, Told, probe_params, told_by
from telegram_client.updates import read_update
from tests.processes import environment_of_checkout, python, running
from tests.processes import run as run_command
from tests.remains import space

SECONDS = 1200.0
LIMIT = Series("x", "something", "MiB", 0.05)


# The plan


def test_twenty_minutes_have_a_deploy_a_minute_and_a_kill_every_three() -> None:
    """In order; kills come between deploys, not always as long after one; the seed makes them."""
    events = Plan().schedule
    assert Counter(event.kind for event in events) == {EventKind.DEPLOY: 19, EventKind.KILL: 7}
    assert events == sorted(events, key=lambda event: event.at)
    kills = [event.at for event in events if event.kind is EventKind.KILL]
    assert all(10 <= at % 60 <= 50 for at in kills)
    assert len({round(at % 60) for at in kills}) > 3
    assert events == Plan().schedule != Plan(seed=2).schedule


def test_nothing_is_deployed_or_killed_where_that_is_wanted() -> None:
    """A soak of instances that live as long as it lasts."""
    assert Plan(deploy_every=0, kill_every=0).schedule == []


# The rule for flat


def measured(value: Callable[[float], float | None], seconds: float = SECONDS) -> Points:
    """A value every five seconds."""
    return [(float(at), value(at)) for at in range(5, round(seconds), 5)]


def noisy(at: float) -> float:
    return 80 + random.Random(at).uniform(-4, 4)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (noisy, "noise has no trend"),
        (lambda at: 50 if at < 300 else noisy(at), "the first quarter is left out"),
        (lambda at: 70 + 10 * (at % 60) / 60, "a saw-tooth of a minute is the same in each"),
        (lambda at: 500 if 840 <= at < 1020 else noisy(at), "a few minutes may be outliers"),
        (lambda at: None if at % 60 < 20 else noisy(at), "gaps are no values"),
        (lambda at: 120 - at / 30, "what shrinks does no harm"),
    ],
)
def test_it_is_flat(value: Callable[[float], float | None], why: str) -> None:
    """As long as the trend of its minutes does not grow."""
    assert trend(LIMIT, measured(value), SECONDS).flat, why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda at: noisy(at) + at / 120, "a leak of half a MiB a minute, under noise"),
        (lambda at: 70 + 10 * (at % 60) / 60 + at / 120, "and under a saw-tooth"),
        (lambda at: 80 if at < 700 else 90, "a step that stays"),
    ],
)
def test_it_is_not_flat(value: Callable[[float], float], why: str) -> None:
    """By how much it has grown is told."""
    found = trend(LIMIT, measured(value), SECONDS)
    assert found.flat is False, why
    assert found.growth is not None
    assert found.growth > 5


def test_of_some_it_is_bad_that_they_fall() -> None:
    """Answers a second: fewer would be a backlog that grows."""
    falls = Series("rate", "answers", "/s", 0.02, falls=True)
    assert trend(falls, measured(lambda at: 300 - at / 60), SECONDS).flat is False
    assert trend(falls, measured(lambda at: 300 + at / 60), SECONDS).flat


def test_a_little_is_minded_by_nobody() -> None:
    """Where the median is small, a share of it would be next to nothing."""
    points = measured(lambda at: 1 + at / 600)
    assert trend(LIMIT, points, SECONDS).flat is False
    assert trend(Series("x", "something", "open", 0.05, grain=4), points, SECONDS).flat


def test_of_a_short_run_nothing_is_told() -> None:
    """But its median. Six minutes after the first quarter are enough."""
    short = trend(LIMIT, measured(lambda at: at, 120), 120)
    assert (short.flat, short.growth) == (None, None)
    assert short.median == pytest.approx(60, abs=10)
    assert trend(LIMIT, [], 120).median is None
    enough = 60 * LEAST_MINUTES / 0.75
    assert trend(LIMIT, measured(noisy, enough), enough).flat is not None


def test_medians_are_those_of_whole_minutes() -> None:
    """At the middle of each; what is left over counts for nothing."""
    assert medians([(0, 1.0), (30, 3.0), (59, 9.0), (60, 5.0), (119, None), (130, 7.0)], 0, 150) == [(30, 3), (90, 5)]
    assert slope([(0, 0), (1, 1), (2, 2), (3, 99), (4, 4)]) == 1


def test_every_series_has_a_limit_and_a_name_of_its_own() -> None:
    """And what the pictures draw is measured."""
    keys = [series.key for series in ALL_SERIES]
    assert len(set(keys)) == len(keys)
    drawn = [key for panels in SHEETS.values() for panel in panels for _, key in panel.lines]
    assert set(drawn) == set(keys)


# People, and what became of their messages


@pytest.mark.parametrize("kind", Kind)
def test_every_answer_of_the_bot_names_its_message(kind: Kind) -> None:
    """What the bot really says to each kind, in the chat that it came from."""
    person = Person(FIRST_CHAT + (77 if kind is Kind.START else 5), message_id=9)
    message = Message(77, kind, person, due=0.0, sent_id=0 if kind is Kind.PRESS else 8)
    update = read_update(body_of(message, now=1_000_000.0))
    assert update.update_id == message.update_id == FIRST_UPDATE + 77
    (call, *others) = bot.decide(update, Known()).calls
    assert call.method == ("editMessageText" if kind is Kind.PRESS else "sendMessage")
    assert [other.method for other in others] == (["answerCallbackQuery"] if kind is Kind.PRESS else [])
    assert call.params["chat_id"] == person.chat_id
    assert answered_number(person.chat_id, call.params["text"]) == 77


def test_people_write_one_at_a_time() -> None:
    """New ones start; nobody writes again before the answer has come; all kinds occur, and the seed makes them."""
    first, again, other = ([people.next(number) for number in range(3)] for people in map(seeded, (1, 1, 2)))
    assert [kind for kind, _ in first] == [Kind.START] * 3
    assert first == again == other  # nobody is known yet
    people, waiting, counts = seeded(1), set[int](), Counter[Kind]()
    for number in range(3_000):
        kind, person = people.next(number)
        counts[kind] += 1
        assert person.chat_id not in waiting
        waiting.add(person.chat_id)
        if number % 10:
            waiting.remove(person.chat_id)
            people.may_write_again(person)
    assert all(count > 500 for count in counts.values())


def seeded(seed: int) -> People:
    return People(random.Random(seed))


def test_the_ledger_finds_what_it_is_for() -> None:
    """One answer each is well, none is lost and two are twice. A recorded doubt excuses either; what is in the inbox
    or was never taken in is only late."""
    ledger = Ledger(Window())
    for number in range(8):
        message = Message(number, Kind.START, Person(FIRST_CHAT + number), due=10.0)
        ledger.write(message)
        if number != 7:
            ledger.accept(message, 10.25)
    for number in (0, 1, 1, 2, 2):
        ledger.answer(number, FIRST_CHAT + number, "menu", 10.5)
    assert ledger.answer(3, FIRST_CHAT, "qz3", 11) is None  # in somebody else's chat
    ledger.answer(9_999, FIRST_CHAT + 9_999, "menu", 11)  # nobody has written that
    found = tally(ledger, [FIRST_UPDATE + 2, FIRST_UPDATE + 5], owed_updates=[FIRST_UPDATE + 6])
    assert (found.lost, found.twice, found.excused, found.doubts, found.waiting) == ([3, 4], [1], 2, 2, 2)
    assert len(ledger.unasked) == 2
    assert ledger.longest_wait == 0.5
    assert ledger.answered == {Kind.START: 3}


def test_windows_begin_anew() -> None:
    """What was told once does not count again; a window in which nothing came has no times."""
    window = Window(acks=[0.001] * 99 + [1.0], answers=[0.03] * 20)
    found = window.close(10)
    assert found == {"rate": 2, "ack_p50": 1, "ack_p99": 1000, "answer_p50": 30, "answer_p99": 30}
    assert window.close(10) == {"rate": 0, "ack_p50": None, "ack_p99": None, "answer_p50": None, "answer_p99": None}


# The stand-in for Telegram, and delivery


async def call(telegram: Telegram, method: str, **params: Any) -> dict[str, Any]:
    """The body of its answer."""
    request = HttpRequest("POST", f"/bot1:a/{method}", "application/json", json.dumps(params).encode())
    answer: dict[str, Any] = json.loads((await telegram.handle(request)).content)
    return answer


async def test_ids_grow_and_a_probe_tells_whose_a_message_is(autojump_clock: trio.testing.MockClock) -> None:
    """As the service asks after a kill: ours, somebody else's, nobody's; an id in another chat is nobody's."""
    telegram = Telegram(lambda *_: None)
    theirs = telegram.writes(7)
    ours = (await call(telegram, "sendMessage", chat_id=7, text="menu"))["result"]["message_id"]
    assert ours == theirs + 1

    async def told(chat_id: int, message_id: int) -> Told:
        answer = await call(telegram, PROBE, **probe_params(chat_id, message_id))
        return told_by(Refused(PROBE, answer["description"], status=answer["error_code"]))

    assert [await told(7, each) for each in (ours, theirs, ours + 1)] == [Told.OURS, Told.OTHERS, Told.ABSENT]
    assert await told(8, ours) is Told.ABSENT


async def test_an_edit_takes_effect_once(autojump_clock: trio.testing.MockClock) -> None:
    """The same again changes nothing, and says so: that is no second answer."""
    effects = list[str]()
    telegram = Telegram(lambda chat_id, message_id, text: effects.append(text))
    message_id = (await call(telegram, "sendMessage", chat_id=7, text="menu"))["result"]["message_id"]
    answers = [await call(telegram, "editMessageText", chat_id=7, message_id=message_id, text="found") for _ in "ab"]
    assert [answer["ok"] for answer in answers] == [True, False]
    assert answers[1]["description"].startswith("Bad Request: message is not modified")
    assert effects == ["menu", "found"]


async def test_the_stand_in_forgets(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is written, it holds the latest."""
    monkeypatch.setattr("fleet.soak.telegram.MOST_MESSAGES", 10)
    telegram = Telegram(lambda *_: None)
    first = telegram.writes(7)
    for _ in range(10):
        telegram.writes(7)
    answer = await call(telegram, PROBE, **probe_params(7, first))
    assert answer["description"] == "Bad Request: message to edit not found"


async def test_an_update_is_delivered_until_it_is_taken_in() -> None:
    """Past an instance that is gone, and again after a 503; the headers are Telegram's."""
    requests = list[HttpRequest]()

    async def handle(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse(503 if len(requests) == 1 else 200, [], b"")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            port: int = await nursery.start(serve, handle, 0)
            targets = [Target(f"http://127.0.0.1:{each}") for each in (free_port(), port)]
            delivery = Delivery(targets, random.Random(1))
            await delivery.deliver(b'{"update_id":1}')
            nursery.cancel_scope.cancel()
    for target in targets:
        target.close()
    assert [request.body for request in requests] == [b'{"update_id":1}'] * 2
    assert requests[0].headers["content-type"] == "application/json"
    assert delivery.problems == {"status 503": 1}


def test_of_a_log_only_what_is_looked_at_is_kept() -> None:
    """As the service writes it: its states, its doubts, its errors; not the lines of each update."""

    def line(event: str, level: str = "info") -> bytes:
        return json_line({"event": event, "level": level}, lambda text: text).encode()

    assert all(is_kept(line(event)) for event in ("STATE", "LOCK_WAIT", "IN_DOUBT", "FOUND"))
    assert not any(is_kept(line(event)) for event in ("DONE", "ACTIVE_PROCESS_START"))
    assert is_kept(line("ANYTHING", "error"))


def test_a_process_is_measured_and_one_that_has_ended_is_not() -> None:
    """This one has memory and descriptors; no process has a number that large."""
    memory, descriptors = read_process(os.getpid())
    assert memory is not None
    assert memory > 10
    assert descriptors is not None
    assert descriptors >= 3
    assert read_process(2**30) == (None, None)


# The command


@pytest.mark.parametrize("options", [("--rate", "0"), ("--minutes", "1000"), ("--deploy-every", "1"), ("--rate", "x")])
async def test_bad_usage_is_said_at_once(options: tuple[str, ...]) -> None:
    """One line on stderr, exit code 2, and nothing is started."""
    done = await run_command(*python("-m", "fleet.soak", *options), env=environment_of_checkout())
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr


@pytest.mark.processes
async def test_an_interrupted_soak_leaves_nothing() -> None:
    """Ctrl-C under load: exit code 130, and neither an instance nor a Postgres nor a file is left."""
    with space() as room:
        command = python("-m", "fleet.soak", "--minutes", "5", "--rate", "10", "--folder", str(room.folder / "soak"))
        async with running(*command, env=environment_of_checkout(**room.environment)) as soak:
            await soak.says("two days ago")
            assert len(room.processes()) > 2
            soak.process.send_signal(signal.SIGINT)
            assert await soak.exit_code() == 130
            assert "interrupted" in soak.printed
        assert (room.processes(), room.files()) == ([], [])


@pytest.mark.processes
@pytest.mark.timeout(400)
def test_a_short_soak_loses_nothing_and_answers_nothing_twice(tmp_path: Path) -> None:
    """Everybody is answered once, through a deploy and a kill of who leads, while old rows are pruned; and that is told
    in one line, in JSON and in pictures."""
    outcome = run(Plan(20, 40, seed=1, deploy_every=14, kill_every=16), print)
    assert outcome is not None
    print(table(outcome))
    assert outcome.breaches() == []
    assert outcome.ledger.answered.total() == outcome.ledger.accepted == outcome.ledger.written == 800
    assert outcome.instances.done == {EventKind.DEPLOY: 1, EventKind.KILL: 1}
    assert len(outcome.instances.every) == 4
    assert outcome.in_database.forgotten > 0
    assert verdict(outcome).startswith("verdict: kept: lost 0, twice 0, too short to tell what is flat, longest wait")
    write_json(outcome, tmp_path / "soak.json")
    assert json.loads((tmp_path / "soak.json").read_text())["series"].keys() >= {each.key for each in ALL_SERIES}
    write_pictures(outcome, tmp_path)
    for name, panels in SHEETS.items():
        check_picture((tmp_path / f"soak-{name}.svg").read_text("utf-8"), panels)


def check_picture(text: str, panels: Iterable[Panel]) -> None:
    """It stands alone: well-formed, with its own style and nothing from elsewhere."""
    ids = [each.get("id") for each in ET.fromstring(text).iter() if each.get("id")]
    assert len(ids) == len(set(ids)) > 0
    assert "prefers-color-scheme: dark" in text
    assert "href" not in text
    assert text.count("http") == text.count('xmlns="http://www.w3.org/2000/svg"')
    assert all(panel.title in text for panel in panels)

"""Bodies and requests that nobody in their right mind would send, to real instances; and the judgement on that.

`make fuzz` sends more of them, from other seeds; this is what CI has the time for: 20,000 bodies, some of them made by
hypothesis.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fleet.fuzz import judgement, paths
from fleet.fuzz.bodies import HEADERS, KINDS, Request, judged, requests, update_in
from fleet.fuzz.connection import Answer
from fleet.fuzz.encoding import Pairs, Raw, encode
from fleet.fuzz.findings import Row, breaches, table, verdict
from fleet.fuzz.tally import Tally
from fleet.fuzz.webhook import barrage
from tests.processes import environment_of_checkout, python, run

BODIES = 20_000
SEEDS = (1, 2, 3, 4)
FROM_HYPOTHESIS = 2_000
EXAMPLES = 30
NOW = 1_790_000_000
DEADLINE = 600.0
OTHER_UPDATES = 2**50
"""The ids of what hypothesis makes begin here."""


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE)
@pytest.mark.parametrize("seed", SEEDS)
async def test_bodies_against_an_instance(seed: int, database_url: str) -> None:
    """Every answer is one of the contract, there is no traceback, all that was accepted comes to its end, and whoever
    means it is answered once."""
    rows = await barrage(requests(seed, NOW), (BODIES - FROM_HYPOTHESIS) // len(SEEDS), database_url)
    print(table(rows))
    assert breaches(rows) == []
    assert {row.name for row in rows} >= KINDS.keys() - {"too large"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "chat", "from", "text", "type", "data"]) | st.text(max_size=5), inner)
    ),
    max_leaves=20,
)
updates = st.fixed_dictionaries(
    {"update_id": st.integers(OTHER_UPDATES, OTHER_UPDATES + 2**30)},
    optional={"message": values, "callback_query": values, "inline_query": values, "my_chat_member": values},
)


def bodies_of_hypothesis() -> list[bytes]:
    """The same in each run."""
    found: list[bytes] = []

    @settings(
        max_examples=FROM_HYPOTHESIS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=300) | values.map(json.dumps).map(str.encode) | updates.map(json.dumps).map(str.encode))
    def collect(body: bytes) -> None:
        found.append(body)

    collect()
    return found


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE)
async def test_what_hypothesis_makes_against_an_instance(database_url: str) -> None:
    """The same promises for any JSON and any bytes."""
    bodies = bodies_of_hypothesis()
    assert len(bodies) == FROM_HYPOTHESIS
    assert sum(update_in(body) is not None for body in bodies) > FROM_HYPOTHESIS / 5
    rows = await barrage((judged("of hypothesis", body) for body in bodies), len(bodies), database_url)
    print(table(rows))
    assert breaches(rows) == []


@pytest.mark.processes
@pytest.mark.timeout(DEADLINE)
async def test_every_path_answers_as_documented(database_url: str) -> None:
    """No 5xx but 503, no status and no content that docs/openapi.yaml does not have, no traceback."""
    rows = await paths.over_an_instance(database_url, 1, EXAMPLES)
    print(table(rows))
    assert breaches(rows) == []
    assert len(rows) > len(paths.document()["paths"]) / 2


@pytest.mark.processes
async def test_the_command() -> None:
    """It says its seed and how to repeat it, prints a table and ends with the verdict."""
    command = python("-m", "fleet.fuzz", "--only", "bodies", "--bodies", "50", "--seed", "9")
    done = await run(*command, env=environment_of_checkout())
    assert (done.returncode, done.stderr) == (0, "")
    assert 'seed 9 (again: make fuzz OPTIONS="--only bodies --seed 9 --bodies 50")' in done.stdout
    assert done.stdout.endswith("\nverdict: all promises kept\n")
    assert (await run(*python("-m", "fleet.fuzz", "--bodies", "0"), env=environment_of_checkout())).returncode == 2


# What is sent


def test_a_seed_makes_the_same_requests() -> None:
    """Of every kind; another seed makes others, with ids of its own."""
    first, again, other = (list(islice(requests(seed, NOW), 2000)) for seed in (5, 5, 6))
    assert first == again
    assert {request.kind for request in first} == KINDS.keys()
    ids, others = ({each.update_id for each in made if each.kind == "as Telegram sends it"} for made in (first, other))
    assert not ids & others


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Pairs([("a", 1), ("a", Raw("1e400"))]), '{"a":1,"a":1e400}'),
        ({"a": [None, "\ud83d", Raw("01")]}, '{"a":[null,"\\ud83d",01]}'),
    ],
)
def test_what_no_library_writes(value: Any, text: str) -> None:
    """A name twice, a number out of bounds, half a character, a leading zero."""
    assert encode(value) == text


@pytest.mark.parametrize(
    ("body", "allowed", "update_id"),
    [
        (b'{"update_id":7,"message":{}}', {200}, 7),
        (b'{"update_id":1,"update_id":7}', {200}, 7),
        (b'{"update_id":7.0}', {400}, None),
        (b'{"update_id":-1}', {400}, None),
        (b'{"update_id":7', {400}, None),
        (b"[" * 100_000, {400}, None),
        (b'\xef\xbb\xbf{"update_id":7}', {200, 400}, 7),
        (b'{"update_id":7,"x":%s}' % (b"9" * 5000), {200, 400}, 7),
        (b'{"update_id":7}'.ljust(1024 * 1024 + 1), {413}, None),
    ],
)
def test_what_a_body_may_be_answered(body: bytes, allowed: set[int], update_id: int | None) -> None:
    """200 for an update only, 400 for what is none; either where readers of JSON differ."""
    request = judged("x", body)
    assert (set(request.allowed), request.update_id) == (allowed, update_id)


# The judgement

GOOD = Request("x", b"{}", frozenset({200}), 7, headers=HEADERS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200), ""),
        (Answer(503, {"retry-after": "1"}), ""),
        (Answer(503), "a 503 without Retry-After"),
        (Answer(500), "500, which is not in the contract"),
        (Answer(302), "302, which is not in the contract"),
        (Answer(400), "400 and not 200"),
    ],
)
def test_an_answer_is_judged(answer: Answer, words: str) -> None:
    """A 500 is a breach, and a 400 for what is an update; a 503 is none, if it says when to come again."""
    found = [*judgement.wrong_answer(GOOD, answer)]
    assert len(found) == bool(words)
    assert all(each.startswith(words) for each in found)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ({"event": "ENQUEUED", "level": "info"}, False),
        ({"event": "DEAD", "level": "error", "reason": "it cannot be decoded"}, False),
        ({"event": "HANDLER_FAILED", "level": "error", "exception": "Traceback"}, True),
        ({"event": "DEAD", "level": "error", "exception": "Traceback"}, True),
        ({"event": "LIBRARY", "level": "error"}, True),
        ({"event": "NOT_STORED", "level": "warning", "reason": "no commit in time"}, False),
        ({"event": "NOT_STORED", "level": "warning", "reason": "DataError"}, True),
    ],
)
def test_a_line_of_the_log_is_judged(line: dict[str, Any], wrong: bool) -> None:
    """A traceback is a breach, as is an error of the service's own; a dead update is the update's own fault."""
    assert bool([*judgement.wrong_lines([line], b"")]) == wrong


def test_what_is_printed_to_stderr_is_a_breach() -> None:
    """An instance logs; whatever else it says was not foreseen."""
    assert len([*judgement.wrong_lines([], b"Traceback")]) == 1


@pytest.mark.parametrize(
    ("accepted", "outcomes", "count"),
    [
        ({1, 2}, {1: "done", 2: "dead"}, 0),
        ({1, 2}, {1: "done"}, 1),
        ({1}, {1: "done", 2: "done"}, 1),
        ({1}, {2: "done"}, 2),
    ],
)
def test_every_update_has_an_end(accepted: set[int], outcomes: dict[int, str], count: int) -> None:
    """What was answered with 200 and is not known is lost, and nothing else is stored."""
    assert len([*judgement.wrong_endings(accepted, outcomes)]) == count


def test_who_means_it_is_answered_once() -> None:
    """Neither not at all nor twice."""
    assert [*judgement.wrong_good([1, 2, 3], Counter({1: 1, 3: 2}))] == [
        "person 2 got 0 answers to one good message",
        "person 3 got 2 answers to one good message",
    ]


def test_what_waits_for_ever_is_a_breach() -> None:
    """A row that no worker gets past stands in the inbox in the end."""
    assert [*judgement.wrong_rest([], 90.0)] == []
    assert [*judgement.wrong_rest(["a row"], 90.0)] == ["1 updates are in the inbox after 90 s, as a row"]


def tally_of(number: int) -> Iterator[Tally]:
    """A tally of so many answers, one of them wrong."""
    tally = Tally(good=3)
    for each in range(number):
        tally.answers["bytes", 400 if each else 500] += 1
        tally.died(f"it cannot be decoded: Expected `int` - at `$.message.{each}`", 1)
        tally.died(f"Refused: chat_id={each}", 1)
    tally.breach("bytes", judgement.wrong_answer(GOOD, Answer(500)))
    tally.breach("good messages", judgement.wrong_good([5], {}))
    yield tally


def test_a_tally_is_a_table_with_a_verdict() -> None:
    """The figures in rows, the breaches with the row that they are of; a run with one of them has failed."""
    (tally,) = tally_of(1000)
    rows = tally.rows()
    dead = Row("dead", {"it cannot be decoded": "1,000", "Refused: chat_id=N": "1,000"})
    assert dead in rows, "places and numbers make no reasons of their own"
    assert "bytes          sent" in table(rows)
    assert [each.partition(":")[0] for each in breaches(rows)] == ["bytes", "good messages"]
    assert verdict(rows) == "verdict: 2 breaches"
    assert breaches([Row("many", {}, ("x",) * 20)])[-1] == "many: and 10 more"

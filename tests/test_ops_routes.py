"""The ops page's JSON over a real socket and a real Postgres: what it tells, what it hides, and what its buttons do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from statemachine import EDGES
from svc.ops.database import CONNECTIONS, open_ops_database
from svc.ops.request_fields import MOST_IDS
from svc.ops.site import make_site
from svc.settings.environment import Settings
from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.database import Database, DatabaseUnavailable
from svc.storage.inbox import Dead, Done
from tests.operators import DEAD, an_inbox, attempt, received, settings_on
from tests.serving import HANGS
from tests.test_ops_access import served

SECRET = "xyzzy-plugh-secret"
ACT = "/ops/act"
JSON = {"content-type": "application/json"}


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's, with a secret that somebody has written to the bot."""
    return replace(settings_on(database_url), webhook_secret=SECRET)


@pytest.fixture
async def client(database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of this machine."""
    site = make_site(settings, database, bot=lambda: "@a_bot")
    async with served(site) as (_, client), trio.open_nursery() as nursery:
        nursery.start_soon(site.run)
        await trio.testing.wait_all_tasks_blocked()
        yield client
        nursery.cancel_scope.cancel(reason="the test is over")


async def told(client: httpx.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    return answer.json()


async def act(client: httpx.AsyncClient, status: int, **wanted: Any) -> dict[str, Any]:
    answer = await client.post(ACT, json=wanted)
    assert (wanted, answer.status_code) == (wanted, status), answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_the_page(client: httpx.AsyncClient) -> None:
    """The page and its files, the states with every edge, and nothing beside them."""
    assert (await client.get("/ops")).headers["content-type"] == "text/html; charset=utf-8"
    assert (await client.get("/ops/")).headers["location"] == "/ops"
    for name, kind in (("ops.js", "text/javascript"), ("ops.css", "text/css"), ("plots.css", "text/css")):
        assert (await client.get(f"/ops/page/{name}")).headers["content-type"].startswith(kind)
    states = await told(client, "/ops/states")
    assert {(each["source"], each["target"], each["trigger"]) for each in states["edges"]} == {
        (source.name, edge.target.name, edge.trigger) for edge in EDGES for source in edge.sources
    }
    for nowhere in (
        "/ops/page/__init__.py",
        "/ops/page/../routes.py",
        "/ops/updates/x",
        "/ops/updates/99",
        "/ops/jobs/9",
    ):
        assert (await client.get(nowhere)).status_code == 404


async def test_a_life_is_told(client: httpx.AsyncClient, database: Database, settings: Settings) -> None:
    """What it was and when, with what it waits for, and its payload less what nobody is to see."""
    payload = json.dumps({"message": {"text": f"call +49 151 23456789, {SECRET}", "contact": {"phone_number": "1"}}})
    async with an_inbox(database, settings) as (inbox, term):
        for number in (1, 2):
            await inbox.store(replace(received(number), chat_id=7, payload=payload.encode()))
        life = await told(client, "/ops/updates/2")
        assert life["blocked_by"] == {"why": "update 1 of its chat comes first", "update_id": 1, "until": None}
        assert [span["kind"] for span in life["spans"]] == ["received", "waiting"]
        assert json.loads(life["payload"])["message"] == {"text": "call ***, ***", "contact": {"phone_number": "***"}}
        await attempt(inbox, term, 1, Dead(f"ValueError: {SECRET}, +49 151 23456789"))
        await attempt(inbox, term, 2, Done())
    life = await told(client, "/ops/updates/2")
    assert (life["state"], life["blocked_by"], life["payload"]) == ("done", None, None)
    (dead,) = (await told(client, "/ops/dead"))["rows"]
    assert (dead["reason"], "***" in dead["payload"], "+49" in dead["payload"]) == ("ValueError: ***, ***", True, False)
    assert (await told(client, "/ops/search?q=chat%207"))["updates"][1]["note"] == "ValueError: ***, ***"
    assert "+49" not in str(await told(client, "/ops/updates/1"))


async def test_a_jobs_life_is_told(client: httpx.AsyncClient, database: Database, settings: Settings) -> None:
    """Its update names it; what it was asked for is told, and what the bot has noted for itself is not."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(1))
        await attempt(inbox, term, 1, Done())
    await database.fetch(
        "INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, context, secret, deadline_at) "
        "VALUES ($1, 1, 1, 1, 'kie', 'm', '{\"prompt\": \"a cat\"}', '{\"its\": \"own\"}', 'hush', now())",
        settings.bot_id,
    )
    job = await told(client, "/ops/jobs/1")
    assert (job["job"]["state"], json.loads(job["input"])) == ("wanted", {"prompt": "a cat"})
    assert "hush" not in str(job)
    assert "own" not in str(job)
    assert (await told(client, "/ops/updates/1"))["job_id"] == 1
    assert [row["job_id"] for row in await told(client, "/ops/jobs?state=wanted")] == [1]
    assert await told(client, "/ops/jobs?state=running") == []
    assert "state" in (await told(client, "/ops/jobs?state=stuck", 400))["error"]
    assert await told(client, "/ops/makers") == [{"provider": "kie", "model": "m", "jobs": 1}]
    assert "will be told" in (await act(client, 200, action="cancel_job", job_id=1))["done"]
    assert "over" in (await act(client, 409, action="cancel_job", job_id=1))["error"]


async def test_dead_ones_are_replayed_and_discarded(
    client: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    """By their numbers, or all that fit if they are as many as was told; who did it is recorded."""
    await database.fetch(DEAD, settings.bot_id, 20)  # every fifth without luck, each an hour older than the one before
    fitting = await told(client, "/ops/dead?reason=no%20luck&older_than=12")
    assert (sorted(row["update_id"] for row in fitting["rows"]), fitting["fitting"], fitting["looked_at"]) == (
        [15, 20],
        2,
        20,
    )
    assert (await act(client, 200, action="replay", ids=[1, 2, 99]))["done"].startswith("2 updates replayed. The other")
    which = {"reason": "no luck", "older_than": 12, "younger_than": None}
    changed = await act(client, 409, action="replay", expected=3, **which)
    assert changed["fitting"] == 2
    assert (await act(client, 200, action="replay", expected=2, **which))["done"] == "2 updates replayed."
    assert (await act(client, 200, action="discard", ids=[3]))["done"] == "1 update discarded."
    assert (await act(client, 200, action="discard", reason="401", expected=13))["done"] == "13 updates discarded."
    assert (await told(client, "/ops/dead"))["looked_at"] == 2
    actions = await told(client, "/ops/actions")
    assert [row["action"] for row in actions] == ["discard", "discard", "replay", "replay"]
    assert {(row["operator"], row["via"]) for row in actions} == {("local (127.0.0.1)", "page")}


async def test_a_replay_goes_on_without_its_browser(
    client: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    """Whoever hangs up in the middle finds it done, with its outcome, among what operators did."""
    await database.fetch(DEAD, settings.bot_id, 30_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(act, client, 200, action="replay", reason="401", expected=24_000))
        with trio.fail_after(HANGS):
            while not await told(client, "/ops/actions"):
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel(reason="the browser goes away")
    with trio.fail_after(HANGS):
        while (row := (await told(client, "/ops/actions"))[0])["outcome"] is None:
            await trio.sleep(0.1)
    assert (row["outcome"], row["detail"]["replayed"]) == ("replayed 24000 updates", 24_000)


async def test_pausing(client: httpx.AsyncClient) -> None:
    """Each button answers a sentence, also where nobody is ACTIVE to obey; what makes no sense is said."""
    said = await act(client, 200, action="pause", scope="model", name="m", reason="too dear")
    assert said["done"].startswith(
        "The model m is paused: nothing new is created there. But none of the latest jobs is"
    )
    assert (await act(client, 200, action="resume", scope="model", name="m"))["done"] == "The model m goes on."
    assert (await act(client, 409, action="resume", scope="model", name="m"))["error"] == "The model m is not paused"
    assert "ACTIVE" in (await act(client, 409, action="step_down"))["error"]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"action": 5},
        {"action": "drop"},
        {"action": "pause", "scope": "sending"},
        {"action": "pause", "scope": "sending", "reason": " "},
        {"action": "pause", "scope": "sending", "reason": "x" * 501},
        {"action": "pause", "scope": "sending", "reason": "\0"},
        {"action": "pause", "scope": "model", "reason": "x"},
        {"action": "pause", "scope": "world", "name": "x", "reason": "x"},
        {"action": "replay"},
        {"action": "replay", "ids": []},
        {"action": "replay", "ids": ["1"]},
        {"action": "replay", "ids": [True]},
        {"action": "replay", "ids": [2**63]},
        {"action": "replay", "ids": list(range(MOST_IDS + 1))},
        {"action": "discard", "reason": "x"},
        {"action": "discard", "expected": "2"},
        {"action": "discard", "expected": 1, "older_than": "soon"},
        {"action": "discard", "expected": 1, "older_than": -1},
        {"action": "discard", "expected": 1, "older_than": True},
        {"action": "discard", "expected": 1, "reason": 5},
        {"action": "cancel_job", "job_id": 1.5},
    ],
    ids=str,
)
async def test_what_cannot_be_understood(client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    """It is said in one line, and nothing is done."""
    said = await act(client, 400, **wanted)
    assert said["error"]
    assert "\n" not in said["error"]


async def test_bodies(client: httpx.AsyncClient) -> None:
    """Only a JSON object, of a bounded size, from the page itself."""
    for body, kind, status in [
        (b"{}", "text/plain", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b" " * 70_000, "application/json", 413),
    ]:
        answer = await client.post(ACT, content=body, headers={"content-type": kind})
        assert (body[:9], answer.status_code) == (body[:9], status)
        assert answer.json()["error"]
    evil = await client.post(ACT, json={"action": "step_down"}, headers={"origin": "http://evil.example"})
    assert evil.status_code == 403
    assert (await client.get(ACT)).status_code == 404


async def test_what_is_searched_for_must_be_a_number(client: httpx.AsyncClient) -> None:
    """Else it is said what a search looks like."""
    assert "42" in (await told(client, "/ops/search?q=anna", 400))["error"]
    assert "42" in (await told(client, "/ops/search", 400))["error"]
    assert "hours" in (await told(client, "/ops/stream?hours=2", 400))["error"]


async def test_texts_that_cannot_be_stored(client: httpx.AsyncClient) -> None:
    """What Postgres takes in no text, a NUL or half a character, is left out: it is in nobody's reason either."""
    assert (await told(client, "/ops/dead?reason=%00x"))["fitting"] == 0
    answer = await client.post(
        ACT, content=b'{"action": "replay", "reason": "\\ud800 \\u0000", "expected": 0}', headers=JSON
    )
    assert (answer.status_code, answer.json()) == (200, {"done": "0 updates replayed."})


async def test_its_connections_are_its_own(database_url: str) -> None:
    """It takes two at most, however many ask: the others wait, and hear so if it takes too long."""
    async with asyncio_loop(), open_ops_database(database_url) as database:
        results: list[str] = []

        async def ask(sql: str) -> None:
            try:
                await database.fetch(sql)
                results.append("answered")
            except DatabaseUnavailable as error:
                results.append(str(error))

        async with trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS + 1):
                nursery.start_soon(ask, "SELECT pg_sleep(2.5)")  # longer than the engine's statements may take
        assert sorted(results) == ["all connections are in use", "answered", "answered"]
        ((open_now,),) = await database.fetch(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'client%'"
        )
        assert open_now <= CONNECTIONS

"""kie's callbacks: their signature, what is read of them, and how the stand-in sends them, with every misfortune."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from providers.kie.callback import task_id_of
from providers.kie.client import Kie
from providers.kie.signature import sign, verify
from sandbox.clock import TrioWallClock
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.webhooks import PostResult

CALLBACK = "http://bot.example/callback/kie/7.secret"
START = 1_700_000_000.0
KEY = "webhook-key"


class Receiver:
    """What is posted to, and what it answers with: each of `statuses` in turn, then 200; 0 is no answer."""

    def __init__(self, *statuses: int) -> None:
        self.received: list[tuple[float, str, dict[str, str], bytes]] = []
        self._statuses = list(statuses)

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        await trio.lowlevel.checkpoint()
        self.received.append((trio.current_time(), url, dict(headers), body))
        status = self._statuses.pop(0) if self._statuses else 200
        if status < 0:
            raise OSError("nobody is there")
        if not status:
            await trio.sleep_forever()
        return PostResult(status)

    def ids(self) -> list[str | None]:
        return [task_id_of(body) for _, _, _, body in self.received]

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, _, body in self.received]


@pytest.fixture
async def sandbox(autojump_clock: MockClock) -> KieSandbox:
    return KieSandbox(now=TrioWallClock(START), webhook_key=KEY)


@pytest.fixture
async def kie(sandbox: KieSandbox) -> AsyncIterator[Kie]:
    async with Kie(DEMO_KEY, open_transport=sandbox.transport) as kie:
        yield kie


async def created(kie: Kie) -> str:
    return await kie.create("z-image", {"prompt": "a fox"}, CALLBACK)


def test_the_signature_is_the_documented_one() -> None:
    """Computed with `printf task.1700000000 | openssl dgst -sha256 -hmac webhook-key -binary | base64`."""
    assert sign("task", "1700000000", KEY) == "dY5+aASrLsjISQHjZ5nDzBEha0tW2A7/JNOpVihkYMM="


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"now": START + 600}, True),
        ({"now": START - 600}, True),
        ({"now": START + 601}, False),
        ({"now": START - 601}, False),
        ({"key": "another"}, False),
        ({"task_id": "other"}, False),
        ({"timestamp": "1700000001"}, False),
        ({"signature": ""}, False),
        ({"signature": "ключ\ud800"}, False),
    ],
)
def test_a_signature_is_checked(change: dict[str, Any], accepted: bool) -> None:
    """Of this task, at this time, with this key, and not long ago."""
    given: dict[str, Any] = {"task_id": "task", "timestamp": "1700000000", "key": KEY, "now": START}
    given["signature"] = sign("task", "1700000000", KEY)
    assert verify(**(given | change)) is accepted


@pytest.mark.parametrize("timestamp", ["", "x", "1e9", "-1", "٣", "1" * 5_000, "1700000000.0", " 1700000000"])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    """Though it is signed."""
    assert not verify("task", timestamp, sign("task", timestamp, KEY), KEY, now=START)


@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        (b'{"code": 200, "data": {"taskId": "abc"}}', "abc"),
        (b'{"code": 501, "data": {"task_id": "abc"}}', "abc"),
        (b'{"taskId": "abc"}', "abc"),
        (b'{"data": {"taskId": 5}, "task_id": "abc"}', "abc"),
        (b'{"data": null}', None),
        (b'{"data": {"taskId": "a b"}}', None),
        (b'{"data": {"taskId": "\\u0000"}}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_task_of_a_callback(body: bytes, task_id: str | None) -> None:
    """In both spellings, wherever clients have met it."""
    assert task_id_of(body) == task_id


async def test_the_end_of_a_task_is_told_once(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """With its record, the request that it repeats, and a signature that is right; ids in both spellings."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    began = trio.current_time()
    tasks = [await created(kie) for _ in range(16)]
    await trio.sleep(3600)
    assert sorted(task for task in receiver.ids() if task) == sorted(tasks)
    assert {"taskId", "task_id"} == {
        key for body in receiver.bodies() for key in body["data"] if "ask" in key and "d" in key
    }
    for (at, url, headers, body), said in zip(receiver.received, receiver.bodies(), strict=True):
        assert (url, said["code"], said["data"]["state"]) == (CALLBACK, 200, "success")
        assert at - began == pytest.approx(2.0)
        assert json.loads(said["data"]["param"])["callBackUrl"] == CALLBACK
        assert said["data"]["costTime"] == 2
        task_id = task_id_of(body)
        assert task_id is not None
        timestamp, signature = headers["X-Webhook-Timestamp"], headers["X-Webhook-Signature"]
        assert verify(task_id, timestamp, signature, KEY, now=START + 2)
    assert all(task.callbacks == [200] for task in sandbox.tasks.all())


async def test_without_a_key_nothing_is_signed(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """As in an account where none is set."""
    sandbox, receiver = KieSandbox(), Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    async with Kie(DEMO_KEY, open_transport=sandbox.transport) as kie:
        await created(kie)
    await trio.sleep(10)
    ((_, _, headers, _),) = receiver.received
    assert not any(name.startswith("X-Webhook") for name in headers)


async def test_a_failure_is_told_with_501(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """And without a result."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    sandbox.faults.order("fails", code=500, message="no")
    await created(kie)
    await trio.sleep(10)
    (body,) = receiver.bodies()
    assert (body["code"], body["data"]["state"], body["data"]["failMsg"]) == (501, "fail", "no")
    assert body["data"]["resultJson"] is None


async def test_a_callback_is_tried_a_few_times(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """Without an answer in 15 s, with another than 2xx, and where nobody is; then it is silent."""
    receiver = Receiver(0, 503, -1, 404, 200)
    await nursery.start(sandbox.run_callbacks, receiver.post)
    await created(kie)
    await trio.sleep(3600)
    at = [time for time, *_ in receiver.received]
    assert [round(later - earlier) for earlier, later in pairwise(at)] == [18, 10, 30]
    assert sandbox.tasks.all()[0].callbacks == [0, 503, 0, 404]


async def test_a_callback_before_the_answer_of_the_create(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """It is made by then, and told of once."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    sandbox.faults.order("callback_early")
    task_id = await created(kie)
    assert receiver.ids() == [task_id]
    await trio.sleep(3600)
    assert receiver.ids() == [task_id]


async def test_a_callback_twice_and_never(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """Polling is the backstop of the one, and nothing may come of the other."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    sandbox.faults.order("callback_twice")
    twice = await created(kie)
    sandbox.faults.order("callback_never")
    never = await created(kie)
    await trio.sleep(3600)
    assert receiver.ids() == [twice, twice]
    task = sandbox.tasks.get(never)
    assert task is not None
    assert task.callbacks == []


async def test_a_forged_callback_comes_first(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """It names a task that is none, and is not signed with the key."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    sandbox.faults.order("callback_forged")
    task_id = await created(kie)
    await trio.sleep(3600)
    forged, genuine = receiver.ids()
    assert genuine == task_id
    assert forged is not None
    assert await kie.task(forged) is None
    headers = receiver.received[0][2]
    signature = headers["X-Webhook-Signature"]
    assert not verify(forged, headers["X-Webhook-Timestamp"], signature, KEY, now=START + 1)


async def test_an_own_id_in_the_address_recognises_a_lost_create(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, nursery: trio.Nursery
) -> None:
    """The answer of the create was cut, and the callback names the task whose record names the address."""
    receiver = Receiver()
    await nursery.start(sandbox.run_callbacks, receiver.post)
    sandbox.faults.order("cut_after")
    with pytest.raises(Exception, match="RemoteProtocolError"):
        await created(kie)
    await trio.sleep(3)
    (task_id,) = receiver.ids()
    assert task_id is not None
    task = await kie.task(task_id)
    assert task is not None
    assert task.callback_url == CALLBACK


async def test_a_share_of_tasks_is_met(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """One rule for ever, for some of the tasks, the same ones for the same seed."""
    sandbox.faults.order("callback_never", count=None, share=0.3)
    for _ in range(60):
        await created(kie)
        await trio.sleep(1)
    met = [bool(task.faults) for task in sandbox.tasks.all()]
    assert 8 <= sum(met) <= 28
    assert len(sandbox.faults.rules) == 1

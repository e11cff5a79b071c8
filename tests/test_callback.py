"""POST /callback/{provider}/{job}.{secret}: who may say that a job is over, and that it is noted and no more."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
import trio
import trio.testing

from providers.kie.signature import sign
from statemachine import Lifecycle
from svc.callback_url import CallbackPath, callback_url, names_job, read_path
from svc.intake.accept import Intake
from svc.intake.callback import AT_ONCE, Callbacks
from svc.intake.http_app import make_app
from svc.observability.metrics import Metrics
from svc.operations.providers import kie_reader
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Received
from tests.harness import SECRET, captured_logs
from tests.intake import NO_BODY, AsgiRequest, Store

PATH = "/callback/kie/77.the-jobs-own_secret"
KEY = "webhook-key"
NOW = 1_790_000_000.0
BODY = json.dumps({"code": 200, "data": {"taskId": "task-1", "state": "success"}}).encode()


class Noted:
    """`Jobs.note_callback` of one job in memory; `fault` is raised, `hangs` waits for ever."""

    def __init__(self) -> None:
        self.noted: list[str | None] = []
        self.fault: Exception | None = None
        self.hangs = False

    async def __call__(self, job_id: int, secret: str, task_id: str | None) -> bool:
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            raise self.fault
        if self.hangs:
            await trio.sleep_forever()
        if (job_id, secret) != (77, "the-jobs-own_secret"):
            return False
        self.noted.append(task_id)
        return True


class Service:
    """The application of an instance that has just begun (BOOT), which `key` signs its callbacks for, if any."""

    def __init__(self, key: str = "") -> None:
        self.note = Noted()
        hints, _ = trio.open_memory_channel[Received](1)
        self.app = make_app(
            Intake(Store(), hints),
            Lifecycle[str](lambda _: None),
            Metrics(),
            secret=SECRET,
            instance="one",
            database_answers=trio.sleep_forever,
            callbacks=Callbacks(self.note, {"kie": kie_reader(key, lambda: NOW)}),
        )

    async def post(
        self,
        path: str = PATH,
        body: bytes = BODY,
        *,
        method: str = "POST",
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        event = {"type": "http.request", "body": body, "more_body": False} if body else NO_BODY
        length = (b"content-length", str(len(body)).encode())
        asked = AsgiRequest(path, method, headers=[(b"host", b"x"), length, *headers], events=[event])
        with captured_logs() as self.logs:
            status = await asked.put_to(self.app)
        assert status is not None
        return status, asked.body


async def test_a_callback_is_noted_in_every_state() -> None:
    """Also by an instance that is not ACTIVE: the task it names goes along as a hint, and nothing else of it."""
    service = Service()
    assert await service.post() == (200, b'{"noted": true}')
    assert service.note.noted == ["task-1"]
    assert service.logs.of("JOB_CALLBACK")[0]["job_id"] == 77


@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        (json.dumps({"data": {"task_id": "task-2"}}).encode(), "task-2"),
        (b"", None),
        (b"\xff not JSON", None),
        (b"[1]", None),
        (json.dumps({"data": {"taskId": "x" * 5000}}).encode(), None),
        (json.dumps({"data": {"taskId": "nul \u0000"}}).encode(), None),
    ],
    ids=["the other spelling", "empty", "bytes", "no object", "too long", "NUL"],
)
async def test_whatever_the_body_is_the_job_is_looked_at(body: bytes, task_id: str | None) -> None:
    """Who knows the job's secret is the provider; the body is only a hint, if it can be one."""
    service = Service()
    assert (await service.post(body=body))[0] == 200
    assert service.note.noted == [task_id]


@pytest.mark.parametrize(
    "path",
    [
        "/callback/kie/77.another-secret",
        "/callback/kie/78.the-jobs-own_secret",
        "/callback/other/77.the-jobs-own_secret",
        "/callback/kie/77",
        "/callback/kie/0.the-jobs-own_secret",
        "/callback/kie/-77.the-jobs-own_secret",
        "/callback/kie/99999999999999999999.the-jobs-own_secret",
        "/callback/kie/77.the-jobs-own_secret/",
        "/callback/kie/٧٧.the-jobs-own_secret",
        "/callback/",
    ],
)
async def test_nobody_learns_which_jobs_there_are(path: str) -> None:
    """A job that is not there and a wrong secret are answered the same way."""
    service = Service()
    assert await service.post(path) == (404, b'{"error": "no such job"}')
    assert not service.note.noted


async def test_a_signature_is_checked_where_there_is_a_key() -> None:
    """Missing, wrong, of another task, or old: 401, and nothing is noted."""
    service = Service(KEY)

    async def post(timestamp: float, task_id: str = "task-1", key: str = KEY) -> int:
        written = f"{timestamp:.0f}"
        headers = [
            (b"X-Webhook-Timestamp", written.encode()),
            (b"X-Webhook-Signature", sign(task_id, written, key).encode()),
        ]
        return (await service.post(headers=headers))[0]

    assert (await service.post())[0] == 401
    assert await post(NOW, key="another") == 401
    assert await post(NOW, task_id="task-2") == 401
    assert await post(NOW - 601) == 401
    assert not service.note.noted
    assert await post(NOW - 599) == 200
    assert service.note.noted == ["task-1"]


async def test_other_methods_and_large_bodies_are_refused() -> None:
    """405 with what is allowed, 413 before anything is read."""
    service = Service()
    assert (await service.post(method="GET", body=b""))[0] == 405
    assert (await service.post(body=b"x" * (2**20 + 1)))[0] == 413
    assert not service.note.noted


async def test_it_is_told_to_come_again_while_the_database_is_away(autojump_clock: trio.testing.MockClock) -> None:
    """503 at once where the database is known to be away, and in time where it hangs."""
    service = Service()
    service.note.fault = DatabaseUnavailable("away")
    assert (await service.post())[0] == 503
    service.note.fault, service.note.hangs = None, True
    began = trio.current_time()
    assert (await service.post())[0] == 503
    assert trio.current_time() - began <= 2.0


async def test_a_flood_of_callbacks_is_not_passed_on(autojump_clock: trio.testing.MockClock) -> None:
    """Anybody can ask here: so many at once ask the database, and the rest is sent away."""
    service = Service()
    service.note.hangs = True
    statuses: list[int] = []

    async def post() -> None:
        request = AsgiRequest(PATH, "POST", events=[NO_BODY])
        statuses.append(await request.put_to(service.app) or 0)

    with captured_logs() as logs:
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE + 5):
                nursery.start_soon(post)
    assert statuses == [503] * (AT_ONCE + 5)
    assert [line["reason"] for line in logs.of("REJECTED")].count("too many callbacks at once") == 5


def test_a_job_is_known_by_the_address_that_its_create_has_named() -> None:
    """Whole, and of this job; where the service is reached may have changed since."""
    url = callback_url("https://bot.example/prefix", "kie", 77, "secret")
    assert read_path(url.removeprefix("https://bot.example/prefix")) == CallbackPath("kie", 77, "secret")
    assert names_job(url, "kie", 77, "secret")
    assert names_job("http://old.example/callback/kie/77.secret", "kie", 77, "secret")
    for other in (
        callback_url("https://bot.example", "kie", 177, "secret"),
        callback_url("https://bot.example", "kie", 77, "secret2"),
        "https://bot.example/?/callback/kie/77.secret",
        "https://[bot/callback/kie/77.secret",
        "",
    ):
        assert not names_job(other, "kie", 77, "secret")

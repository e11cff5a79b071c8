"""Files among a job's inputs: from Telegram to the provider, before anything is created, as often as it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from providers.provider import NotSent, Refused
from svc.handler.known import Known
from svc.handler.reply import Reply
from svc.jobs.inputs import has_files, with_addresses
from telegram_client import errors as telegram_errors
from telegram_client.files import BotFiles, Download
from telegram_client.updates import Update
from tests.fake_provider import FakeProvider, Script
from tests.jobs_world import JobBot, JobsWorld

GIVEN: dict[str, Any] = {"image": {"file_id": "photo-1"}, "images": [{"file_id": "photo-1"}, {"file_id": "photo-2"}]}


class PeoplesFiles:
    """Stands for BotFiles: what people have sent, by file id; `faults` are raised first, in turn."""

    def __init__(self) -> None:
        self.files = {"photo-1": b"one" * 100, "photo-2": b"two"}
        self.faults: list[telegram_errors.TelegramError] = []
        self.opened: list[str] = []

    @asynccontextmanager
    async def open_download(self, file_id: str) -> AsyncIterator[Download]:
        await trio.lowlevel.checkpoint()
        self.opened.append(file_id)
        if self.faults:
            raise self.faults.pop(0)
        if file_id not in self.files:
            raise telegram_errors.Refused("getFile", "wrong file_id")
        yield Download(f"{file_id}.jpg", len(self.files[file_id]), self._content(file_id))

    async def _content(self, file_id: str) -> AsyncIterator[bytes]:
        for byte in self.files[file_id]:
            yield bytes([byte])


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> PeoplesFiles:
    """What the bot's people have sent, in place of what the Bot API would give out."""
    files = PeoplesFiles()
    monkeypatch.setattr(BotFiles, "open_download", files.open_download)
    return files


def world_with_files() -> JobsWorld:
    world = JobsWorld()
    world.bot = JobBot(seconds=300.0, given=GIVEN)
    return world


async def test_files_are_replaced_by_addresses(autojump_clock: trio.testing.MockClock, files: PeoplesFiles) -> None:
    """Alone and in lists, whole; what was asked for stays as it was."""
    world = world_with_files()
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert world.job.job.input == {"prompt": "a cat", **GIVEN}
    (task,) = world.provider.tasks.values()
    uploads = world.provider.uploads
    assert uploads[task.given["image"]] == files.files["photo-1"]
    assert [uploads[url] for url in task.given["images"]] == list(files.files.values())
    assert task.given["prompt"] == "a cat"


async def test_a_file_that_is_gone_ends_the_job(autojump_clock: trio.testing.MockClock, files: PeoplesFiles) -> None:
    """Before anything is created: the person has to send another."""
    del files.files["photo-2"]
    world = world_with_files()
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        job = world.job.job
        assert (job.state, job.error, job.error_text) == ("failed", "input", "wrong file_id")
        assert not world.provider.creates


async def test_what_fails_for_now_is_tried_again(autojump_clock: trio.testing.MockClock, files: PeoplesFiles) -> None:
    """A download that breaks off, a provider that is away: nothing is created yet, so all of it is done again."""
    files.faults = [telegram_errors.NotSent("download", "cut"), telegram_errors.InDoubt("getFile", "502")]
    world = world_with_files()
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(world.provider.creates) == 1
        assert len(bot.logs.of("JOB_PUT_OFF")) == 2


async def test_files_are_handed_over_once_however_often_the_create_is_put_off(
    autojump_clock: trio.testing.MockClock, files: PeoplesFiles
) -> None:
    """The addresses are kept until the job is created."""
    world = world_with_files()
    world.provider.scripts.extend([Script(refused=Refused("busy", "full"))] * 4)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"
        assert len(files.opened) == 3


@pytest.mark.parametrize(
    ("refused", "error"),
    [(Refused("input", "not a picture"), "input"), (Refused("credits", "empty"), "credits"), (NotSent("gone"), None)],
)
async def test_an_upload_that_is_refused(
    autojump_clock: trio.testing.MockClock,
    files: PeoplesFiles,
    monkeypatch: pytest.MonkeyPatch,
    refused: Refused | NotSent,
    error: str | None,
) -> None:
    """For good: the job's end, in the provider's words. For now: until the deadline."""
    world = world_with_files()

    async def upload(*_: Any) -> str:
        await trio.lowlevel.checkpoint()
        raise refused

    monkeypatch.setattr("tests.fake_provider.FakeClient.upload", upload)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        began = trio.current_time()
        await world.ended()
        took = trio.current_time() - began
        assert world.job.job.state == "failed"
        if error is not None:
            assert (world.job.job.error, took < 5) == (error, True)
        else:
            assert 290 < took < 310
        assert not world.provider.creates


async def test_files_that_take_long_hold_up_no_other_job(
    autojump_clock: trio.testing.MockClock, files: PeoplesFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider takes no uploads for now: what needs none is created all the same."""

    class Both(JobBot):
        def decide(self, update: Update, known: Known) -> Reply:
            self._given = GIVEN if update.message is not None and update.message.text == "a film" else {}
            return super().decide(update, known)

    async def upload(*_: Any) -> str:
        await trio.sleep(120)
        raise NotSent("no answer in time")

    monkeypatch.setattr("tests.fake_provider.FakeClient.upload", upload)
    world = JobsWorld()
    world.bot = Both()
    async with world.running() as bot:
        for person in range(1, 31):
            await bot.send(person, "a film")
        await trio.sleep(10)
        asked = trio.current_time()
        await bot.send(99, "a cat")
        while not world.results():
            await trio.sleep(0.1)
        assert trio.current_time() - asked < 15


async def test_the_bots_own_trouble_is_no_fault_of_the_input(
    autojump_clock: trio.testing.MockClock, files: PeoplesFiles
) -> None:
    """Telegram does not know the bot's token for a moment: the person's file is asked for again."""
    files.faults = [telegram_errors.Refused("getFile", "Unauthorized", status=401)]
    world = world_with_files()
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await world.ended()
        assert world.job.job.state == "delivered"


async def test_inputs_without_files_are_passed_on_as_they_are() -> None:
    """Whatever else looks a little like a file."""
    given = {"a": 1, "b": {"file_id": 5}, "c": {"file_id": "x", "more": 1}, "d": [], "e": None, "f": "file_id"}
    assert not has_files(given)
    files: Any = None
    assert await with_addresses(given, files, FakeProvider().client()) == given

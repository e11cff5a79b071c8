"""`svc replay`: what other code would answer to what was kept. The new code is a copy of this, with faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from svc.handler.known import Creating
from svc.operations.printing.long_work import telling
from svc.rehearsal.compare import rehearse
from svc.rehearsal.differences import MOST_GROUPS, OTHER, Findings
from svc.rehearsal.processes import MOST_ENDED, Answer
from svc.rehearsal.texts import as_text, nothing_kept
from svc.settings.environment import Settings
from svc.storage.database import Database
from tests.harness import settings_for_tests

ROOT = Path(__file__).parent.parent
HOUR = 3600.0
BOT = "svc.bot.menu_bot:bot"
NOTHING_CREATED = Creating()
KEEP = """
INSERT INTO kept_payloads (bot_id, update_id, chat_id, payload, state, received_at, decided_at)
VALUES ($1, $2, 7, $3, $4, now() - $5 * interval '1 hour', now() - $5 * interval '1 hour')
"""
# What the copies do before they decide as this code does.
SAYS_MORE = """
        from dataclasses import replace
        from svc.handler.reply import Call
        reply = self.answer(update, known)
        calls = [Call(c.method, {**c.params, "text": f"NEW {c.params['text']}"} if "text" in c.params else c.params)
                 for c in reply.calls]
        return replace(reply, calls=tuple(calls))
"""
RAISES = """
        if update.callback_query is not None:
            raise KeyError("no such button +49 170 1234567")
        return self.answer(update, known)
"""
HANGS = """
        while update.callback_query is not None:
            pass
        return self.answer(update, known)
"""
EXITS = """
        import os
        if update.callback_query is not None:
            os._exit(3)
        return self.answer(update, known)
"""
REACHES_OUT = """
        import socket
        print("here I am")
        socket.create_connection(("127.0.0.1", 9))
"""
ROLLS_DICE = """
        import random
        from svc.handler.reply import Call, Reply
        return Reply((Call("sendMessage", {"chat_id": 7, "text": str(random.random())}),))
"""


def settings_of(url: str, **changes: Any) -> Settings:
    """With a Telegram that nobody reaches."""
    given = {"database_url": url, "telegram_api_root": "http://127.0.0.1:1", "keep_payloads": 24.0}
    return settings_for_tests(**given | changes)


def new_code(folder: Path, decide: str) -> Path:
    """A copy of what a bot is made of; the body of its bot's `decide` is this, and `answer` is what it did before."""
    for package in ("svc", "telegram_client"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "svc" / "bot" / "menu_bot.py"
    head = "    def decide(self, update: Update, known: Known) -> Reply:\n"
    text = module.read_text("utf-8")
    assert text.count(head) == 1
    module.write_text(text.replace(head, f"{head}{decide}\n{head.replace('decide', 'answer')}"), "utf-8")
    return folder


def started(update_id: int, text: str = "/start") -> dict[str, Any]:
    person = {"id": 7, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    chat = {"id": 7, "type": "private"}
    message = {"message_id": update_id, "date": 1, "chat": chat, "from": person, "text": text}
    return {"update_id": update_id, "message": message}


def pressed(update_id: int) -> dict[str, Any]:
    message = started(update_id)["message"]
    query = {"id": "1", "from": message["from"], "chat_instance": "1", "message": message, "data": "menu"}
    return {"update_id": update_id, "callback_query": query}


async def keep(database: Database, *updates: dict[str, Any], hours: float = 1.0, state: str | None = None) -> None:
    bot_id = settings_for_tests().bot_id
    for update in updates:
        await database.fetch(KEEP, bot_id, update["update_id"], json.dumps(update).encode(), state, hours)


async def rehearsed(database: Database, against: Path | str, **changes: Any) -> bool:
    settings = settings_of(database.url, **changes)
    return await rehearse(
        settings, since=24 * HOUR, against=str(against), as_json=True, creating=NOTHING_CREATED, telling=telling
    )


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


async def test_another_text(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would be said differently is counted by what differs, with examples of before and after."""
    await keep(database, *(started(number) for number in range(1, 131)), pressed(131))
    await keep(database, started(200), hours=30)
    assert await rehearsed(database, new_code(tmp_path, SAYS_MORE))
    told = found(capsys)
    assert (told["updates"], told["exceptions"], told["stopped"]) == (131, 0, None)
    group = next(each for each in told["differences"] if each["kind"] == "message")
    assert (group["difference"], group["updates"]) == ("sendMessage text", 130)
    assert [example["update_id"] for example in group["examples"]] == [1, 2, 3]
    (before,), (after,) = group["examples"][0]["before"], group["examples"][0]["after"]
    assert after.startswith("sendMessage text: ")
    assert "NEW " in after
    assert "NEW " not in before


async def test_the_same_code(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing differs from itself; another bot of this environment is named as in BOT."""
    odd = {"update_id": 3, "message": {**started(3)["message"], "text": "a\ud83d"}}
    await keep(database, started(1), pressed(2), odd, {"update_id": 4, "brand_new": {}}, state='{"v": 1}')
    assert await rehearsed(database, BOT)
    told = found(capsys)
    assert (told["updates"], told["same"]) == (4, 4)


async def test_the_state_of_then(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are given the stored state, the time, and the age."""
    shows = """
        from svc.handler.reply import Call, Reply
        text = f"{dict(known.state)} {known.now > 1e9} {known.age} {known.me} {sorted(known.creating.providers)}"
        return Reply((Call("sendMessage", {"chat_id": 7, "text": text}),))
"""
    await keep(database, started(1), state='{"mine": 5}')
    assert await rehearsed(database, new_code(tmp_path, shows))
    (group,) = found(capsys)["differences"]
    assert "{'mine': 5} True 0.0 None []" in group["examples"][0]["after"][0]


async def test_an_exception(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception in the new code fails the rehearsal, which goes on to its end; a phone number is not shown."""
    await keep(database, started(1), pressed(2), pressed(3), started(4))
    assert not await rehearsed(database, new_code(tmp_path, RAISES))
    told = found(capsys)
    assert (told["updates"], told["same"], told["exceptions"], told["exceptions_before"]) == (4, 2, 2, 0)
    (group,) = told["errors"]
    assert (group["kind"], group["updates"]) == ("callback_query", 2)
    assert group["error"].startswith("KeyError: ")
    assert "1234567" not in json.dumps(told)


@pytest.mark.parametrize(
    ("decide", "error"), [(HANGS, "a handler did not return"), (EXITS, "a handler ended its process")]
)
async def test_a_handler_that_does_not_answer(
    database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    decide: str,
    error: str,
) -> None:
    """One over which the process hangs or ends is told, and the others are decided by a new process."""
    await keep(database, started(1), pressed(2), *(started(number) for number in range(3, 20)))
    assert not await rehearsed(database, new_code(tmp_path, decide))
    told = found(capsys)
    assert (told["updates"], told["same"]) == (19, 18)
    (group,) = told["errors"]
    assert error in group["error"]
    assert [example["update_id"] for example in group["examples"]] == [2]


async def test_it_gives_up(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the process ends again and again it is no use to go on: it is said how far it got."""
    await keep(database, *(pressed(number) for number in range(1, MOST_ENDED + 10)))
    assert not await rehearsed(database, new_code(tmp_path, EXITS))
    printed = capsys.readouterr()
    assert f"{MOST_ENDED} times" in printed.err
    assert f"{MOST_ENDED} times" in json.loads(printed.out)["stopped"]


async def test_nothing_is_sent(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A handler that opens a connection is refused it, and what it prints does no harm."""
    await keep(database, started(1))
    assert not await rehearsed(database, new_code(tmp_path, REACHES_OUT))
    (group,) = found(capsys)["errors"]
    assert group["error"].startswith("PermissionError: a handler must not reach out")


async def test_dice(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A handler that rolls dice is given the same ones each time, so that it differs from others only."""
    await keep(database, started(1), started(2))
    first = new_code(tmp_path / "first", ROLLS_DICE)
    assert await rehearsed(database, first)
    told = found(capsys)
    assert await rehearsed(database, first)
    assert found(capsys) == told
    texts = {example["after"][0] for each in told["differences"] for example in each["examples"]}
    assert len(texts) > 1


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: folder, "is neither a folder with svc/ in it nor"),
        (lambda folder: new_code(folder, "        this is no Python at all"), "cannot be used: "),
        (lambda _: "no.such.module:bot", "no.such.module cannot be imported"),
    ],
)
async def test_code_that_cannot_be_used(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, complaint: str
) -> None:
    """One line says what is wrong with it."""
    await keep(database, started(1))
    assert not await rehearsed(database, make(tmp_path))
    assert complaint in capsys.readouterr().err


async def test_nothing_is_kept(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said why: with KEEP_PAYLOADS at 0 that is a failure, since nothing could be looked at."""
    assert not await rehearsed(database, BOT, keep_payloads=0.0)
    assert "KEEP_PAYLOADS is 0" in capsys.readouterr().err
    assert await rehearsed(database, BOT)
    assert "no update was decided in the last 24 h" in capsys.readouterr().err
    assert nothing_kept(24.0, since=300.0) == "no update was decided in the last 5 min"


async def test_as_text(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people: the numbers first, then what differs, with the bot's secrets hidden."""
    token = settings_for_tests().bot_token
    leaks = f"""
        from svc.handler.reply import Call, Reply
        if update.message is not None:
            return Reply((Call("sendPhoto", {{"chat_id": 7, "photo": "{token}"}}),), state={{"a": 1}})
        raise ValueError("no")
"""
    await keep(database, started(1), pressed(2))
    settings = settings_of(database.url)
    code = str(new_code(tmp_path, leaks))
    assert not await rehearse(
        settings, since=HOUR * 24, against=code, as_json=False, creating=NOTHING_CREATED, telling=telling
    )
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0] == f"2 updates of the last 24 h, as this code and {code} would answer them:"
    assert lines[1] == "  0 the same, 1 different, 1 with an exception in the new code (0 of them in this one too)"
    assert any(line.startswith("  1 × message: sendMessage → sendPhoto") for line in lines)
    assert "      after   sendPhoto photo: ***" in lines
    assert "  1 × callback_query: ValueError: no" in lines
    assert token not in printed


def test_its_memory_is_bounded() -> None:
    """However many kinds of exceptions there are, so many are told apart, and all are counted."""
    findings = Findings()
    for number in range(10 * MOST_GROUPS):
        findings.note(number, "message", Answer({}), Answer(error=f"ValueError: {number}"))
    assert len(findings.raised) == MOST_GROUPS + 1
    assert findings.raised[OTHER, OTHER].updates == 9 * MOST_GROUPS
    assert "2000 with an exception" in as_text(findings, HOUR, "it")

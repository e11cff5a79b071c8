"""The log of an instance, as the demo takes it in: chunks of bytes that end anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.instances import instance_log
from demo.instances.instance_log import InstanceLog


def line(event: str, **fields: object) -> bytes:
    return json.dumps({"event": event, "level": "info", "timestamp": "2026-01-02T03:04:05Z", **fields}).encode() + b"\n"


def test_events_and_lines(tmp_path: Path) -> None:
    """Lines come whole whatever the chunks; a person reads them as on a terminal, a traceback too."""
    log = InstanceLog(tmp_path / "first.log", "first")
    written = line("STATE", to="PASSIVE", epoch=None) + b'Traceback: "\xff"\n' + line("DONE", update_id=7) + b"{"
    events = [event for byte in written for event in log.take(bytes([byte]))]
    assert [event["event"] for event in events] == ["STATE", "DONE"]
    assert events[0]["to"] == "PASSIVE"
    texts = [each.text.partition(" ")[2] for each in log.lines]
    assert texts == ["[STATE] 🔀 STATE to=PASSIVE", '"\ufffd"', "[WORKER] 🏁 DONE update_id=7"]
    assert [each.level for each in log.lines] == ["info", "error", "info"]
    assert {each.instance for each in log.lines} == {"first"}
    assert log.count == 3
    assert log.file.read_bytes() == written


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is begun, and the one before it is kept."""
    monkeypatch.setattr(instance_log, "MAX_FILE", 1_000)
    log = InstanceLog(tmp_path / "first.log", "first")
    for number in range(100):
        list(log.take(line("DONE", update_id=number)))
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(files) == ["first.log", "first.old.log"]
    assert all(len(text) < 1_200 for text in files.values())
    assert '"update_id": 99}' in files["first.log"]
    assert len(log.lines) == 100


@pytest.mark.parametrize(
    "printed",
    [
        {"event": "STATE", "to": "PASSIVE", "epoch": None, "timestamp": 1767323045.5},
        {"event": "STATE", "to": "PASSIVE", "epoch": None, "timestamp": "today"},
        {"event": "STATE", "timestamp": "2026-01-02T03:04:05Z"},
        {"event": ["STATE"], "timestamp": "2026-01-02T03:04:05Z"},
        {"event": "DONE", "timestamp": "2026-01-02T03:04:05Z"},
    ],
)
def test_what_a_bot_prints_is_no_event(tmp_path: Path, printed: dict[str, object]) -> None:
    """Bots log in JSON too, and with the same names: such a line is shown as it is."""
    log = InstanceLog(tmp_path / "first.log", "first")
    written = json.dumps(printed)
    assert list(log.take(written.encode() + b"\n")) == []
    assert [each.text for each in log.lines] == [written]


def test_a_line_without_an_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without an end takes no memory without an end."""
    monkeypatch.setattr(instance_log, "MAX_LINE", 10)
    log = InstanceLog(tmp_path / "first.log", "first")
    for _ in range(5):
        list(log.take(b"dots..."))
    assert [each.text for each in log.lines] == ["dots...dots..."] * 2


def test_a_full_disk(tmp_path: Path) -> None:
    """The demo goes on, with the log in memory, and says once what is wrong."""
    log = InstanceLog(tmp_path / "first.log", "first")
    log.file.symlink_to("/dev/full")
    events = [event["update_id"] for number in range(3) for event in log.take(line("DONE", update_id=number))]
    assert events == [0, 1, 2]
    assert [each.text for each in log.lines if each.level == "error"] == [
        "The log cannot be written to its file: No space left on device"
    ]

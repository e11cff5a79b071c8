"""Ports for processes that are about to be started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.ports import CANDIDATES, free_port


@pytest.mark.parametrize(
    ("ephemeral", "expected"),
    [
        ("32768\t60999\n", CANDIDATES),
        ("20000\t60999\n", range(CANDIDATES.start, 20_000)),
        ("1024\t65535\n", CANDIDATES),
        (None, CANDIDATES),
    ],
)
def test_a_port_is_below_those_of_outgoing_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ephemeral: str | None, expected: range
) -> None:
    """The kernel gives none of them to a connection, where its own range leaves any."""
    path = tmp_path / "ip_local_port_range"
    if ephemeral is not None:
        path.write_text(ephemeral)
    monkeypatch.setattr(ports, "_EPHEMERAL", path)
    assert {free_port() for _ in range(20)} <= set(expected)


def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that is listened on nor one that is only bound; and an error rather than a search without end."""
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind(("127.0.0.1", 0))
        first, second = (each.getsockname()[1] for each in (taken, free))
        free.close()
        monkeypatch.setattr(ports, "_candidates", lambda: (first, second))
        assert {free_port() for _ in range(10)} == {second}
        monkeypatch.setattr(ports, "_candidates", lambda: (first,))
        with pytest.raises(OSError, match="no free TCP port"):
            free_port()

"""The command line as an operator meets it: real processes, their exit codes and what they print."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOKEN = "123456:ABC-def_1234567890abcdefghij"
PASSWORD = "hunter2"


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m svc ...` in an empty folder, with these settings and no others."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    environment = {**kept, "PYTHONPATH": str(ROOT), "LOG_FORMAT": "console", "PYTHONIOENCODING": "utf-8", **settings}
    return subprocess.run(
        [sys.executable, "-m", "svc", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test lasts: bound, and not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def settings_for(port: int) -> dict[str, str]:
    return {
        "BOT_TOKEN": TOKEN,
        "WEBHOOK_SECRET": "hook-secret",
        "DATABASE_URL": f"postgresql://svc:{PASSWORD}@127.0.0.1:{port}/svc",
        "TELEGRAM_API_ROOT": f"http://127.0.0.1:{port}",
    }


def is_quiet(done: subprocess.CompletedProcess[str]) -> None:
    """No traceback and no secret on either stream."""
    for text in (done.stdout, done.stderr):
        assert "Traceback" not in text
        assert TOKEN not in text
        assert PASSWORD not in text


def test_without_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    """Exit 2, one line a fault on stderr, nothing else."""
    done = run(tmp_path, "run")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "DATABASE_URL is not set",
        "BOT_TOKEN is not set",
        "WEBHOOK_SECRET is not set",
    ]
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [(("migrate",), {"DATABASE_URL"}), (("status",), {"DATABASE_URL", "BOT_TOKEN"})],
)
def test_a_command_needs_its_own_settings_only(tmp_path: Path, arguments: tuple[str, ...], missing: set[str]) -> None:
    """Exit 2 names what this command needs."""
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert {line.split()[0] for line in done.stderr.splitlines()} == missing


def test_bad_settings_are_named_without_their_secrets(tmp_path: Path) -> None:
    """Exit 2; a token or an address that is wrong is not repeated, also not from a .env file."""
    (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}/x\nDATABASE_URL=mysql://svc:{PASSWORD}@db\nPORT=http\n")
    done = run(tmp_path, "run", WEBHOOK_SECRET="hook-secret")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["DATABASE_URL", "BOT_TOKEN", "PORT"]
    is_quiet(done)


def test_a_env_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    """Exit 2 and the file's name."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    done = run(tmp_path, "status")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [".env cannot be read: UnicodeDecodeError"]


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("run", "--nonsense"), ("migrate", "now")])
def test_bad_usage_is_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2 with the usage on stderr."""
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: svc")
    assert "Traceback" not in done.stderr


def test_help_lists_the_commands(tmp_path: Path) -> None:
    """`svc --help` names every command and needs no settings."""
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("demo", "run", "migrate", "check", "status"):
        assert f"    {command} " in done.stdout


@pytest.mark.parametrize("arguments", [("migrate", "--check"), ("migrate",), ("status",), ("status", "--json")])
def test_a_database_out_of_reach_is_one_line(tmp_path: Path, closed_port: int, arguments: tuple[str, ...]) -> None:
    """Exit 1, one line that says why."""
    done = run(tmp_path, *arguments, **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "ConnectionRefusedError" in line


def test_the_preflight_has_a_line_for_each_check(tmp_path: Path, closed_port: int) -> None:
    """`svc check` with nothing there: exit 1, every finding on a line of its own."""
    done = run(tmp_path, "check", **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    found = {line.split(":")[0] for line in lines}
    assert found >= {"FAIL  database", "FAIL  lock", "FAIL  token", "FAIL  webhook"}
    assert len(found) == len(lines)
    assert all(len(line) > len("FAIL  database: ") for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ("updates", "show", "99999999999999999999"), ("updates", "replay", "7", "-1"),
        ("updates", "list", "--limit", "100001"), ("transitions", "--limit", "0"),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_one_is_bad_usage(tmp_path: Path, closed_port: int, arguments: tuple[str, ...]) -> None:
    """Exit 2 before anything is asked."""
    done = run(tmp_path, *arguments, **settings_for(closed_port))
    assert done.returncode == 2
    is_quiet(done)


@pytest.mark.parametrize("rest", ["?connect_timeout=x", "?sslmode=perhaps", "?passfile=/nowhere&port=x"])
def test_an_address_that_the_driver_will_not_have_is_one_line(tmp_path: Path, closed_port: int, rest: str) -> None:
    """Exit 1, and what the address holds stays hidden."""
    settings = settings_for(closed_port)
    done = run(tmp_path, "status", **{**settings, "DATABASE_URL": settings["DATABASE_URL"] + rest})
    assert done.returncode == 1
    is_quiet(done)
    assert len((done.stdout + done.stderr).splitlines()) == 1


def test_a_parameter_that_postgres_does_not_know_is_one_line(tmp_path: Path, database_url: str) -> None:
    """Whatever the driver does not know either it hands on to the server."""
    glue = "&" if "?" in database_url else "?"
    done = run(tmp_path, "status", **{**settings_for(1), "DATABASE_URL": f"{database_url}{glue}foo=bar"})
    assert done.returncode == 1
    is_quiet(done)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "foo" in line


def test_ctrl_c_is_no_traceback(tmp_path: Path) -> None:
    """While a command waits for an answer that does not come: exit 130, as a shell expects."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        settings = {"BOT_TOKEN": TOKEN, "TELEGRAM_API_ROOT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        process = subprocess.Popen(
            [sys.executable, "-m", "svc", "webhook", "info"],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), **settings},
            stderr=subprocess.PIPE,
        )
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == b""


def test_a_port_in_use_is_named(tmp_path: Path, closed_port: int) -> None:
    """`svc run` where something else listens: exit 1, a line with the address, before the database is asked."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        (tmp_path / "hypercorn.toml").write_text('bind = ["127.0.0.1:1"]')
        done = run(tmp_path, "run", PORT=str(port), **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    assert f"127.0.0.1:{port}" in done.stdout
    assert "Address already in use" in done.stdout
    assert "FAILED" in done.stdout.splitlines()[-2]
    assert "EXIT code=1" in done.stdout.splitlines()[-1]


def test_a_broken_server_config_is_named(tmp_path: Path, closed_port: int) -> None:
    """`svc run` with a hypercorn.toml that cannot be read: exit 1 and its name."""
    (tmp_path / "hypercorn.toml").write_text("bind = [")
    done = run(tmp_path, "run", **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    assert "hypercorn.toml" in done.stdout

"""The command line as an operator meets it: real processes, their exit codes and what they print."""

from __future__ import annotations

import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from svc.observability import version
from svc.observability.version import installed_version
from tests.peers import Peer, refusing_port, silent_port
from tests.processes import DEADLINE, ROOT, environment_of_checkout, python, run, running

pytestmark = pytest.mark.processes

TOKEN = "123456:ABC-def_1234567890abcdefghij"
PASSWORD = "hunter2"


async def run_svc(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m svc ...` in an empty folder, with these settings and no others."""
    return await run(*python("-m", "svc", *arguments), env=environment_for(settings), folder=folder)


def environment_for(settings: dict[str, str]) -> dict[str, str]:
    """These settings, and logs for people."""
    return environment_of_checkout(**{"LOG_FORMAT": "console"} | settings)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test lasts."""
    with refusing_port() as port:
        yield port


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


async def test_without_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    """Exit 2, one line a fault on stderr, nothing else."""
    done = await run_svc(tmp_path, "run")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "BOT_TOKEN is not set",
        "DATABASE_URL is not set",
        "WEBHOOK_SECRET is not set",
    ]
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [(("migrate",), {"DATABASE_URL"}), (("status",), {"DATABASE_URL", "BOT_TOKEN"})],
)
async def test_a_command_needs_its_own_settings_only(
    tmp_path: Path, arguments: tuple[str, ...], missing: set[str]
) -> None:
    """Exit 2 names what this command needs."""
    done = await run_svc(tmp_path, *arguments)
    assert done.returncode == 2
    assert {line.split()[0] for line in done.stderr.splitlines()} == missing


async def test_bad_settings_are_named_without_their_secrets(tmp_path: Path) -> None:
    """Exit 2; a token or an address that is wrong is not repeated, also not from a .env file."""
    (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}/x\nDATABASE_URL=mysql://svc:{PASSWORD}@db\nPORT=http\n")
    done = await run_svc(tmp_path, "run", WEBHOOK_SECRET="hook-secret")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["BOT_TOKEN", "DATABASE_URL", "PORT"]
    is_quiet(done)


async def test_a_env_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    """Exit 2 and the file's name."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    done = await run_svc(tmp_path, "status")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [".env cannot be read: UnicodeDecodeError"]


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("run", "--nonsense"), ("migrate", "now")])
async def test_bad_usage_is_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2 with the usage on stderr."""
    done = await run_svc(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: svc")
    assert "Traceback" not in done.stderr


async def test_help_lists_the_commands(tmp_path: Path) -> None:
    """`svc --help` names every command and needs no settings."""
    done = await run_svc(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("demo", "run", "migrate", "check", "status"):
        assert f"    {command} " in done.stdout


@pytest.mark.parametrize("arguments", [("migrate", "--check"), ("migrate",), ("status",), ("status", "--json")])
async def test_a_database_out_of_reach_is_one_line(
    tmp_path: Path, closed_port: int, arguments: tuple[str, ...]
) -> None:
    """Exit 1, one line that says why."""
    done = await run_svc(tmp_path, *arguments, **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "ConnectionRefusedError" in line


async def test_the_preflight_has_a_line_for_each_check(tmp_path: Path, closed_port: int) -> None:
    """`svc check` with nothing there: exit 1, every finding on a line of its own."""
    done = await run_svc(tmp_path, "check", **settings_for(closed_port))
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
        ("updates", "show", "99999999999999999999"), ("updates", "show", "x"),
        ("updates", "replay", "7", "-9223372036854775809"),
        ("updates", "list", "--limit", "100001"), ("transitions", "--limit", "0"), ("transitions", "--limit", "x"),
    ],
)  # fmt: skip
async def test_a_number_that_cannot_be_one_is_bad_usage(
    tmp_path: Path, closed_port: int, arguments: tuple[str, ...]
) -> None:
    """Exit 2 before anything is asked, in English, with what was given."""
    done = await run_svc(tmp_path, *arguments, **settings_for(closed_port))
    assert done.returncode == 2
    is_quiet(done)
    assert "must be a whole number from" in done.stderr
    assert done.stderr.endswith(f", not '{arguments[-1]}'\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say which: ids, --all, or at least one of --reason, --older-than and --younger-than"),
        (("7", "--all"), "ids are not combined with --all or with filters"),
        (("7", "--reason", "x"), "ids are not combined with --all or with filters"),
        (("--all", "--younger-than", "2"), "--all is not combined with filters"),
        (("--younger-than", "nan"), "must be hours from 0 to 87600, not 'nan'"),
        (("--older-than", "tomorrow"), "must be hours from 0 to 87600, not 'tomorrow'"),
        (("--reason", ""), "must be a text that can be printed, of 300 characters at most, not ''"),
    ],
)
async def test_a_replay_of_nothing_in_particular_is_bad_usage(
    tmp_path: Path, closed_port: int, arguments: tuple[str, ...], says: str
) -> None:
    """Exit 2 before anything is asked: nobody replays all dead updates by leaving something out."""
    done = await run_svc(tmp_path, "updates", "replay", *arguments, **settings_for(closed_port))
    assert done.returncode == 2
    is_quiet(done)
    assert done.stderr.endswith(f"{says}\n")


async def test_the_help_says_what_a_replay_means_for_people(tmp_path: Path) -> None:
    """They are answered, however old their message is."""
    done = await run_svc(tmp_path, "updates", "replay", "--help")
    assert "Whoever wrote them is answered when their turn comes, however long ago that was" in done.stdout


@pytest.mark.parametrize("rest", ["?connect_timeout=x", "?sslmode=perhaps", "?passfile=/nowhere&port=x"])
async def test_an_address_that_the_driver_refuses_is_one_line(tmp_path: Path, closed_port: int, rest: str) -> None:
    """Exit 1, and what the address holds stays hidden."""
    settings = settings_for(closed_port)
    done = await run_svc(tmp_path, "status", **{**settings, "DATABASE_URL": settings["DATABASE_URL"] + rest})
    assert done.returncode == 1
    is_quiet(done)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("svc: the database ")


async def test_a_parameter_that_postgres_does_not_know_is_one_line(tmp_path: Path, database_url: str) -> None:
    """Whatever the driver does not know either it hands on to the server."""
    glue = "&" if "?" in database_url else "?"
    done = await run_svc(tmp_path, "status", **{**settings_for(1), "DATABASE_URL": f"{database_url}{glue}foo=bar"})
    assert done.returncode == 1
    is_quiet(done)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "foo" in line


async def test_ctrl_c_is_no_traceback(tmp_path: Path, nursery: trio.Nursery) -> None:
    """While a command waits for an answer that does not come: exit 130, as a shell expects."""
    asked = trio.Event()

    async def never_answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        asked.set()
        await trio.sleep_forever()

    api = Peer(never_answer)
    await nursery.start(api.serve)
    settings = {"BOT_TOKEN": TOKEN, "TELEGRAM_API_ROOT": api.url}
    command = python("-m", "svc", "webhook", "info")
    async with running(*command, env=environment_for(settings), folder=tmp_path) as svc:
        await asked.wait()
        svc.process.send_signal(signal.SIGINT)
        assert await svc.exit_code() == 130
    assert svc.printed.strip() == ""
    nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_named(tmp_path: Path, closed_port: int) -> None:
    """`svc run` where something else listens: exit 1, a line with the address, before the database is asked.

    HOST and PORT count for more than hypercorn.toml.
    """
    with silent_port() as port:
        (tmp_path / "hypercorn.toml").write_text('bind = ["192.0.2.1:1"]')  # an address that no machine has
        done = await run_svc(tmp_path, "run", HOST="127.0.0.1", PORT=str(port), **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    assert f"127.0.0.1:{port}" in done.stdout
    assert "Address already in use" in done.stdout
    assert "FAILED" in done.stdout.splitlines()[-2]
    assert "EXIT code=1" in done.stdout.splitlines()[-1]


async def test_a_broken_server_config_is_named(tmp_path: Path, closed_port: int) -> None:
    """`svc run` with a hypercorn.toml that cannot be read: exit 1 and its name."""
    (tmp_path / "hypercorn.toml").write_text("bind = [")
    done = await run_svc(tmp_path, "run", **settings_for(closed_port))
    assert done.returncode == 1
    is_quiet(done)
    assert "hypercorn.toml" in done.stdout


@pytest.mark.parametrize(("name", "words"), [("no_such:bot", "no_such cannot be imported"), ("svc:bot", "is not a")])
async def test_a_bot_that_is_none_is_named(tmp_path: Path, closed_port: int, name: str, words: str) -> None:
    """`svc run` with a BOT that names none: exit 2 and one line."""
    done = await run_svc(tmp_path, "run", BOT=name, **settings_for(closed_port))
    assert done.returncode == 2, done.stdout
    is_quiet(done)
    (line,) = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert words in line


async def test_every_commands_help_names_its_settings(tmp_path: Path) -> None:
    """`svc run --help` explains all of them, the others name those that they cannot do without."""
    explained = (await run_svc(tmp_path, "run", "--help")).stdout
    assert "  WORKERS (default: 16)\n" in explained
    for arguments, needed in {
        ("status",): "BOT_TOKEN, DATABASE_URL",
        ("migrate",): "DATABASE_URL",
        ("webhook", "set"): "BOT_TOKEN, WEBHOOK_URL, WEBHOOK_SECRET",
    }.items():
        done = await run_svc(tmp_path, *arguments, "--help")
        assert done.returncode == 0
        assert f"settings: {needed}; `svc run --help` explains them" in " ".join(done.stdout.split())


# Versions


async def test_the_version_is_the_projects(tmp_path: Path) -> None:
    """`svc --version` needs no settings. The distribution that it asks for is the one that is built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == version.DISTRIBUTION
    done = await run_svc(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"svc {project['version']}\n", "")


def test_a_plain_checkout_has_a_version_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is installed pyproject.toml says it; without that there is no telling, and no error."""
    monkeypatch.setattr(version, "DISTRIBUTION", "not-installed-here")
    assert installed_version(tmp_path) == "unknown"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
    assert installed_version(tmp_path) == "1.2.3"


# Interrupted, cut off


IMPORT_AND_INTERRUPT = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), number)

module, number = sys.argv[1], int(sys.argv[2])
sys.meta_path.insert(0, Interrupter())
from svc.operations.cli import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (("--help",), "argparse"),
        (("--version",), "importlib.metadata"),
        (("status",), "httpx"),
        (("demo",), "sandbox.app"),
        (("run",), "svc.service"),
        (("run",), "statemachine"),
        (("migrate",), "trio"),
        (("check",), "asyncpg"),
        (("transitions",), "svc.operations.inspect"),
        (("updates", "list"), "svc.operations.reporting"),
        (("webhook", "info"), "svc.operations.webhook_commands"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
async def test_ctrl_c_during_imports_is_no_traceback(
    tmp_path: Path, closed_port: int, arguments: tuple[str, ...], module: str
) -> None:
    """Imports are most of a command's first half second: exit 130 at once, and not a word."""
    command = python("-c", IMPORT_AND_INTERRUPT, module, str(int(signal.SIGINT)), *arguments)
    done = await run(*command, env=environment_for(settings_for(closed_port)), folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


async def test_sigterm_during_imports_ends_the_process(tmp_path: Path, closed_port: int) -> None:
    """As PID 1 a process without a handler would not notice."""
    number = int(signal.SIGTERM)
    command = python("-c", IMPORT_AND_INTERRUPT, "svc.service", str(number), "run")
    done = await run(*command, env=environment_for(settings_for(closed_port)), folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


async def run_into_closed_pipe(folder: Path, *arguments: str, **settings: str) -> tuple[int, bytes]:
    """The exit code and stderr of a command whose output nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with trio.fail_after(DEADLINE):
            done: subprocess.CompletedProcess[bytes] = await trio.run_process(
                python("-m", "svc", *arguments),
                cwd=folder,
                env=environment_for(settings),
                stdout=writing,
                capture_stderr=True,
                check=False,
            )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("check",)])
async def test_a_closed_pipe_is_no_traceback(tmp_path: Path, closed_port: int, arguments: tuple[str, ...]) -> None:
    """`svc ... | head` ends quietly, with the code that a shell gives a program which SIGPIPE has ended."""
    assert await run_into_closed_pipe(tmp_path, *arguments, **settings_for(closed_port)) == (141, b"")


async def test_a_closed_pipe_ends_a_listing_quietly(tmp_path: Path, database_url: str) -> None:
    """`svc updates list | head -3`."""
    settings = {**settings_for(1), "DATABASE_URL": database_url}
    assert await run_into_closed_pipe(tmp_path, "updates", "list", **settings) == (141, b"")


# Silence


async def test_a_database_that_says_nothing_is_put_in_words(tmp_path: Path) -> None:
    """Not a bare TimeoutError."""
    with silent_port() as port:
        done = await run_svc(tmp_path, "status", **settings_for(port))
    assert done.returncode == 1
    assert done.stderr == "svc: the database does not answer: TimeoutError: no answer in time\n"


async def test_the_preflight_prints_what_it_knows(tmp_path: Path, closed_port: int) -> None:
    """While a Bot API that is dead has not answered, the database's lines are there already."""
    with silent_port() as port:
        settings = {**settings_for(closed_port), "TELEGRAM_API_ROOT": f"http://127.0.0.1:{port}"}
        command = python("-m", "svc", "check")
        async with running(*command, env=environment_for(settings), folder=tmp_path) as svc:
            await svc.says("\nFAIL  lock: ")
            svc.process.send_signal(signal.SIGINT)  # its answer would come in 10 s
            assert await svc.exit_code() == 130
    assert [line.split(":")[0] for line in svc.printed.strip().splitlines()] == ["FAIL  database", "FAIL  lock"]


# Another package's modules


@pytest.mark.parametrize("content", ["class State: ...", "raise ImportError('no', name='statemachine.core')"])
async def test_another_statemachine_is_named(tmp_path: Path, closed_port: int, content: str) -> None:
    """python-statemachine brings a module of the same name: one line and exit 1 where that comes first."""
    package = tmp_path / "other" / "statemachine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(content)
    settings = {**settings_for(closed_port), "PYTHONPATH": f"{tmp_path / 'other'}{os.pathsep}{ROOT}"}
    done = await run_svc(tmp_path, "run", **settings)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("svc: another package provides `statemachine`")
    assert line.endswith("use a clean virtual environment")

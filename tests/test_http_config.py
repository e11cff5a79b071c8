"""Where the HTTP server listens, and the configuration that says so."""

from __future__ import annotations

import gc
import re
import tomllib
from pathlib import Path

import pytest
import trio
import trio.testing

from svc.intake.http_server import BUILT_IN, ConfigError, load_config, replace_address
from tests.serving import serving

ROOT = Path(__file__).parent.parent


# Hypercorn leaves the socket that it could not bind to the collector, which may come before it is called below.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_an_address_in_use_is_named() -> None:
    """The error says which address cannot be had."""
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(BaseExceptionGroup) as caught:
            async with serving(bind=[f"127.0.0.1:{port}"]):
                raise AssertionError("it is taken")
    assert caught.group_contains(OSError, match=f"127.0.0.1:{port}.*in use")
    del caught
    gc.collect()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_built_in_values_count(folder: Path) -> None:
    """An installed service serves from any folder."""
    config = load_config(None, None)
    assert {name: getattr(config, name) for name in BUILT_IN} == BUILT_IN
    assert load_config("127.0.0.1", 9000).bind == ["127.0.0.1:9000"]
    assert load_config(None, None).bind == ["0.0.0.0:8080"]


def test_the_repositorys_file_says_what_is_built_in() -> None:
    """The file that operators edit starts out as the values that count without it."""
    assert tomllib.loads((ROOT / "hypercorn.toml").read_text("utf-8")) == BUILT_IN


def test_the_file_of_the_working_folder_replaces_all_built_in_values(folder: Path) -> None:
    """With a hypercorn.toml it alone counts, and Hypercorn's own defaults for what it leaves out."""
    (folder / "hypercorn.toml").write_text('bind = ["127.0.0.1:1234"]\ngraceful_timeout = 1')
    config = load_config(None, None)
    assert (config.bind, config.graceful_timeout, config.backlog) == (["127.0.0.1:1234"], 1, 100)


@pytest.mark.parametrize(
    ("bind", "host", "port", "replaced"),
    [
        ("127.0.0.1:1", None, 7, "127.0.0.1:7"),
        ("127.0.0.1", None, 7, "127.0.0.1:7"),
        ("[::1]:1", None, 7, "[::1]:7"),
        ("[::1]", None, 7, "[::1]:7"),
        ("localhost:1", "10.0.0.1", None, "10.0.0.1:1"),
        ("localhost", "10.0.0.1", None, "10.0.0.1:8000"),
        ("0.0.0.0:1", "::1", None, "[::1]:1"),
        ("0.0.0.0:1", "[::1]", 7, "[::1]:7"),
        ("[::]:1", "localhost", 7, "localhost:7"),
        ("[::1]", "::", None, "[::]:8000"),
        ("127.0.0.1", None, None, "127.0.0.1"),
        ("unix:/run/svc.sock", "::1", 7, "unix:/run/svc.sock"),
        ("fd://3", "::1", 7, "fd://3"),
    ],
)
def test_host_and_port_replace_those_of_an_address(
    bind: str, host: str | None, port: int | None, replaced: str
) -> None:
    """A TCP address takes the given host or port, IPv6 in brackets, and keeps the rest; sockets stay as they are."""
    assert replace_address(bind, host, port) == replaced


@pytest.mark.parametrize(
    ("bind", "replaced"),
    [
        ('["127.0.0.1:1", "[::1]:1"]', ["127.0.0.1:7", "[::1]:7"]),
        ('"0.0.0.0:1"', ["0.0.0.0:7"]),
        ('["unix:/run/svc.sock", "fd://3", "localhost:1"]', ["unix:/run/svc.sock", "fd://3", "localhost:7"]),
    ],
)
def test_a_port_counts_for_every_bind_of_the_file(folder: Path, bind: str, replaced: list[str]) -> None:
    """PORT replaces that of each address in hypercorn.toml, written as one or as a list."""
    (folder / "hypercorn.toml").write_text(f"bind = {bind}")
    assert load_config(None, 7).bind == replaced


@pytest.mark.parametrize(
    "content",
    [
        b"bind = [",
        b"bind = 5",
        b"bind = [5]",
        b"\xff\xfe",
        b'keep_alive_timeout = "long"',
        b"graceful_timeout = [1]",
        b"backlog = true",
    ],
)
def test_a_broken_file_is_one_line(folder: Path, content: bytes) -> None:
    """ConfigError names the file in one line, whatever is wrong with it."""
    (folder / "hypercorn.toml").write_bytes(content)
    for port in (None, 9000):
        with pytest.raises(ConfigError, match=re.escape(str(folder / "hypercorn.toml"))) as caught:
            load_config("127.0.0.1", port)
        assert len(str(caught.value).splitlines()) == 1

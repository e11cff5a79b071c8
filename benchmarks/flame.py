"""A flame graph of one instance of the service under full load: where its processor time goes.

py-spy looks at the instance's stack so many times a second while the load generator sends /start as fast as menus come
back. `python -m benchmarks.flame --help` names the options; the picture is an SVG without scripts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import asyncpg
import uvloop

from benchmarks import ending, updates
from benchmarks.contenders import service
from benchmarks.flame_svg import draw, grow, read_stacks
from benchmarks.load import ClosedLoop
from benchmarks.sides import Side, SideFailed
from benchmarks.telegram_stub import TelegramStub
from benchmarks.throughput import MOST_OUTSTANDING
from fleet.process import SECRET, THIS, Checkout, checkout_at
from sandbox.ports import free_port
from sandbox.postgres import PostgresFailed, temporary_postgres

PICTURES = THIS.folder / "docs" / "pictures"
CONNECTIONS = 100
WARM_UP = 2.0
RATE = 100
SPY_DEADLINE = 60.0


@dataclass(frozen=True)
class Profile:
    """The stacks in py-spy's raw format, and menus a second meanwhile."""

    raw: str
    menus_a_second: float


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("--name", default="now", help="the picture is flame-NAME.svg (now)")
    parser.add_argument("--seconds", type=int, default=10, choices=range(1, 121), metavar="N", help="of samples (10)")
    parser.add_argument(
        "--checkout", type=Path, metavar="PATH", help="of the checkout in PATH, which has its own .venv"
    )
    parser.add_argument("--folder", type=Path, default=PICTURES, metavar="PATH", help="instead of docs/pictures")
    options = parser.parse_args()
    try:
        checkout = checkout_at(options.checkout) if options.checkout else THIS
    except FileNotFoundError as error:
        parser.error(str(error))
    try:
        profile = _measure(checkout, options.seconds)
    except (SideFailed, PostgresFailed, asyncpg.PostgresError, OSError) as failure:  # TimeoutError is an OSError
        print(f"ended early: {failure or failure!r}", file=sys.stderr)
        return 1
    path = options.folder / f"flame-{options.name}.svg"
    path.write_text(_picture(profile, options.name))
    print(f"{profile.menus_a_second:,.0f} menus/s; {path}: {path.stat().st_size:,} bytes")
    return 0


def _picture(profile: Profile, name: str) -> str:
    root = grow(read_stacks(profile.raw))
    title = f"{name}: {profile.menus_a_second:,.0f} menus/s over {CONNECTIONS} connections, {root.samples:,} samples"
    return draw(root, title)


def _measure(checkout: Checkout, seconds: int) -> Profile:
    with tempfile.TemporaryDirectory(prefix="svc-flame-") as folder, temporary_postgres() as server:
        side = service("ours", checkout, server.url, Path(folder) / "log")
        stacks = Path(folder) / "stacks"
        rate = uvloop.run(_profile(side, seconds, stacks))
        return Profile(stacks.read_text(), rate)


async def _profile(side: Side, seconds: int, stacks: Path) -> float:
    """Load the side from before to after the samples; every update gets its menu. Returns menus a second."""
    stub, stub_port = TelegramStub(), free_port()
    server = await stub.listen(stub_port)
    load = ClosedLoop(
        side.port, updates.starts(side.port, SECRET), side.numbers, menus_expected=True, limit=MOST_OUTSTANDING
    )
    stub.on_menu = load.menu_sent
    try:
        await side.start(stub_port)
        await load.connect(CONNECTIONS)
        load.start()
        await asyncio.sleep(WARM_UP)
        before, began = load.menus, monotonic()
        await _sample(side.pid, seconds, stacks)
        rate = (load.menus - before) / (monotonic() - began)
        load.running = False
        await load.finish()
        if load.errors:
            raise SideFailed(f"the load failed: {dict(load.errors)}")
    finally:
        await side.stop()
        server.close()
    return rate


async def _sample(pid: int, seconds: int, stacks: Path) -> None:
    """Let py-spy look at the process for so long; raises SideFailed with what it says if it may not."""
    spy = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("py-spy")),
        *("record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE)),
        *("--format", "raw", "--function", "--output", str(stacks)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(spy.communicate(), seconds + SPY_DEADLINE)
    finally:
        if spy.returncode is None:
            spy.kill()
            await spy.wait()
    if spy.returncode:
        raise SideFailed(f"py-spy failed: {said.decode(errors='replace').strip()}")


if __name__ == "__main__":
    ending.run(main)

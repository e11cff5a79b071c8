"""What the load generator itself can do, measured against a stand-in that only answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from time import monotonic

import uvloop

from benchmarks import updates
from benchmarks.load import NO_LIMIT, ClosedLoop
from benchmarks.sides import SideFailed
from benchmarks.throughput import CONNECTIONS
from sandbox.ports import free_port


async def measure_ceiling(port: int, connections: int, seconds: float) -> tuple[float, float]:
    """What the generator itself can do against the stand-in: requests a second, and its processor share."""
    load = ClosedLoop(port, updates.menus(port), updates.Numbers(), menus_expected=False, limit=NO_LIMIT)
    await load.connect(connections)
    load.start()
    await asyncio.sleep(0.5)
    before, cpu, began = load.acks, time.process_time(), monotonic()
    await asyncio.sleep(seconds)
    done, elapsed = load.acks - before, monotonic() - began
    share = (time.process_time() - cpu) / elapsed
    load.running = False
    await load.finish()
    if load.errors:
        raise SideFailed(f"the generator failed against the stand-in: {dict(load.errors)}")
    return done / elapsed, share


def print_ceiling(seconds: float) -> None:
    """Run the generator against a stand-in in a process of its own, and print what it reached."""
    port = free_port()
    null_server = subprocess.Popen([sys.executable, "-m", "benchmarks.telegram_stub", str(port)])
    try:
        time.sleep(1)
        for connections in CONNECTIONS:
            rate, share = uvloop.run(measure_ceiling(port, connections, seconds))
            print(f"generator, {connections:>3} connections: {rate:,.0f} requests/s, {share:.0%} of a processor")
    finally:
        null_server.terminate()
        null_server.wait(10)

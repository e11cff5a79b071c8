"""The machine that is measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.postgres_programs import binary

IDLE_LOAD = 0.5
"""Up to this load average of the last minute, before anything is measured, the machine counts as idle."""


@dataclass(frozen=True)
class Machine:
    """What it is, and what it had to do in the last minute before it was asked."""

    processor: str
    processors: int
    memory_gib: float
    system: str
    python: str
    postgres: str
    node: str
    load_average: float

    def __str__(self) -> str:
        state = "idle" if self.load_average <= IDLE_LOAD else "NOT idle"
        node = f", node {self.node}" if self.node else ""
        return (
            f"{self.processor}, {self.processors} processors, {self.memory_gib:g} GiB, {self.system}; "
            f"Python {self.python}, Postgres {self.postgres}{node}; "
            f"load average before: {self.load_average:.2f}, {state}"
        )

    def fields(self) -> dict[str, Any]:
        """All of it for a file."""
        return asdict(self)


def machine() -> Machine:
    """This one, now."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        processor=models[0] if models else platform.machine(),
        processors=os.cpu_count() or 0,
        memory_gib=round(memory, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgres=_version(str(binary("postgres"))),
        node=_version("node"),
        load_average=os.getloadavg()[0],
    )


def _version(program: str) -> str:
    """What the program says of itself; "" if there is none."""
    if shutil.which(program) is None:
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return said.split()[-1].removeprefix("v")

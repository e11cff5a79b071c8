"""Who takes part in the throughputs, and how each is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.plan import Plan
from benchmarks.sides import Side
from fleet.process import THIS, Checkout
from sandbox.ports import free_port
from sandbox.postgres import EmbeddedPostgres

RIVALS = Path(__file__).resolve().parent / "rivals"
INBOX_OWES = "select exists (select 1 from inbox)"
# Acknowledged from memory: what is left to do is seen only by what has not been recorded yet.
MEMORY_OWES = "select count(*) < {sent} from processed_updates"

Maker = Callable[[str, Plan, str, Path], Side]
"""Makes a side of a name on a fresh database with this address; its logs go into the folder."""


LEADERS_WORKERS = 64
"""`WORKERS` of the instance that sends where another one takes in."""


def make_side(name: str, plan: Plan, server: EmbeddedPostgres, number: int, folder: Path) -> Side:
    """The side of that name for round `number`, on a database of its own; not started yet."""
    database = f"{name}_{number}"
    server.execute(f'create database "{database}"')
    return MAKERS[name](name, plan, server.url_of(database), folder / f"{database}.log")


def why_not(name: str) -> str:
    """Why the side cannot run here; "" if it can."""
    if name == "grammy" and shutil.which("node") is None:
        return "node is not installed"
    if name == "grammy" and not (RIVALS / "node_modules" / ".installed").exists():
        return "its packages are not installed: `make -C benchmarks node` says why"
    return ""


def _instance(name: str, plan: Plan, database_url: str, log: Path) -> Side:
    checkout = plan.against if name == "other" and plan.against is not None else THIS
    return service(name, checkout, database_url, log, WORKERS=str(plan.workers), LOG_LEVEL=plan.log_level)


def _with_intake(name: str, plan: Plan, database_url: str, log: Path) -> Side:
    side = _instance(name, plan, database_url, log)
    # A leader that takes in nothing itself has time for more chats at once, and what it commits together is larger.
    leading = replace(plan, workers=max(plan.workers, LEADERS_WORKERS))
    side.leader = _instance(f"{name}, leader", leading, database_url, log.with_suffix(".leader.log"))
    return side


def service(name: str, checkout: Checkout, database_url: str, log: Path, **settings: str) -> Side:
    """One instance of the service without a limit on its calls, which logs JSON."""
    command = (checkout.python, "-m", "svc", "run")
    settings = {"SEND_RATE": "0", "LOG_FORMAT": "json", **settings}
    return Side(name, checkout.folder, command, settings, INBOX_OWES, free_port(), database_url, log)


def _aiogram(name: str, plan: Plan, database_url: str, log: Path) -> Side:
    loop = {"UVLOOP": "1"} if name == "aiogram-uvloop" else {}
    return _rival(name, (sys.executable, "-m", "benchmarks.rivals.aiogram_bot"), plan, database_url, log, loop)


def _ptb(name: str, plan: Plan, database_url: str, log: Path) -> Side:
    side = _rival(name, (sys.executable, "-m", "benchmarks.rivals.ptb_bot"), plan, database_url, log)
    side.owes, side.says_state = MEMORY_OWES, False
    return side


def _grammy(name: str, plan: Plan, database_url: str, log: Path) -> Side:
    return _rival(name, ("node", str(RIVALS / "grammy_bot.mjs")), plan, database_url, log, {"NODE_ENV": "production"})


def _rival(
    name: str, command: tuple[str, ...], plan: Plan, database_url: str, log: Path, more: Mapping[str, str] = {}
) -> Side:
    settings = {"LOG_LEVEL": plan.log_level, **more}
    return Side(name, THIS.folder, command, settings, None, free_port(), database_url, log)


MAKERS: dict[str, Maker] = {
    "ours": _instance,
    "other": _instance,
    "ours+intake": _with_intake,
    "aiogram": _aiogram,
    "aiogram-uvloop": _aiogram,
    "ptb": _ptb,
    "grammy": _grammy,
}

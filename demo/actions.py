"""What can be done to the system: one row each, for the page, the tour and the shows alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import trio

from demo.refused import Refused

if TYPE_CHECKING:
    from demo.instances.instance import Instance
    from demo.system import System

LASTS = 10.0
"""Seconds after which what can be undone is undone by itself."""


class Target(StrEnum):
    """Whom an action is done to."""

    SYSTEM = "system"
    INSTANCE = "instance"
    POSTGRES = "postgres"
    TELEGRAM = "telegram"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Action:
    """One row. `run` gets the instance that was chosen (None: the ACTIVE one, or none is needed) and returns when it is
    done or, for what lasts, when it is in force: it is undone in the background. It tells the system what it does, with
    a label for the plots. Raises Refused."""

    name: str
    label: str
    target: Target
    text: str
    run: Callable[[System, Instance | None], Awaitable[None]]


async def perform(system: System, name: str, instance: str | None = None) -> None:
    """Do it to the instance of that name, or to the ACTIVE one.

    Raises Refused, also for a name that is unknown.
    """
    action = ACTIONS.get(name)
    if action is None:
        raise Refused(f"There is no action {name!r}.")
    chosen = None if instance is None else _running(system, instance)
    # One that starts takes the lead from nobody, and who leads does not do so by the provider.
    if name != "start" and action.target is not Target.PROVIDER:
        system.because(name)
    await action.run(system, chosen)


def _running(system: System, name: str) -> Instance:
    for instance in system.instances:
        if instance.name == name and instance.running:
            return instance
    raise Refused(f"The {name} instance does not run.")


def _chosen(system: System, instance: Instance | None) -> Instance:
    chosen = instance or system.active
    if chosen is None:
        raise Refused("No instance is ACTIVE at the moment.")
    return chosen


async def _start(system: System, _instance: Instance | None) -> None:
    started = await system.start_instance()
    system.happened(f"The {started.name} instance was started.", "Start")


async def _deploy(system: System, instance: Instance | None) -> None:
    from demo.instances.instance import Ended

    old = _chosen(system, instance)
    new = await system.start_instance()
    system.happened(f"Deploy: the {new.name} instance was started; the {old.name} one goes on.", "Deploy")
    try:
        await new.reaches("PASSIVE", "ACTIVE")
    except Ended as error:
        raise Refused(f"The deploy has failed: {error}.") from None
    except trio.TooSlowError:
        raise Refused(f"The deploy has failed: the {new.name} instance is not up after 30 s.") from None
    system.because("deploy")
    system.happened(f"Deploy: the {new.name} instance is up, SIGTERM to the {old.name} one.")
    old.terminate()


async def _crash(system: System, instance: Instance | None) -> None:
    chosen = _chosen(system, instance)
    chosen.kill()
    await chosen.until_over()


async def _freeze(system: System, instance: Instance | None) -> None:
    chosen = _chosen(system, instance)
    chosen.freeze(LASTS)
    system.happened(f"The {chosen.name} instance is frozen for {LASTS:.0f} s.", "Freeze")


async def _cut_postgres(system: System, instance: Instance | None) -> None:
    chosen = _chosen(system, instance)
    chosen.cut_postgres(LASTS)
    system.happened(f"The {chosen.name} instance is cut from Postgres for {LASTS:.0f} s.", "No Postgres")


async def _cut_bot_api(system: System, instance: Instance | None) -> None:
    chosen = _chosen(system, instance)
    chosen.cut_bot_api(LASTS)
    system.happened(f"The {chosen.name} instance is cut from the Bot API for {LASTS:.0f} s.", "No Bot API")


async def _restart_postgres(system: System, _instance: Instance | None) -> None:
    system.databases.check_idle()
    system.happened("Postgres is stopped, and started again.", "Postgres restart")
    await system.databases.restart()
    system.happened("Postgres is up again.")


async def _fail_over(system: System, _instance: Instance | None) -> None:
    system.databases.check_standby()
    system.happened("The Postgres primary is killed; its standby takes over.", "Postgres fail over")
    await system.fail_over()
    system.happened("The standby is the primary now; it gets a standby of its own.")


async def _order(name: str, text: str, label: str, system: System, _instance: Instance | None) -> None:
    system.faults.order(name, LASTS)
    system.happened(text, label)


def _lasting(name: str, label: str, target: Target, text: str) -> Action:
    """An action that orders a fault of Telegram or the provider."""
    told = f"{text}, for {LASTS:.0f} s."
    return Action(name, label, target, told, partial(_order, name, told, f"{target.capitalize()} {label.lower()}"))


def _rows() -> list[Action]:
    system, one, postgres, telegram, provider = Target
    ten = f"for {LASTS:.0f} s"
    return [
        Action("start", "Start one more", system, "One more instance; it waits as PASSIVE.", _start),
        Action("deploy", "Deploy", system, "A new instance comes up; then the ACTIVE one gets SIGTERM.", _deploy),
        Action("crash", "Crash", one, "kill -9: the process is gone in the middle of whatever it does.", _crash),
        Action("freeze", "Freeze", one, f"SIGSTOP {ten}: it stands still, and does not know it.", _freeze),
        Action("cut_postgres", "Cut from Postgres", one, f"Nothing gets through to Postgres {ten}.", _cut_postgres),
        Action("cut_bot_api", "Cut from the Bot API", one, f"Its connections are refused {ten}.", _cut_bot_api),
        Action("restart_postgres", "Restart", postgres, "The primary stops in order and starts.", _restart_postgres),
        Action("fail_over", "Fail over", postgres, "The primary is killed, and its standby takes over.", _fail_over),
        _lasting("telegram_slow", "Slow", telegram, "Telegram takes a second longer for every call"),
        _lasting("telegram_429", "429", telegram, "Telegram answers half of the calls with 429, retry after 1 s"),
        _lasting("telegram_5xx", "5xx", telegram, "Telegram answers half of the calls with 500"),
        _lasting("telegram_cut", "Answers cut", telegram, "A quarter of the calls take effect, their answers are lost"),
        _lasting("provider_slow", "Slow", provider, "The provider answers 2 s later and takes 8 s more for a picture"),
        _lasting("provider_failing", "Failing", provider, "The provider does what it is asked, but answers 500"),
    ]


ACTIONS: dict[str, Action] = {action.name: action for action in _rows()}
"""By name: start, deploy; crash, freeze, cut_postgres, cut_bot_api; restart_postgres, fail_over; telegram_slow,
telegram_429, telegram_5xx, telegram_cut; provider_slow, provider_failing."""

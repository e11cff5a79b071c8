"""An update that ends every process which looks at it, among real instances that a supervisor starts again."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
import trio

from fleet.instances import Fleet, running_fleet
from fleet.process import THIS, ServiceProcess
from fleet.promises import rows, settled, wrong_menus
from fleet.waiting import DEADLINE, eventually

# Several restarts on a machine that others load.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

POISONOUS = replace(THIS, module="tests.poisonous_instance")
PATIENT, POISON, LATE = range(1, 11), 100, range(11, 21)
# Each leader dies of it once: the first, which has just received it, and those that it is blamed for.
MOST_DEATHS = 6


async def supervise(fleet: Fleet, service: ServiceProcess, deaths: list[int]) -> None:
    """Start another instance whenever this one ends, as Kubernetes or systemd would."""
    while True:
        deaths.append(await service.process.wait())
        fleet.targets.remove(service)
        service = await fleet.launch()
        fleet.targets.append(service)


@pytest.mark.parametrize(("text", "code"), [("exit", 9), ("loop", 1), ("match", -signal.SIGVTALRM)])
async def test_poison_is_dead_after_a_few_restarts_and_everybody_else_is_answered(
    empty_database_url: str, text: str, code: int
) -> None:
    """Two instances: whoever leads dies of it, also the ones that find it in the inbox. Then it is a dead letter that
    says so, its user is told, nobody dies any more, and all others have their menu (twice only where the process ended
    with it in its hands, which is recorded)."""
    deaths: list[int] = []
    async with running_fleet(empty_database_url, POISONOUS, LEASE="1") as fleet, trio.open_nursery() as nursery:
        for service in (await fleet.start_active(), await fleet.start()):
            nursery.start_soon(supervise, fleet, service, deaths)
        for user in PATIENT:
            fleet.says(user)
        await settled(fleet)
        poison = fleet.says(POISON, text)
        await eventually(lambda: len(deaths) > 0)
        for user in LATE:
            fleet.says(user)
        dead: list[tuple[object, ...]] = []
        with trio.fail_after(2 * DEADLINE):
            while not dead:
                await trio.sleep(0.1)
                dead = await rows(empty_database_url, "SELECT update_id, reason FROM dead_updates")
        assert dead == [(poison, "the process has ended 3 times while its handler was called")]
        ledger = await settled(fleet)
        del fleet.users[poison]
        assert set(fleet.users) <= set(ledger.processed)
        assert wrong_menus(ledger, fleet.users, fleet.menus()) == {}
        told = fleet.sandbox.telegram.call_log.find("sendMessage", chat_id=POISON, status=200)
        assert len(told) == 1
        assert set(deaths) == {code}
        assert len(deaths) <= MOST_DEATHS
        if text == "loop":
            stuck = [line for member in fleet.members for line in member.lines("HANDLER_STUCK", update_id=poison)]
            assert all("poisonous" in line["stack"] for line in stuck)
            assert len([line for line in stuck if line["ends"]]) == len(deaths)
        if text == "match":
            assert sum(b"poisonous" in member.stderr for member in fleet.members) == len(deaths)
        nursery.cancel_scope.cancel()

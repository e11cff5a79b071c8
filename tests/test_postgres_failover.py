"""The database moves to another server: a real primary, a real synchronous standby, and the addresses of both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio

from fleet.instances import running_fleet
from fleet.postgres_pair import postgres_pair
from fleet.promises import check_promises, rows
from fleet.tcp_proxy import TcpProxy
from fleet.traffic import more_menus, trickle
from fleet.waiting import eventually
from sandbox.postgres import EmbeddedPostgres

pytestmark = pytest.mark.processes


@pytest.fixture
def pair() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its standby."""
    with postgres_pair() as both:
        yield both


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
async def test_failover_to_a_synchronous_standby(pair: tuple[EmbeddedPostgres, EmbeddedPostgres], silent: bool) -> None:
    """The primary is gone (its address refuses, or says nothing at all) and the standby promoted: both instances go on
    there by themselves, whatever the order of the hosts, in a later term, and nothing that got a 200 is lost."""
    primary, standby = pair
    proxy = TcpProxy(primary.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        hosts = [f"127.0.0.1:{proxy.port}", f"127.0.0.1:{standby.port}"]
        url, other_way_round = (f"postgresql://postgres@{','.join(order)}/postgres" for order in (hosts, hosts[::-1]))
        async with running_fleet(standby.url) as fleet:
            # The standby's address comes first: it must be passed over.
            first = await fleet.start_active(other_way_round)
            epoch = await first.active()
            second = await fleet.start(url)
            async with trickle(fleet):
                await more_menus(fleet)
                accepted = set(fleet.accepted)
                (proxy.stall if silent else proxy.refuse)()
                await trio.to_thread.run_sync(primary.kill)
                await eventually(lambda: 503 in [status for _, status in fleet.answers])
                await trio.to_thread.run_sync(standby.promote)
                await more_menus(fleet)
                both = {(first, 200), (second, 200)}
                await eventually(lambda: both <= set(fleet.answers[-50:]))
            ledger = await check_promises(fleet)
            assert accepted <= ledger.processed.keys()
            assert (await rows(standby.url, "SELECT epoch FROM leadership"))[0][0] > epoch
            assert first.running
            assert second.running
        nursery.cancel_scope.cancel()

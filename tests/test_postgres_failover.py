"""The database moves to another server: a real primary, a real synchronous standby, and the addresses of both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from sandbox.postgres import EmbeddedPostgres, temporary_postgres
from tests.processes import DEADLINE, figure, more_menus, rows, running_fleet, trickle, until
from tests.tcp_proxy import TcpProxy

SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf();"
IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture
def pair() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its standby; what the primary commits, the standby has."""
    with temporary_postgres({"fsync": "off"}) as primary, tempfile.TemporaryDirectory(prefix="svc-standby-") as folder:
        standby = primary.replica(Path(folder) / "server")
        try:
            standby.start()
            primary.execute(SYNCHRONOUS)
            give_up = time.monotonic() + DEADLINE
            while primary.execute(IN_STEP) != "1":
                assert time.monotonic() < give_up
                time.sleep(0.05)
            yield primary, standby
        finally:
            standby.stop()


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
            first = await fleet.start(other_way_round)
            epoch = await first.active()
            second = await fleet.start(url)
            async with trickle(fleet):
                await more_menus(fleet)
                accepted = set(fleet.accepted)
                (proxy.stall if silent else proxy.refuse)()
                await trio.to_thread.run_sync(primary.kill)
                await until(lambda: 503 in [status for _, status in fleet.answers])
                await trio.to_thread.run_sync(standby.promote)
                promoted = time.time()
                await more_menus(fleet)
                figure(f"standby promoted ({silent=}) -> 10 menus", time.time() - promoted, below=10.0)
                await until(lambda: {who for who, status in fleet.answers[-50:] if status == 200} == {first, second})
            ledger = await fleet.check_promises()
            assert accepted <= ledger.processed.keys()
            assert (await rows(standby.url, "SELECT epoch FROM leadership"))[0][0] > epoch
            assert first.process.poll() is second.process.poll() is None
        nursery.cancel_scope.cancel()

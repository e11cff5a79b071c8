"""One node of the cluster: a Postgres server and the Patroni that starts, watches and promotes it."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from fleet.ha.process import Program
from fleet.postmaster import postmaster_of, signal_server
from fleet.tcp_proxy import TcpProxy
from fleet.waiting import comes
from sandbox.ports import free_port
from sandbox.postgres_programs import binary

SCOPE = "ha"
ASK_DEADLINE = 2.0
GONE_DEADLINE = 10.0

TIMES = {"ttl": 20, "loop_wait": 2, "retry_timeout": 5}
"""Seconds: how long the leader's key lasts, how often a node looks, how long it tries again. 20 is Patroni's least
`ttl`; `loop_wait` and twice `retry_timeout` have to fit into it."""
CLUSTER_SETTINGS: dict[str, Any] = {
    **TIMES,
    "synchronous_mode": True,
    "synchronous_mode_strict": True,
    "failsafe_mode": True,
    "postgresql": {
        "use_pg_rewind": True,
        "parameters": {
            "max_connections": 200,
            # How soon a primary sees that a standby is silent, and the other way round. Commits wait for that.
            "wal_sender_timeout": "5s",
            "wal_receiver_timeout": "5s",
            "wal_retrieve_retry_interval": "1s",
            # Processes are killed here, never the machine; and its disk is shared.
            "fsync": "off",
            "max_wal_size": "256MB",
        },
    },
}
"""What all nodes keep in etcd."""


@dataclass(frozen=True)
class Ports:
    """Where a node listens, on loopback."""

    postgres: int = field(default_factory=free_port)
    rest: int = field(default_factory=free_port)


def node_settings(
    name: str, ports: Ports, *, etcd: int, replication: int, folder: Path, binaries: Path
) -> dict[str, Any]:
    """Patroni's settings of a node: it finds etcd at one port, and other nodes find its Postgres at another."""
    user = {"username": "postgres"}
    return {
        "scope": SCOPE,
        "name": name,
        "restapi": {"listen": f"127.0.0.1:{ports.rest}", "connect_address": f"127.0.0.1:{ports.rest}"},
        # The link is the only way to etcd: nothing is asked where else etcd may be found.
        "etcd3": {"host": f"127.0.0.1:{etcd}", "use_proxies": True},
        "bootstrap": {"dcs": CLUSTER_SETTINGS, "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}, "no-sync"]},
        "postgresql": {
            "listen": f"127.0.0.1:{ports.postgres}",
            "connect_address": f"127.0.0.1:{replication}",
            "data_dir": str(folder / "data"),
            "bin_dir": str(binaries),
            "pgpass": str(folder / "pgpass"),
            "authentication": {"superuser": user, "replication": user, "rewind": user},
            "parameters": {"unix_socket_directories": ""},
        },
    }


class Node:
    """A node in a folder of its own.

    `etcd_link` leads from its Patroni to etcd, `replication_link` from the other nodes to its Postgres; the owner runs
    both before it starts.
    """

    def __init__(self, name: str, folder: Path, patroni: Path, etcd_port: int) -> None:
        self.name = name
        self.ports = Ports()
        self.etcd_link = TcpProxy(etcd_port)
        self.replication_link = TcpProxy(self.ports.postgres)
        self._folder = folder
        self._settings = folder / "patroni.json"
        folder.mkdir()
        self._patroni = Program([str(patroni), str(self._settings)], folder / "log")

    @property
    def log(self) -> Path:
        """What Patroni and Postgres say."""
        return self._patroni.log

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-20:])

    async def start(self) -> None:
        """Start Patroni, which starts Postgres; the links have to be open."""
        settings = node_settings(
            self.name,
            self.ports,
            etcd=self.etcd_link.port,
            replication=self.replication_link.port,
            folder=self._folder,
            binaries=binary("postgres").parent,
        )
        self._settings.write_text(json.dumps(settings, indent=1))
        await self._patroni.start()

    def kill_postgres(self) -> None:
        """End the server's processes by SIGKILL. Patroni lives."""
        self._signal_postgres(signal.SIGKILL)

    async def kill(self) -> None:
        """End all of it by SIGKILL, as the end of its machine does. Returns when it is gone."""
        await self._patroni.end(signal.SIGKILL)
        self._signal_postgres(signal.SIGKILL)
        with trio.fail_after(GONE_DEADLINE):
            await comes(lambda: postmaster_of(self._data) is None)

    def freeze(self) -> None:
        """Stop all its processes; they lose nothing."""
        self._patroni.send_signal(signal.SIGSTOP)
        self._signal_postgres(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on, the server first."""
        self._signal_postgres(signal.SIGCONT)
        self._patroni.send_signal(signal.SIGCONT)

    async def ask(self, path: str) -> Mapping[str, Any] | None:
        """What its Patroni answers to a GET; None if it does not."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=ASK_DEADLINE) as client:
                answer = await client.get(f"{self._url}{path}")
        except httpx.TransportError:
            return None
        found: dict[str, Any] = answer.json()
        return found

    async def order(self, method: str, path: str, body: Mapping[str, Any], deadline: float) -> str:
        """What its Patroni answers to a POST or PATCH. Raises httpx.HTTPError if it refuses or does not answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=deadline) as client:
            answer = await client.request(method, f"{self._url}{path}", json=body)
        answer.raise_for_status()
        return answer.text

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.ports.rest}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _signal_postgres(self, number: signal.Signals) -> None:
        postmaster = postmaster_of(self._data)
        if postmaster is not None:
            signal_server(postmaster, number)

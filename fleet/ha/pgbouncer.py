"""PgBouncer in session mode before whichever node leads."""

from __future__ import annotations

import signal

import trio

from fleet.ha.patroni import Cluster
from fleet.ha.process import Program
from fleet.ha.programs import Programs
from fleet.tcp_proxy import TcpProxy
from sandbox.ports import free_port

LOOK_EVERY = 0.5
SETTINGS = """\
[databases]
* = host=127.0.0.1 port={way} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 200
default_pool_size = 60
; After a server that could not be reached PgBouncer would wait 15 s, and let everybody wait.
server_login_retry = 1
server_connect_timeout = 2
"""


class PgBouncer:
    """PgBouncer, and a way to the leader of `cluster` as a load balancer makes it, which asks Patroni every half second
    and closes what leads to another.

    Whenever it ends by itself it is started again, as a service manager does; `ended` counts that. 1.18, Debian 12's,
    dies now and then of requests to cancel a statement (pgbouncer issue 801).
    """

    def __init__(self, cluster: Cluster, programs: Programs) -> None:
        self.port = free_port()
        self.ended = 0
        self._cluster = cluster
        self._wanted = True
        self._way = TcpProxy(0)
        self._settings = cluster.folder / "pgbouncer.ini"
        libraries = {"LD_LIBRARY_PATH": ":".join(map(str, programs.libraries))} if programs.libraries else {}
        command = [str(programs.pgbouncer), str(self._settings)]
        self._program = Program(command, cluster.folder / "pgbouncer.log", libraries)

    def url(self, database: str) -> str:
        """The address of a database through it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        self._way.target = (await self._cluster.leader()).ports.postgres
        async with trio.open_nursery() as nursery:
            await nursery.start(self._way.run)
            self._settings.write_text(SETTINGS.format(way=self._way.port, port=self.port))
            try:
                await self._program.start()
                task_status.started()
                nursery.start_soon(self._keep_up)
                await self._follow()
            finally:
                with trio.CancelScope(shield=True):  # ended by SIGKILL, it is soon gone
                    await self._program.end()

    async def restart(self, away: float) -> None:
        """End it at once, with every connection through it, and start it again after so many seconds."""
        self._wanted = False
        await self._program.end(signal.SIGTERM)
        await trio.sleep(away)
        await self._program.start()
        self._wanted = True

    async def _keep_up(self) -> None:
        while True:
            await trio.sleep(LOOK_EVERY)
            if self._wanted and not self._program.running:
                self.ended += 1
                await self._program.start()

    async def _follow(self) -> None:
        while True:
            view = await self._cluster.view()
            if view.leader is not None:
                port = self._cluster.nodes[view.leader].ports.postgres
                if port != self._way.target:
                    self._way.target = port
                    self._way.drop()
            await trio.sleep(LOOK_EVERY)

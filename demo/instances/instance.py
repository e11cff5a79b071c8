"""One instance of the service as the demo runs it: a process, the links that it has to the world, what it says."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import httpx
import trio

from demo.instances.instance_faults import instance_faults
from demo.instances.instance_log import InstanceLog
from demo.instances.links import Links
from demo.instances.probe import Figures, ask
from demo.instances.surroundings import Surroundings
from demo.timed_fault import TimedFault
from demo.views import InstanceView, LogLineView
from sandbox.ports import free_port

ENDED = "ENDED"
START_DEADLINE = 30.0
END_DEADLINE = 8.0
"""Seconds that an instance has for ending in order."""
ASK_EVERY = 0.5


class Ended(Exception):
    """The instance has ended; the message says how."""


class Instance:
    """One `svc run` in a process of its own, behind links to Postgres and to the Bot API that can be cut.

    Its log goes to `log_file`; `lines` are the latest of it, `line_count` how many there have been. It is ended by
    `end` and by nothing else: whoever is cancelled must see to that.
    """

    def __init__(self, name: str, folder: Path, links: Links, surroundings: Surroundings) -> None:
        self.name = name
        self.pid = 0
        self.address = ""
        self.state = "BOOT"
        """The latest state that its log told of, or ENDED."""
        self.since = time.time()
        self.epoch: int | None = None
        self.running = False
        self.how_ended = ""
        self.crashed = False
        """Whether it has ended otherwise than in order."""
        self._log = InstanceLog(folder / f"{name}.log", name)
        self._links = links
        self._surroundings = surroundings
        self._figures = Figures()
        self._changed = trio.lowlevel.ParkingLot()
        self._begun = trio.Event()
        self._over = trio.Event()
        self._process: trio.Process | None = None
        self._faults: dict[str, TimedFault] = {}

    @property
    def log_file(self) -> Path:
        """Where its log is."""
        return self._log.file

    @property
    def lines(self) -> deque[LogLineView]:
        """The latest lines of its log."""
        return self._log.lines

    @property
    def line_count(self) -> int:
        """How many lines it has logged."""
        return self._log.count

    @property
    def frozen(self) -> bool:
        """Whether it is stopped."""
        return self._left("frozen") > 0

    @property
    def live(self) -> bool:
        """Whether it can be given work: it runs, is not frozen, and has said lately that it is ready."""
        return self.running and not self.frozen and self._figures.ready

    async def run(self, environ: Mapping[str, str]) -> None:
        """Run it until its process ends. `environ` are all settings but its own."""
        with trio.CancelScope(shield=True):
            try:
                async with trio.open_nursery() as nursery:
                    await self._run(environ, nursery)
                    nursery.cancel_scope.cancel(reason="the process has ended")
            finally:
                self._send(signal.SIGKILL)  # where something has failed: nobody looks after it any more
                self._begun.set()
                self._over.set()

    async def until_begun(self) -> None:
        """Wait until its process has been started."""
        await self._begun.wait()

    async def until_over(self) -> None:
        """Wait until its process has ended."""
        await self._over.wait()

    async def reaches(self, *states: str) -> None:
        """Wait until it is in one of `states`. Raises trio.TooSlowError after 30 s, and Ended if it has ended."""
        with trio.fail_after(START_DEADLINE):
            while self.state not in states:
                if self.state == ENDED:
                    raise Ended(f"the {self.name} instance {self.how_ended}")
                await self._changed.park()

    async def end(self) -> None:
        """SIGTERM, and SIGKILL if that takes longer than END_DEADLINE; returns once it has ended."""
        await self._begun.wait()
        self.terminate()
        with trio.move_on_after(END_DEADLINE):
            await self._over.wait()
        if self.running:
            self.kill()
            await self._over.wait()

    def terminate(self) -> None:
        """SIGTERM: it drains and ends, also if it is frozen."""
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL."""
        self._surroundings.halted(self)
        self._send(signal.SIGKILL)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self._surroundings.halted(self)
        self._order("frozen", seconds)

    def cut_postgres(self, seconds: float) -> None:
        """Let nothing through between it and Postgres for so long."""
        self._order("no_postgres", seconds)

    def cut_bot_api(self, seconds: float) -> None:
        """Refuse its connections to the Bot API for so long."""
        self._order("no_bot_api", seconds)

    def view(self) -> InstanceView:
        """It, as the page shows it."""
        figures = self._figures
        return InstanceView(
            name=self.name,
            pid=self.pid,
            address=self.address,
            state=self.state,
            since=self.since,
            epoch=self.epoch,
            lease_left=figures.lease_left if self.state == "ACTIVE" else None,
            waiting=figures.queued,
            frozen_for=self._left("frozen"),
            no_postgres_for=self._left("no_postgres"),
            no_bot_api_for=self._left("no_bot_api"),
            ended=self.how_ended,
        )

    async def _run(self, environ: Mapping[str, str], nursery: trio.Nursery) -> None:
        way: dict[str, str] = await nursery.start(self._links.run)
        process = await self._start({**environ, **way})
        self._faults = instance_faults(self.name, nursery, self._links, self._send, self._surroundings.happened)
        self._begun.set()
        nursery.start_soon(self._keep_asking)
        await self._read_log(process)
        self._note_end(await process.wait())

    async def _start(self, environ: Mapping[str, str]) -> trio.Process:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        own = {"HOST": "127.0.0.1", "PORT": str(port), "INSTANCE_ID": self.name}
        # -P: without the working folder on the import path, where somebody may have a `migrations` of their own. In a
        # session of its own: Ctrl-C on the terminal reaches the demo, which ends it in order.
        self._process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", "svc", "run"],
            env={**environ, **own},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid, self.running = self._process.pid, True
        self._surroundings.started(self)
        return self._process

    async def _read_log(self, process: trio.Process) -> None:
        assert process.stdout is not None
        async for chunk in process.stdout:
            for event in self._log.take(bytes(chunk)):
                if event["event"] == "STATE":
                    self._note_state(event["to"], event["epoch"])
                self._surroundings.logged(self, event)

    def _note_state(self, state: str, epoch: int | None) -> None:
        self.state, self.since = state, time.time()
        self.epoch = self.epoch if epoch is None else epoch
        self._changed.unpark_all()

    def _note_end(self, code: int) -> None:
        self.running, self._figures, self._faults = False, Figures(), {}
        self.how_ended, self.crashed = _in_words(code), code != 0
        self._note_state(ENDED, None)
        self._surroundings.ended(self)
        self._over.set()

    async def _keep_asking(self) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            while True:
                self._figures = await ask(client, self.address)
                await trio.sleep(ASK_EVERY)

    def _order(self, fault: str, seconds: float) -> None:
        if fault in self._faults:
            self._faults[fault].order(seconds)

    def _left(self, fault: str) -> float:
        return self._faults[fault].left if fault in self._faults else 0.0

    def _send(self, number: signal.Signals) -> None:
        """A signal to this process, and to no other."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def _in_words(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"has ended with exit code {code}" if code else "has drained and ended"

"""The members as seen from outside: what they say, how they are told something, and how they end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from fleet.many_bots.member import COUNT, DRAIN, STAND_BY, Share
from fleet.many_bots.verdict import Span
from fleet.process import THIS, inherited_environment
from svc.waiting import Wakeup

END_DEADLINE = 30.0


@dataclass
class Member:
    """One member at work. `spans` are the times in which it has acted as a leader, by the clock of all processes;
    `sessions` how many sessions it has opened with the lock server; `warnings` what it has logged, by event. `gone` is
    set when it has ended and all that it has said was heard.
    """

    share: Share
    process: trio.Process
    heard: Wakeup
    spans: list[Span] = field(default_factory=list)
    sessions: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    stderr: bytes = b""
    expected_to_end: bool = False
    gone: trio.Event = field(default_factory=trio.Event)
    _counts: list[Counter[str]] = field(default_factory=list)

    @property
    def leading(self) -> set[int]:
        """The bots that it leads now."""
        return {span.bot for span in self.spans if span.end is None}

    async def stand_by(self) -> None:
        """Have it wait for the lead of the bots that others should lead."""
        await self._tell(STAND_BY)

    async def count(self) -> Counter[str]:
        """How many statements of each kind it has made so far while nothing happened."""
        known = len(self._counts)
        await self._tell(COUNT)
        with trio.fail_after(END_DEADLINE):
            while len(self._counts) == known:
                await self.heard.wait()
        return self._counts[-1]

    async def drain(self) -> float:
        """Have it hand over all that it leads, and end; when it was told."""
        self.expected_to_end = True
        told = time.monotonic()
        await self._tell(DRAIN)
        return told

    def kill(self) -> float:
        """End it at once; when that was done. What it has led ends then: the signal comes after this moment."""
        self.expected_to_end = True
        now = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        return now

    def lost(self, at: float) -> set[int]:
        """It was killed at this time, is gone, and can say no more of what it led: these bots."""
        lost = self.leading
        for span in self.spans:
            span.end = at if span.end is None else span.end
        return lost

    async def read(self) -> None:
        """Take in what it says until it ends."""
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))
            self.heard.set()
        await self.process.wait()
        self.gone.set()
        self.heard.set()

    async def read_stderr(self) -> None:
        """Take in what it writes to stderr until it ends."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.stderr += chunk

    def _hear(self, line: dict[str, Any]) -> None:
        match line["event"]:
            case "CONNECTED":
                self.sessions += 1
            case "LEADS":
                self.spans.append(Span(line["bot"], line["epoch"], self.share.name, line["at"]))
            case "LED":
                self._ended(line["bot"], line["at"])
            case "COUNTS":
                self._counts.append(Counter(line["counts"]))
            case event:
                self.warnings[str(event)] += 1

    def _ended(self, bot: int, at: float) -> None:
        for span in reversed(self.spans):
            if span.bot == bot:
                span.end = at
                return

    async def _tell(self, word: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(word.encode() + b"\n")


@asynccontextmanager
async def running_members(heard: Wakeup) -> AsyncIterator[Members]:
    """Members can be started within the block; those that still run at its end are ended. `heard` is set whenever one
    of them has said something.
    """
    async with trio.open_nursery() as nursery:
        members = Members(nursery, heard)
        try:
            yield members
        finally:
            with trio.move_on_after(END_DEADLINE, shield=True):
                await members.end()
        nursery.cancel_scope.cancel(reason="all have ended")


class Members:
    """All members that were started, also those that have ended."""

    def __init__(self, nursery: trio.Nursery, heard: Wakeup) -> None:
        self._nursery = nursery
        self._heard = heard
        self.all: list[Member] = []

    async def start(self, share: Share) -> Member:
        """Start one more, a process of its own."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "fleet.many_bots.member", share.as_json()],
            cwd=THIS.folder,
            env=inherited_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for whoever started it
        )
        member = Member(share, process, self._heard)
        self.all.append(member)
        self._nursery.start_soon(member.read)
        self._nursery.start_soon(member.read_stderr)
        return member

    @property
    def running(self) -> list[Member]:
        """Those that have not ended."""
        return [member for member in self.all if member.process.poll() is None]

    @property
    def spans(self) -> list[Span]:
        """The times in which anybody has acted as a leader."""
        return [span for member in self.all for span in member.spans]

    @property
    def failed(self) -> list[str]:
        """What has ended though nobody wanted it to, or has written to stderr, a sentence each."""
        return [
            f"{member.share.name} ended with {member.process.returncode}: {member.stderr.decode()[-300:]}"
            for member in self.all
            if member.stderr or (member.process.poll() is not None and not member.expected_to_end)
        ]

    async def end(self) -> None:
        """End those that still run, at once."""
        for member in self.running:
            member.expected_to_end = True
            member.process.kill()
        for member in self.all:
            await member.process.wait()

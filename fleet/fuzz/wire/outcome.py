"""What came of an attack, and what of it breaks a promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from fleet.fuzz.findings import Row
from fleet.fuzz.wire.attacks import Attack
from fleet.fuzz.wire.talks import MIB
from fleet.torture.verdict import percentile
from svc.intake.bodies import MAX_BODIES
from svc.intake.callback import CALLBACK_BYTES
from svc.intake.open_connections import MAX_CONNECTIONS, OWN_FILES

ACK = 0.050
"""Seconds from when a good request was due to its 200 that 99 of 100 may take."""
PER_CONNECTION = 96 * 1024
"""Bytes: a piece that is read (64 KiB), headers that are not complete (16 KiB), tasks and buffers."""
SLACK = 32 * MIB
"""What the service itself may grow by meanwhile: 400 good requests, their menus, and the log's lines."""
REPEATED = 8 * MIB
"""What a round may leave behind beyond those before it."""
LEFT_OPEN = 64
"""Files that may be open after an attack and were not before: 40 connections of Telegram, and some to the Bot API."""


@dataclass
class Outcome:
    """Of one attack, over all its rounds.

    `peak` is what the memory grew by at most, `rest` what was left of that after each round, in bytes. `waits` are the
    good requests', in seconds; `refused` what was answered to them but 200, `last_error` what Telegram has noted last.
    `processor` is the share of one processor that the instance took, `trouble` what it has logged of errors.
    """

    name: str
    attack: Attack
    clients: int = 0
    opened: int = 0
    closed: int = 0
    broken: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    lost: int = 0
    menus_wrong: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    last_error: str = ""
    peak: int = 0
    rest: list[int] = field(default_factory=list)
    files: int = 0
    files_left: int = 0
    processor: float = 0.0
    trouble: list[str] = field(default_factory=list)

    @property
    def memory_bound(self) -> int:
        """What the memory may grow by, as the design has it."""
        connections = min(self.clients, MAX_CONNECTIONS)
        # A body is there twice for a moment, in pieces and as a whole.
        bodies = 2 * min(self.clients * self.attack.body, MAX_BODIES + CALLBACK_BYTES)
        return connections * PER_CONNECTION + bodies + SLACK

    def breaches(self, *, timed: bool = True) -> tuple[str, ...]:
        """What was promised and not kept, a sentence each. Not `timed`: nothing about how long anything took, nor about
        what follows from that, such as a 503 because a commit took too long.
        """
        return tuple(self._breaches(timed))

    def row(self) -> Row:
        """The outcome as a line of the table."""
        answers = ", ".join(f"{count:,} times {status}" for status, count in sorted(self.answers.items())) or "none"
        grown = ", ".join(f"{_mib(rest)} after round {number}" for number, rest in enumerate(self.rest, 1))
        figures = {
            "what": self.attack.words,
            "connections": f"{self.opened:,} opened, {self.closed:,} closed by the server, {self.broken:,} broken",
            "answers": answers,
            "good": f"{len(self.waits):,}; ack {self._ms(0.5)} p50, {self._ms(0.99)} p99, {self._ms(1)} at most",
            "memory": f"{_mib(self.peak)} at most of {_mib(self.memory_bound)} allowed; {grown}",
            "open files": f"{self.files:,} at most",
            "processor": f"{self.processor:.0%} of one",
        }
        return Row(self.name, figures, self.breaches())

    def _ms(self, share: float) -> str:
        return f"{percentile(self.waits, share) * 1000:.0f} ms"

    def _breaches(self, timed: bool) -> Iterator[str]:
        yield from self.trouble
        if self.lost:
            yield f"{self.lost} good requests got no 200"
        if self.menus_wrong:
            yield f"{self.menus_wrong} people have not got one menu each"
        if timed:
            yield from self._delays()
        yield from self._excesses()
        for status, count in self.answers.items():
            if status.startswith("5") and status != "503":
                yield f"{count:,} answers were {status}"

    def _delays(self) -> Iterator[str]:
        """The good requests that had to wait, or to come again."""
        if percentile(self.waits, 0.99) >= ACK:
            yield f"99 of 100 good requests took up to {self._ms(0.99)}, not less than {ACK * 1000:.0f} ms"
        for refusal, count in self.refused.items():
            yield f"{count:,} good requests were answered with {refusal}"
        if self.last_error and not self.refused:
            yield f"a good request failed: {self.last_error}"

    @property
    def grows(self) -> bool:
        """Whether the last round has left more behind than any before it."""
        return len(self.rest) > 1 and self.rest[-1] - max(self.rest[:-1]) > REPEATED

    def _excesses(self) -> Iterator[str]:
        """What the instance took more of than it may."""
        if self.peak > self.memory_bound:
            yield f"the memory grew by {_mib(self.peak)}, more than {_mib(self.memory_bound)}"
        if self.grows:
            yield f"the memory grew again when the attack was repeated: {', '.join(map(_mib, self.rest))}"
        if self.files > MAX_CONNECTIONS + OWN_FILES:
            yield f"{self.files:,} files were open"
        if self.files_left > LEFT_OPEN:
            yield f"{self.files_left} more files are open than before"


def _mib(size: int) -> str:
    return f"{size / MIB:+.0f} MiB"

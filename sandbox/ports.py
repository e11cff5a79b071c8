"""A free TCP port for a process that is about to be started."""

from __future__ import annotations

import random
import socket
from pathlib import Path

CANDIDATES = range(15_000, 30_000)
TRIES = 100

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Not the module's own generator: processes that seed it alike would all try the same ports.
_random = random.SystemRandom()


def free_port() -> int:
    """A TCP port on loopback that nothing uses at the moment; OSError if none is found.

    Between this answer and its use another process may take the port. One that the kernel picks for `bind` to port 0 is
    from the range of which it also gives a port to every outgoing connection on the machine, so that under load it is
    taken soon. A random one below that range is taken by nothing but another call of this function, once in thousands.
    """
    for _ in range(TRIES):
        port = _random.choice(_candidates())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no free TCP port on loopback was found in {TRIES} tries")


def _candidates() -> range:
    """The part of CANDIDATES that is below the kernel's ephemeral ports; all of it where that part is small."""
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    except FileNotFoundError:  # not Linux: macOS and the BSDs begin at 49152 (RFC 6335)
        return CANDIDATES
    below = range(CANDIDATES.start, min(CANDIDATES.stop, first_ephemeral))
    return below if len(below) >= TRIES else CANDIDATES

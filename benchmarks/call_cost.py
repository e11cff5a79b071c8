"""What a call of the Bot API costs our process: processor time over the client's transport and over httpx's own.

Both call the stand-in in a process of its own, in turns; who goes first changes every time. Processor time is told, not
time by the clock, so that others at work on the machine matter little. `python -m benchmarks.call_cost --help` names
the options.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

import httpx
import trio

from benchmarks import ending
from sandbox.ports import free_port
from telegram_client.client import BotApi
from telegram_client.connections import KEEP_ALIVE, OpenTransport, network_transport

MOST = 0.5
"""Our transport's call may cost so many times what httpx's costs."""
DEADLINE = 600.0
_KEYS = [[{"text": f"Item {number}", "callback_data": f"menu:{number}"}] for number in range(6)]
_MENU = {"chat_id": 5, "text": "What would you like?", "reply_markup": {"inline_keyboard": _KEYS}}


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.call_cost", description=__doc__)
    parser.add_argument("--calls", type=int, default=5000, metavar="N", help="calls in each half of a pair (5000)")
    parser.add_argument("--at-once", type=int, default=16, metavar="N", help="calls at once (16)")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="how many pairs (5)")
    options = parser.parse_args()
    port = free_port()
    stub = subprocess.Popen([sys.executable, "-m", "benchmarks.telegram_stub", str(port)])
    try:
        costs = trio.run(_measure, port, options.calls, options.at_once, options.pairs)
    finally:
        stub.kill()
        stub.wait()
    for name, values in costs.items():
        print(f"{name:<8}{median(values):>8.1f} µs of processor time a call, {min(values):.1f} to {max(values):.1f}")
    ratio = median(ours / theirs for ours, theirs in zip(costs["ours"], costs["httpx"], strict=True))
    print(f"verdict: {'met' if ratio <= MOST else 'missed'}: {ratio:.2f} times the cost, {MOST} at most")
    return 0 if ratio <= MOST else 1


async def _measure(port: int, calls: int, at_once: int, pairs: int) -> dict[str, list[float]]:
    root = f"http://127.0.0.1:{port}"
    openers: dict[str, OpenTransport] = {"ours": network_transport(root), "httpx": _open_httpx}
    costs: dict[str, list[float]] = {name: [] for name in openers}
    with trio.fail_after(DEADLINE):
        await _listening(port)
        for number in range(pairs + 1):
            for name in list(openers)[:: 1 if number % 2 else -1]:
                async with BotApi("1:token", root=root, connections=at_once, open_transport=openers[name]) as api:
                    cost = await _cost(api, calls, at_once)
                if number:  # the first pair is for what is slow once
                    costs[name].append(cost)
    return costs


def _open_httpx() -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)
    return httpx.AsyncHTTPTransport(limits=limits, verify=False)


async def _cost(api: BotApi, calls: int, at_once: int) -> float:
    """Microseconds of this process' processor time for a call."""
    left = iter(range(calls))

    async def call_on() -> None:
        for _ in left:
            await api.call("sendMessage", _MENU)

    before = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(call_on)
    return 1e6 * (time.process_time() - before) / calls


async def _listening(port: int) -> None:
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.05)
        else:
            await stream.aclose()
            return


if __name__ == "__main__":
    ending.run(main)

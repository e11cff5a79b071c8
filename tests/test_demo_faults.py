"""Faults of the demo that are undone by themselves."""

from __future__ import annotations

import trio

from demo.timed_fault import TimedFault
from demo.world_faults import PROVIDER, TELEGRAM, WorldFaults
from sandbox.app import Sandbox
from sandbox.kie.app import KieSandbox

CALLS = 400


async def test_a_fault_ends_in_time_and_lasts_longer_when_it_is_ordered_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It begins once and ends once."""
    seen: list[tuple[str, float]] = []
    async with trio.open_nursery() as nursery:
        began = trio.current_time()

        def note(what: str) -> None:
            seen.append((what, trio.current_time() - began))

        fault = TimedFault(nursery, lambda: note("begin"), lambda: note("end"))
        assert fault.left == 0
        fault.order(10)
        await trio.sleep(4)
        assert fault.left == 6
        fault.order(10)
        assert fault.left == 10
    assert seen == [("begin", 0), ("end", 14)]
    assert fault.left == 0


async def test_each_fault_hits_its_share_and_ends(autojump_clock: trio.testing.MockClock) -> None:
    """All at once and each for itself; what somebody else has ordered of the provider stays."""
    sandbox, provider, news = Sandbox(), KieSandbox(), list[str]()
    others = provider.faults.order("hang", count=None, share=0.5)
    async with trio.open_nursery() as nursery:
        faults = WorldFaults(nursery, sandbox.faults, provider.faults, news.append)
        for name in (*TELEGRAM, *PROVIDER):
            faults.order(name, 10)
        assert faults.left() == dict.fromkeys((*TELEGRAM, *PROVIDER), 10.0)
        assert len(provider.faults.rules) == 1 + sum(map(len, PROVIDER.values()))
        faults.order("telegram_cut", 20)
        await trio.sleep(15)
        assert faults.left() == {"telegram_cut": 5.0}
        for chat in range(CALLS):
            faults.calls.before_call("sendMessage", chat)
        ordered = len(sandbox.faults.rules)
        assert CALLS * 0.1 < ordered < CALLS * 0.4, "a quarter of the calls"
    assert provider.faults.rules == [others]
    assert news.count("Telegram has one fault less.") == len(TELEGRAM) - 1
    assert set(news) - {"Telegram has one fault less."} == {"The provider is well again.", "Telegram is well again."}
    assert news[-1] == "Telegram is well again."
    faults.calls.before_call("sendMessage", 1)
    assert len(sandbox.faults.rules) == ordered, "no more are ordered"

"""The state machine: its table, every edge fired, every other refused, and the diagram made from it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from statemachine import EDGES, IllegalTransition, Lifecycle, State, Transition
from statemachine.diagram import mermaid

ROOT = Path(__file__).parent.parent
TRIGGERS: dict[str, Callable[[Lifecycle[str]], None]] = {
    "booted": lambda lifecycle: lifecycle.booted(),
    "lock_acquired": lambda lifecycle: lifecycle.lock_acquired("period", epoch=1),
    "lock_lost": lambda lifecycle: lifecycle.lock_lost("test"),
    "drain": lambda lifecycle: lifecycle.drain("test"),
}
WAY_TO = {
    State.BOOT: (),
    State.PASSIVE: ("booted",),
    State.ACTIVE: ("booted", "lock_acquired"),
    State.DRAINING: ("drain",),
}


def in_state(state: State) -> tuple[Lifecycle[str], list[Transition]]:
    """A lifecycle that has been led to `state`, and its steps so far."""
    steps: list[Transition] = []
    lifecycle: Lifecycle[str] = Lifecycle(steps.append)
    for trigger in WAY_TO[state]:
        TRIGGERS[trigger](lifecycle)
    return lifecycle, steps


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_every_pair_of_state_and_trigger(state: State, trigger: str) -> None:
    """The table's edges lead where it says; every other pair is a bug, said with both names."""
    lifecycle, steps = in_state(state)
    target = next((edge.target for edge in EDGES if edge.trigger == trigger and state in edge.sources), None)
    steps.clear()
    if target is None:
        with pytest.raises(IllegalTransition, match=f"{trigger} is not allowed in {state.name}"):
            TRIGGERS[trigger](lifecycle)
        assert lifecycle.state is state
        assert steps == []
    else:
        TRIGGERS[trigger](lifecycle)
        assert lifecycle.state is target
        assert [(step.source, step.target, step.trigger) for step in steps] == [(state, target, trigger)]


async def test_active_can_be_won_again(autojump_clock: trio.testing.MockClock) -> None:
    """PASSIVE and ACTIVE in turn, each step with its epoch and how long the state before it lasted."""
    lifecycle, steps = in_state(State.PASSIVE)
    for epoch in (1, 2, 3):
        await trio.sleep(5)
        lifecycle.lock_acquired("period", epoch=epoch)
        await trio.sleep(60)
        lifecycle.lock_lost("lease")
    assert [step.epoch for step in steps[1:]] == [1, 1, 2, 2, 3, 3]
    assert [round(step.held) for step in steps[1:]] == [5, 60] * 3


async def test_waiters_see_the_state_they_wait_for(autojump_clock: trio.testing.MockClock) -> None:
    """wait_for returns when the state is there, and does not miss one that is there already."""
    lifecycle, _ = in_state(State.BOOT)
    seen: list[State] = []

    async def wait(state: State) -> None:
        await lifecycle.wait_for(state)
        seen.append(state)

    async with trio.open_nursery() as nursery:
        for state in (State.ACTIVE, State.PASSIVE, State.DRAINING):
            nursery.start_soon(wait, state)
        await trio.testing.wait_all_tasks_blocked()
        lifecycle.booted()
        await trio.testing.wait_all_tasks_blocked()
        lifecycle.lock_acquired("period", epoch=1)
        await trio.testing.wait_all_tasks_blocked()
        assert not lifecycle.draining.is_set()
        lifecycle.drain("SIGTERM")
    assert seen == [State.PASSIVE, State.ACTIVE, State.DRAINING]
    assert lifecycle.draining.is_set()


def test_the_committed_diagram_is_current() -> None:
    """docs/architecture.md holds the diagram that `python -m statemachine.diagram` prints."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert f"```mermaid\n{mermaid()}\n```" in text


@pytest.mark.parametrize("package", ["statemachine", "telegram_client", "providers"])
def test_the_package_could_be_lifted_out(package: str) -> None:
    """It imports nothing of the service, the sandbox or the migrations."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] in ("svc", "sandbox", "migrations")], path

"""Hostile connections to a real instance, each attack once and small. `make fuzz` makes them whole, and measures."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fleet.fuzz.wire.attacks import ATTACKS
from fleet.fuzz.wire.outcome import Outcome
from fleet.fuzz.wire.run import attacked_instance, suffer
from fleet.fuzz.wire.talks import MIB
from svc.intake.open_connections import MAX_CONNECTIONS

SECONDS = 1.5
CLIENTS = 300
NAMES = list(ATTACKS)
PARTS = 4
# An instance that others keep from running loses its lease, which is no fault of the attack's.
PATIENT = {"LEASE": "60"}


@pytest.mark.processes
@pytest.mark.parametrize("part", range(PARTS))
async def test_no_attack_costs_anybody_an_answer(database_url: str, part: int) -> None:
    """Beside each attack everybody who writes gets one menu; the process lives, says nothing of errors and never
    answers 500; its memory and its open files stay within their bounds."""
    async with attacked_instance(database_url, **PATIENT) as (fleet, service):
        for name in NAMES[part::PARTS]:
            clients = min(ATTACKS[name].clients, CLIENTS)
            outcome = await suffer(fleet, service, name, 1, seconds=SECONDS, clients=clients, rounds=1)
            assert outcome.breaches(timed=False) == (), name
            assert outcome.opened >= clients
            assert outcome.waits


FINE = Outcome(
    "an attack", ATTACKS["headers"], 10, 50, 40, 10, Counter({"400": 40, "503": 2}), [0.01] * 199 + [0.3], rest=[0, MIB]
)
BREACHES: dict[str, tuple[dict[str, Any], str]] = {
    "slow": ({"waits": [0.01] * 90 + [0.06] * 10}, "99 of 100 good requests took up to 60 ms, not less than 50 ms"),
    "lost": ({"lost": 1}, "1 good requests got no 200"),
    "refused": ({"refused": Counter([503])}, "1 good requests were answered with 503"),
    "broken": ({"last_error": "Webhook connection closed"}, "a good request failed: Webhook connection closed"),
    "twice": ({"menus_wrong": 2}, "2 people have not got one menu each"),
    "memory": ({"peak": 100 * MIB}, "the memory grew by +100 MiB, more than +33 MiB"),
    "leak": ({"rest": [MIB, 20 * MIB]}, "the memory grew again when the attack was repeated: +1 MiB, +20 MiB"),
    "files": ({"files": MAX_CONNECTIONS + 200}, "2,200 files were open"),
    "files left": ({"files_left": 100}, "100 more files are open than before"),
    "an error": ({"answers": Counter({"500": 3})}, "3 answers were 500"),
    "a traceback": ({"trouble": ["the instance has ended"]}, "the instance has ended"),
}


def test_an_attack_that_is_borne_has_no_breach() -> None:
    """A 400 or a 503 to an attacker is none, nor is one slow answer of a hundred."""
    assert FINE.breaches() == ()


@pytest.mark.parametrize(("fault", "words"), BREACHES.values(), ids=BREACHES)
def test_each_breach_is_found(fault: dict[str, Any], words: str) -> None:
    """And nothing besides it."""
    assert replace(FINE, **fault).breaches() == (words,)


def test_what_only_takes_long_is_left_out_where_nothing_is_timed() -> None:
    """A slow machine is no breach in a test."""
    slow = replace(FINE, waits=[5.0] * 100, refused=Counter([503]), last_error="Read timeout expired")
    assert len(slow.breaches()) == 2
    assert slow.breaches(timed=False) == ()

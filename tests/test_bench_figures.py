"""`make bench`: it reckons right what it finds, and the flame graph shows what was sampled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from xml.etree import ElementTree

from benchmarks.contenders import MAKERS
from benchmarks.flame_svg import MOST_BYTES, draw, grow, read_stacks
from benchmarks.goals import Goal, judge
from benchmarks.plan import PEERS, SIDES
from benchmarks.processes import cpu_seconds, family_cpu_seconds, with_descendants
from benchmarks.report import Run, paired_ratios
from benchmarks.takeover import Samples

GOOD: dict[str, dict[str, float]] = {
    "ours": {"acks": 1500, "ack_p99": 2.0, "menu_p50": 1.2, "menu_p99": 3.0, "rss": 79.0},
    "ours+intake": {"acks": 2000},
    **{peer: {"acks": 1000, "ack_p99": 2.0, "menu_p50": 1.0, "menu_p99": 2.0} for peer in PEERS},
}
TIMES = {
    "planned handover: last call -> next one's first": [29.0, 29.9, 99.0],
    "kill -9: signal -> next one ACTIVE": [299.0],
    "cold start: process -> ACTIVE": [499.0],
    "cold start: process -> first 200": [399.0],
}


def one_round(number: int, values: Mapping[str, Mapping[str, float]]) -> list[Run]:
    """A run of each side; `acks` stands for all four throughputs."""
    found = []
    for side, its in values.items():
        rest = {key: value for key, value in its.items() if key != "acks"}
        throughputs = dict.fromkeys(("acks_40", "acks_100", "menus_40", "menus_100"), its["acks"])
        found.append(Run(number, side, "all", throughputs | rest))
    return found


def missed(goals: list[Goal]) -> list[str]:
    """The words of the goals that are not met."""
    return [goal.words for goal in goals if not goal.met]


def samples() -> list[Samples]:
    """Ours, in time."""
    return [Samples("ours", name, list(times)) for name, times in TIMES.items()]


def test_every_goal_is_met_at_its_bound_and_missed_where_nothing_was_measured() -> None:
    """Nothing measured is nothing proved."""
    met = judge(one_round(1, GOOD), samples())
    assert missed(met) == []
    assert missed(judge([], [])) == [goal.words for goal in met]


def test_a_ratio_is_the_median_of_pairs_so_a_slow_round_hits_both_sides() -> None:
    """The machine is ten times slower in two of five rounds: each round still says what it said."""
    runs = []
    for number, pace in enumerate((1.0, 0.1, 1.0, 0.1, 1.0), start=1):
        runs += one_round(number, {"ours": {"acks": 1500 * pace}, "aiogram": {"acks": 1000 * pace}})
    runs += one_round(6, {"ours": {"acks": 9.0}})
    ratios = paired_ratios(runs, "ours", "aiogram", "acks_40")
    assert [round(ratio, 6) for ratio in ratios] == [1.5] * 5


def test_latencies_are_held_against_the_peer_that_is_best_at_them() -> None:
    """One peer that is quicker is enough to miss, and it is named."""
    values = GOOD | {"grammy": GOOD["grammy"] | {"menu_p99": 1.0}}
    goals = judge(one_round(1, values), samples())
    assert missed(goals) == ["menu p99 at 200/s: ours / the best peer"]
    assert next(goal.found for goal in goals if not goal.met) == "3.00 (best: grammy)"


def test_one_slow_takeover_misses_the_p99() -> None:
    """With fewer than 100 trials it is the slowest."""
    found = samples()
    found[0].times.append(101.0)
    assert missed(judge(one_round(1, GOOD), found)) == ["planned handover: last call -> next one's first, p99"]


def test_every_side_can_be_made() -> None:
    """What --sides takes is what there are makers for."""
    assert set(SIDES) <= set(MAKERS)


def test_processor_time_counts_children_also_those_that_have_ended() -> None:
    """A child that has worked for 0.3 s and ended is in the family's time."""
    work = "import time\nwhile time.process_time() < 0.3: pass"
    me = os.getpid()
    before = family_cpu_seconds(me)
    subprocess.run([sys.executable, "-c", work], check=True, timeout=60)
    assert family_cpu_seconds(me) - before >= 0.2
    assert with_descendants(me)[0] == me
    assert cpu_seconds([me]) > 0


def test_processes_that_end_while_they_are_looked_for_are_left_out() -> None:
    """As Postgres' do; 4,000 times, since in half a percent of all looks one ends at the wrong moment."""
    busy = subprocess.Popen(["bash", "-c", "while :; do /bin/true & /bin/true & wait; done"])
    try:
        for _ in range(4000):
            assert with_descendants(busy.pid)[0] == busy.pid
    finally:
        busy.kill()
        busy.wait(60)


def test_a_flame_graph_shows_the_share_of_every_function() -> None:
    """What all stacks begin with is left out, as is a thread that only waits."""
    raw = "main (a.py);work (svc/b.py) 3\nmain (a.py);wait <&> (trio/c.py) 1\n"
    raw += "run (t.py);Condition.wait (threading.py) 9\n"
    root = grow(read_stacks(raw))
    assert (root.name, root.samples) == ("main (a.py)", 4)
    svg = draw(root, "a <title>")
    titles = [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["main (a.py): 100.0 %", "wait <&> (trio/c.py): 25.0 %", "work (svc/b.py): 75.0 %"]


def test_a_flame_graph_stays_small() -> None:
    """However many functions there are: the narrowest are left out."""
    raw = "".join(
        f"main (a.py);group {n % 40} (b.py);function {n} (svc/module_{n}.py) {1 + n % 7}\n" for n in range(9000)
    )
    svg = draw(grow(read_stacks(raw)), "many")
    assert len(svg.encode()) <= MOST_BYTES
    assert "group 39" in svg

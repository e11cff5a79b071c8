"""The outcome of a run as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.many_bots.run import Outcome
from fleet.many_bots.update_cost import UpdateCost
from fleet.torture.verdict import percentile
from svc.leadership.election import TRY_EVERY
from svc.leadership.heartbeats import BEAT_EVERY
from svc.leadership.lease import LeaseTimes

MIB = 1024 * 1024
# Of the waits between two looks at the lock: a quarter of each is jitter.
MEAN_JITTER = 0.875
Row = tuple[str, str, str]


def table(outcome: Outcome) -> str:
    """A line for each figure, and what each was taken from."""
    rows = [*_fleet(outcome), *_usual(outcome), *_notices(outcome), *_changes(outcome), *_updates(outcome)]
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(f"{name:<{width}}  {value:>10}  {words}".rstrip() for name, value, words in rows)


def verdict(outcome: Outcome) -> str:
    """The last line: what was kept, or what was not."""
    breaches = outcome.breaches()
    if breaches:
        return f"verdict: broken: {'; '.join(breaches)}"
    longest = max(outcome.waits, default=0.0)
    return (
        f"verdict: kept: every bot of {outcome.plan.bots} has one leader, none had two, {outcome.lost} were taken over "
        f"within {longest:.2f} s"
    )


def _fleet(outcome: Outcome) -> list[Row]:
    plan = outcome.plan
    return [
        ("bots", str(plan.bots), f"{plan.members} members, {plan.each} candidates for each bot"),
        ("pace", f"1/{plan.slower:g}", f"every interval is {plan.slower:g} times as long as by default"),
        ("first leads", f"{outcome.started_in:.1f} s", "from the start of the first process until every bot is led"),
        ("spread", f"{min(outcome.leads)}..{max(outcome.leads)}", "bots that a member leads"),
        ("sessions", str(outcome.sessions), "with the lock server: one for each candidate of each bot"),
        ("", _mib(outcome.session_bytes), "of memory that is one session's alone, at the server"),
        ("", _mib(outcome.session_bytes * outcome.sessions), "for all of them"),
        ("member", _mib(outcome.member_bytes), "resident, with all its candidacies"),
    ]


def _usual(outcome: Outcome) -> list[Row]:
    usual, plan = outcome.usual, outcome.plan
    due, made = due_a_second(plan.bots, plan.each), usual.statements.total()
    server, members = (used / max(1, made) for used in (usual.server, usual.members))
    kinds = ", ".join(f"{name} {count / usual.at * plan.slower:.0f}/s" for name, count in usual.statements.items())
    return [
        ("at rest", f"{due:.0f}/s", "transactions are due at the default pace, by the intervals"),
        ("", f"{made / usual.at * plan.slower:.0f}/s", f"were made, on a machine with other work fewer: {kinds}"),
        ("", f"{server * 1e6:.0f} µs", "of the server's processor for each, on average"),
        ("", f"{members * 1e6:.0f} µs", "of the members' processor for each"),
        ("", f"{server * due:.2f}", "processors for the server at the default pace"),
        ("", f"{members * due:.2f}", "processors for all members together at the default pace"),
        ("", f"{usual.wal / max(1, made) * due / 1024:.0f} KB/s", "of log at the default pace"),
        (
            "heartbeat",
            f"{outcome.beats.beat * 1e6:.0f} µs",
            "of the server's processor for one of a leader's, on its lock",
        ),
        ("", f"{outcome.beats_alone.beat * 1e6:.0f} µs", "of that where there is no other session"),
        ("look", f"{outcome.beats.look * 1e6:.0f} µs", "of the server's processor for one look whether a lock is free"),
    ]


def due_a_second(bots: int, each: int) -> float:
    """How many transactions are due in a second at the default pace, by the intervals alone: a leader's heartbeats on
    its lock, everybody else's looks at it, and what every candidate says of itself.
    """
    looks = 1 / (TRY_EVERY * MEAN_JITTER)
    return bots * (1 / LeaseTimes().heartbeat + (each - 1) * looks + each / BEAT_EVERY)


def _notices(outcome: Outcome) -> list[Row]:
    here, elsewhere = outcome.notice, outcome.notice_elsewhere
    return [
        (
            "notification",
            f"{here.server * 1e6:.1f} µs",
            "of the server's processor for each who listens, whomever it is for",
        ),
        ("", f"{here.listener * 1e6:.1f} µs", "of the listener's own"),
        ("", f"{here.server * outcome.sessions * 1000:.1f} ms", "of the server's processor for one, with all sessions"),
        ("", f"{elsewhere.server * 1e6:.1f} µs", "of the server's for each who listens in another database"),
    ]


def _changes(outcome: Outcome) -> list[Row]:
    return [
        ("handed over", str(len(outcome.handed_over)), "bots of a member that was told to end"),
        *_times(outcome.handed_over, "from the old leader's last moment to the new one's first"),
        ("", f"{outcome.handover_took:.2f} s", "from the order until the last of them was led again"),
        ("killed", str(outcome.lost), "bots of a member that was killed"),
        *_times(outcome.waits, "from the kill until a bot was led again"),
        ("two at once", str(outcome.two_at_once), "terms that overlapped with another of their bot"),
        ("without", str(len(outcome.without)), "bots without a leader in the end"),
    ]


def _updates(outcome: Outcome) -> list[Row]:
    return [
        row
        for cost in outcome.updates
        for row in (
            (
                "an update",
                f"{cost.commits:.2f}",
                f"commits, {cost.side_by_side} at any time{_by_day(cost)}",
            ),
            ("", f"{cost.wal_bytes:.0f} B", "of log, between checkpoints"),
            ("", f"{cost.disk_bytes:.0f} B", "of disk that it leaves in processed_updates, indexes included"),
            ("", f"{cost.server_seconds * 1e6:.0f} µs", "of the server's processor"),
        )
    ]


def _by_day(cost: UpdateCost) -> str:
    return ", and partitions by day" if cost.by_day else ""


def _times(seconds: Sequence[float], words: str) -> list[Row]:
    return [
        ("", f"{percentile(seconds, 0.5):.3f} s", f"p50, {words}"),
        ("", f"{percentile(seconds, 0.99):.3f} s", "p99"),
        ("", f"{max(seconds, default=0.0):.3f} s", "the longest"),
    ]


def _mib(count: float) -> str:
    return f"{count / MIB:.1f} MiB"

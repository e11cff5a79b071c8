"""The outcome of a run as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.many_bots.run import Outcome
from fleet.torture.verdict import percentile

MIB = 1024 * 1024
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
    usual, slower = outcome.usual, outcome.plan.slower
    rate = usual.transactions / usual.at * slower
    return [
        (
            "at rest",
            f"{rate:.0f}/s",
            "transactions at the default pace: heartbeats, and looks whether the lock is free",
        ),
        ("", f"{usual.server / usual.transactions * 1e6:.0f} µs", "of the server's processor for each"),
        ("", f"{usual.members / usual.transactions * 1e6:.0f} µs", "of the members' processor for each"),
        ("", f"{usual.server / usual.at * slower:.2f}", "processors of the server at the default pace"),
        ("", f"{usual.members / usual.at * slower:.2f}", "processors of all members together at the default pace"),
        ("", f"{usual.wal / usual.at * slower / 1024:.0f} KB/s", "of log at the default pace"),
    ]


def _notices(outcome: Outcome) -> list[Row]:
    here, elsewhere = outcome.notice, outcome.notice_elsewhere
    return [
        ("notification", _ms(here.server), "of the server's processor for one, all listeners together"),
        ("", _ms(here.members), "of the members' processor for one"),
        ("", _ms(elsewhere.server), "of the server's processor for one in another database"),
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
            ("an update", f"{cost.commits:.2f}", f"commits, with {cost.side_by_side} worked on at any time"),
            ("", f"{cost.wal_bytes:.0f} B", "of log, between checkpoints"),
            ("", f"{cost.disk_bytes:.0f} B", "of disk that it leaves in processed_updates, indexes included"),
            ("", f"{cost.server_seconds * 1e6:.0f} µs", "of the server's processor"),
        )
    ]


def _times(seconds: Sequence[float], words: str) -> list[Row]:
    return [
        ("", f"{percentile(seconds, 0.5):.3f} s", f"p50, {words}"),
        ("", f"{percentile(seconds, 0.99):.3f} s", "p99"),
        ("", f"{max(seconds, default=0.0):.3f} s", "the longest"),
    ]


def _mib(count: float) -> str:
    return f"{count / MIB:.1f} MiB"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"

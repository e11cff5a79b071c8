"""The outcome of a run as a table for a terminal."""

from __future__ import annotations

from fleet.torture.run import Outcome
from fleet.torture.verdict import percentile


def table(outcome: Outcome) -> str:
    """A line for each figure, and what each was taken from."""
    width = max(len(name) for name, _, _ in _rows(outcome))
    return "\n".join(f"{name:<{width}}  {value:>9}  {words}".rstrip() for name, value, words in _rows(outcome))


def _rows(outcome: Outcome) -> list[tuple[str, str, str]]:
    verdict, plan = outcome.verdict, outcome.plan
    longest = max(verdict.waits, default=0.0)
    return [
        ("scene", plan.scene, f"seed {plan.seed}, {plan.seconds:g} s, {plan.rate:g} messages a second"),
        ("faults", str(outcome.faults), f"{outcome.instances} instances in all, {outcome.terms} terms"),
        ("written", str(verdict.written), "by people"),
        ("accepted", str(verdict.accepted), "answered with 200"),
        ("menus", str(verdict.menus), "sent to them, by Telegram's own list"),
        ("lost", str(len(verdict.lost)), "got no answer"),
        ("twice", str(len(verdict.twice)), "got more than one, and no doubt was recorded"),
        ("in doubt", str(verdict.excused), "got none or more than one, and a doubt was recorded"),
        ("order", str(len(verdict.out_of_order)), "answers out of their chat's order"),
        ("unasked", str(len(verdict.not_asked_for)), "messages that nobody asked for"),
        ("not ACTIVE", str(len(verdict.strays)), "calls by an instance that was not ACTIVE"),
        *[("", "", stray) for stray in verdict.strays[:3]],
        *_orders(outcome),
        ("edited", str(verdict.edits), f"messages edited by looking ({outcome.probes} probes)"),
        ("found out", str(outcome.found), "as the service says"),
        ("could not tell", str(outcome.doubts), "as the service says"),
        *[("", str(count), reason) for reason, count in outcome.reasons.most_common(3)],
        ("wait", _seconds(percentile(verdict.waits, 0.5)), "p50 of all, from writing to the answer"),
        ("", _seconds(percentile(verdict.waits, 0.99)), "p99"),
        ("", _seconds(longest), "the longest"),
        ("since the 200", _seconds(percentile(verdict.waits_from_200, 0.5)), "p50 of all, from the 200 to the answer"),
        ("", _seconds(percentile(verdict.waits_from_200, 0.99)), "p99"),
        *_after_kills(outcome),
        *_jobs(outcome),
    ]


def _orders(outcome: Outcome) -> list[tuple[str, str, str]]:
    operator = outcome.operator
    if not operator.spans and not operator.handovers and not operator.not_done:
        return []
    return [
        ("orders", str(len(operator.spans)), "pauses of all sending that were obeyed"),
        ("", str(operator.handovers), "times the lead was handed over"),
        ("", str(operator.not_done), "could not be done just then"),
        ("while paused", str(len(outcome.verdict.paused)), "messages were begun"),
        *[("", "", each) for each in outcome.verdict.paused[:3]],
    ]


def _jobs(outcome: Outcome) -> list[tuple[str, str, str]]:
    jobs = outcome.jobs
    if jobs is None:
        return []
    return [
        ("jobs", str(jobs.asked), "pictures were asked for"),
        ("delivered", str(jobs.delivered), "as Telegram saw it"),
        ("failed", str(jobs.failed), "and their people were told so"),
        *[("", str(count), reason) for reason, count in jobs.reasons.most_common(5)],
        ("unknown", str(jobs.unknown), f"of which {len(jobs.unexplained)} without a create whose answer was cut"),
        ("lost", str(len(jobs.lost)), "nobody was told of their end"),
        ("twice", str(len(jobs.told_twice)), "were told of twice, and no doubt was recorded"),
        ("in doubt", str(jobs.excused), "were told of twice or not at all, and a doubt was recorded"),
        ("created twice", str(len(jobs.created_twice)), "as the provider saw it"),
        ("for nothing", str(len(jobs.made_for_nothing)), "were made, could be had, and were not delivered"),
        ("from success", _seconds(percentile(jobs.waits, 0.5)), "p50, from the success at the provider to the person"),
        ("", _seconds(percentile(jobs.waits, 0.99)), "p99"),
        ("", _seconds(max(jobs.waits, default=0.0)), "the longest"),
    ]


def _after_kills(outcome: Outcome) -> list[tuple[str, str, str]]:
    waits = outcome.after_kills
    if not outcome.kills:
        return []
    return [
        ("after a kill", str(len(waits)), f"answers were in flight at {outcome.kills} kills"),
        ("", _seconds(percentile(waits, 0.5)), "p50 of these, from the kill to the answer"),
        ("", _seconds(percentile(waits, 0.99)), "p99"),
        ("", _seconds(max(waits, default=0.0)), "the longest"),
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"

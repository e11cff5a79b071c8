"""What was promised of a webhook that is sent nonsense, as pure functions: they yield a sentence for each breach.

No answer but those of the contract, no traceback, nothing accepted that does not come to an end, and everybody who
wrote something sensible in between is answered once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fleet.fuzz.bodies import Request
from fleet.fuzz.connection import Answer
from fleet.process import LogLine

CONTRACT = frozenset({200, 400, 401, 405, 413, 415, 503})
OVERLOADED = frozenset({"no commit in time", "too many updates at once"})
"""For what reasons an update may be left with Telegram for now: it is 503 then, and comes again."""
FAULTS = frozenset({"error", "critical", "exception"})
"""The levels of lines that say of a fault."""
THE_UPDATES_OWN = frozenset({"DEAD", "IDS_NOT_GROWING"})
"""But for these: there it is what was sent that has the fault."""
SHOWN = 300


def wrong_answer(request: Request, answer: Answer) -> Iterator[str]:
    """Not what this request may be answered with. A 503 has to say when to come again, and is asked about elsewhere."""
    if answer.status == 503:
        if not answer.headers.get("retry-after", "").isdigit():
            yield f"a 503 without Retry-After to {shown(request)}"
    elif answer.status not in CONTRACT:
        yield f"{answer.status}, which is not in the contract, to {shown(request)}"
    elif answer.status not in request.allowed:
        yield f"{answer.status} and not {', '.join(map(str, sorted(request.allowed)))} to {shown(request)}"


def wrong_lines(lines: Iterable[LogLine], stderr: bytes) -> Iterator[str]:
    """What an instance logs or prints that says of a fault of its own."""
    for line in lines:
        if "exception" in line or (line.get("level") in FAULTS and line["event"] not in THE_UPDATES_OWN):
            words = str(line.get("exception") or line)[-SHOWN:]
            yield f"{line['event']} in the log (update {line.get('update_id')}): {words}"
        elif line["event"] == "NOT_STORED" and line.get("reason") not in OVERLOADED:
            yield f"NOT_STORED in the log: {line.get('reason')}"
    if stderr:
        yield f"on stderr: {stderr[-SHOWN:].decode('utf-8', 'replace')}"


def wrong_endings(accepted: Collection[int], outcomes: Mapping[int, str]) -> Iterator[str]:
    """Updates that were answered with 200 and have not come to an end, and the other way round; `outcomes` by id."""
    lost, unknown = set(accepted) - outcomes.keys(), outcomes.keys() - set(accepted)
    if lost:
        yield f"{len(lost)} updates were answered with 200 and are not known, as {min(lost)}"
    if unknown:
        yield f"{len(unknown)} updates were not answered with 200 and yet were stored, as {min(unknown)}"


def wrong_good(people: Iterable[int], answers: Mapping[int, int]) -> Iterator[str]:
    """People who wrote something sensible and did not get one answer."""
    for person in people:
        if answers.get(person, 0) != 1:
            yield f"person {person} got {answers.get(person, 0)} answers to one good message"


def wrong_rest(inbox: Sequence[object], seconds: float) -> Iterator[str]:
    """What is left in the inbox, the oldest first, after so many seconds without anything new."""
    if inbox:
        yield f"{len(inbox)} updates are in the inbox after {seconds:.0f} s, as {inbox[0]}"


def shown(request: Request) -> str:
    """A request in a sentence."""
    body = request.body if len(request.body) <= SHOWN else request.body[:SHOWN] + b"..."
    return f"{request.method} ({request.kind}, update {request.update_id}, {len(request.body):,} bytes): {body!r}"

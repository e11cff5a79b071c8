"""The provider's limits on creates: when the next may be made.

kie takes 20 creates in 10 seconds and has about 100 tasks running, of one account; one more is refused with 429 and
not queued (docs.kie.ai as of 2026-08). What is refused so is only put off, so these limits need not be kept to the
last one. But who waits here waits in order, and does not ask in vain.
"""

from __future__ import annotations

from collections import deque

CREATES = 20
WINDOW = 10.0
RUNNING = 100
GAP = WINDOW / CREATES
# Who waits looks in this often at least, since tasks may end sooner than thought.
LONGEST_WAIT = 30.0


class Pace:
    """Whose turn it is to be handed in. It is told the time and does not wait.

    A leader that has just begun does not know what the one before has made. It takes that for the full number, evenly
    spread over the last ten seconds: so its own first ones leave half a second apart.
    """

    def __init__(self, now: float) -> None:
        self._made = deque((now - GAP * ago for ago in range(CREATES - 1, -1, -1)), maxlen=CREATES)
        self._places: dict[int, float] = {}
        self._last_place = now

    def wait_for(self, job_id: int, running: int, now: float) -> float:
        """Seconds until this job may be handed in; 0: it may now, and is counted as a create.

        `running` is how many the provider has. Until then the job has a place in the queue, which those that come later
        do not take from it.
        """
        place = self._places.pop(job_id, None)
        queue = self._last_place > now and (place is None or place > now)
        if not queue and running < RUNNING and self._made[0] + WINDOW <= now:
            self._made.append(now)
            return 0.0
        if place is None or place <= now:
            place = max(self._last_place + GAP, now + GAP)
            if place > now + LONGEST_WAIT:
                # The end of a long queue comes back together, as often as any.
                place = now + LONGEST_WAIT
        self._last_place = max(self._last_place, place)
        self._places[job_id] = place
        self._forget(now)
        return place - now

    def _forget(self, now: float) -> None:
        """Jobs that have not come for their place: cancelled, or over."""
        for job_id in [each for each, place in self._places.items() if place < now - LONGEST_WAIT]:
            del self._places[job_id]

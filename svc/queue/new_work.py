"""What this instance has been told of: ids of updates that were stored, or only that something was.

Ids are remembered up to a bound, the latest of them: each can be read by its key, whatever else waits. It is never the
only way to an update. What is forgotten here is found by the sweep through the inbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from svc.waiting import Wakeup

# Ids that are remembered until they are read, or passed on. A notification brings 400 at most.
IDS = 2000


class NewWork:
    """Ids of updates in the inbox that somebody has told of.

    `known` is set when there are ids to take, `unknown` when something was stored and nobody knows what.
    """

    def __init__(self, ids: int = IDS) -> None:
        self.known = Wakeup()
        self.unknown = Wakeup()
        self._most = ids
        self._ids: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def tell(self, update_ids: Sequence[int] = ()) -> None:
        """These updates were stored; without ids: something was."""
        for update_id in update_ids:
            self._ids[update_id] = None
        while len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]
        (self.known if update_ids else self.unknown).set()

    def take_ids(self, limit: int) -> list[int]:
        """At most `limit` of the ids, in the order in which they were told; they are forgotten here."""
        taken = list(islice(self._ids, limit))
        for update_id in taken:
            del self._ids[update_id]
        return taken

"""The lifecycle of one instance: BOOT, PASSIVE, ACTIVE, DRAINING.

Rule 1: the table `EDGES` is the whole truth. The machine, the diagram and the tests are made from it.
Rule 2: a transition is instantaneous and synchronous. What takes time waits on an event that it sets.
Rule 3: a trigger that the table does not allow is a bug in the caller and raises `IllegalTransition`.
Rule 4: the ACTIVE event is open in ACTIVE and in no other state. The machine opens and closes it, nobody else.

The package knows nothing of Telegram, Postgres or HTTP and can be lifted out and used alone.
"""

from statemachine.active_event import ActiveEvent
from statemachine.lifecycle import EDGES, Edge, IllegalTransition, Lifecycle, State, Transition

__all__ = ["EDGES", "ActiveEvent", "Edge", "IllegalTransition", "Lifecycle", "State", "Transition"]

"""An explicit-state model of lock, lease, epoch, begin, settle, crash, pause, partition and take-over.

    python -m tests.model [variant ...]     prints the states explored and, for a violation, its shortest trace

Theory of operation. A simulator finds what its faults reach; this finds the rest. A state (`state`) is what the
database, the wire and two processes hold, as one immutable tuple. `steps` lists all that can happen next; `search`
goes through every reachable state, breadth first, and checks every one (`invariants`; `calm` for what must still be
possible). The database's steps are functions of their own (`database`, `looks`), each one statement of
`svc.storage.postgres_inbox`; `replay` runs those of `database` beside the real ones. `rules` holds the bounds, and one
switch for each defence: without it a search must end in a violation, or the model would prove nothing.

What stands for what:

- A pause, a slow process and a partition are no steps but the absence of them. No step is ever forced: a process may
  stop anywhere, for any time, with its clocks running on; a message may be late by any time or lost.
- A crash is `step_down`, which may come anywhere, and the loss of what is on the wire. The process is then a new one:
  it knows nothing of before. SIGTERM, an error and the end of the lease are the same step.
- A statement is asked for, executed (atomic, at its commit) and answered. To hear an answer is no step: one who has
  not heard it yet and one who heard it and is slow do the same. An answer that is lost is one: begin is asked again,
  and the first request may stay on the wire and be executed whenever the server likes, also after its sender's end
  (`late_begins`). A settlement is repeated until done; it too outlives its term and may then be lost (and is, if the
  wire is as full as its bound allows).
- Every statement is one step, BEGIN with FOR SHARE and NEW_TERM too: that one waits for the other is tested on the
  real thing in `test_fence`. A take-over whose sender is gone may still be executed, as long as the server has not
  noticed that the session with the lock has no client any more.
- Time passes in ticks. Only L < T matters, so L = 1 and T = 2. The lease is counted from the heartbeat's sending (for
  the first one, from that of the lock's attempt); the server ends a session T ticks after it heard from it, or later,
  or at any time once its client is gone. `clock=False` leaves ticks and heartbeats out and has the server keep a
  session as long as its holder's lease lasts, which is what the search with the clock has shown (G5).
- A call counts as a message from the moment it leaves, the worst case. Looking at the lease and writing the call are
  one step. In the real system a process may be paused just between the two: that window can be made small but not
  closed by anything on this side of Telegram, and the model does not claim otherwise.
- An update arrives at any instance, as often as Telegram likes, and is stored alone; or at an active one whose worker
  is idle, and an attempt goes along with it. That is asked for, executed and answered like begin; where no answer
  comes, what may have begun is put back, and the statement may still be executed after that. A statement sees the inbox
  as it was when it began: of that only the case matters in which a settlement of the same update overtakes it
  (`copies`). Only the second update may arrive like this, so that what has to come first is there.
- A worker tries anything pending in the inbox: nothing rests on the queue's knowing better. One worker an instance.
- Ages are left out: what is in doubt may be decided on at once. The send deadline saves needless doubts; only where a
  session is killed before its time (`KILLED`) does a guarantee need it. Each decision chooses its row, and is asked and
  executed in one.
- Dead letters are those of too many doubts. Not here: other reasons for them, replays, `skip` as policy, calls that may
  be repeated, dismissal, attempts, how long anything waits.

Looking for a send in doubt has searches of its own (`Rules.looking`; `looking`, `telegram`, `known`), in which both
updates are of one chat:

- Lock and lease are left out: a term ends, and then the next may begin at any time, which the other searches show.
  Whoever leads no more still hears its answers and settles, at any time. Who leads is called A, also as a new process,
  unless the former one is still at work.
- A call is carried out at once and its answer may be heard, or later, or never. Then its message has the greatest id
  so far. `not_found_too_early`: a probe may not see it for a while, although the answer was heard.
- Of ids only the order matters. Messages that cannot be mistaken, since their ids are known or they are not the bot's,
  are not kept; how many of the others lie below the greatest id that is known is (`Telegram.top`).
- The watermark is chosen right before begin is asked for: that greatest id, or as little as the id of the update's own
  message, for a process that has heard of nothing else. Others write at any time, which raises the greatest.
- A look is claimed, asks, and is recorded, a step each, and the process may stop in between. It asks in one step: what
  happens between its probes would be the same before or after it. Its answer to any question may be "not sure", and
  within `doubts` "it cannot be told".
- The second look in turn comes late enough: by then what was sent has been carried out and is seen, or never will be.
  That is the one thing asked of Telegram which it does not promise; `late_beyond_looks` is the search without it, and
  `ids_grow=False` the one in which a message may have an id that no look reaches. In those nobody may lose a message,
  looking must end and change nothing, and messages may come twice.
- Apologies are sends of a row like any other; their reason is left out. How many ids are probed is, too: the window
  always reaches the message.

Bounds: two instances, two updates; see `Rules`. Crashes, pauses, losses and heartbeats are not bounded. Nobody can tell
two fresh instances, or two untouched updates of different chats, apart: the first to act is called A, or u1.
"""

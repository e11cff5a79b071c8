"""A model of one job: asked for, created at the provider, followed, ended, and told, through takeovers and crashes.

    python -m tests.model.jobs [variant ...]     prints the states explored and, for a violation, its shortest trace

Theory of operation. As in `tests.model`: a state is all that matters as one immutable tuple (`state`), `steps` lists
what can happen next, `search` goes through every reachable state and checks the laws (`laws`). `rules` holds one switch
for each defence; without it a search must end in a violation. What the searches of `tests.model` show is taken for
granted here: a term ends before the next one begins, who leads no more begins nothing, and looking for a send in doubt
tells the truth if it is the only one of its chat. What is left is what jobs add:

- The job is written in the commit that ends the update which asked for it.
- A create is begun in the row, leaves, is carried out or refused or lost, its answer is heard or not, and is recorded,
  a step each. Its process may die in between, or lose the lead, and what has left may be carried out afterwards. Who
  leads no more still records what it hears.
- The provider's callback comes at any time after the create was carried out, also before its answer, again and again or
  never. A forged one names a task that is another's.
- The answer of the query that the task is over is heard by whoever leads, who then ends the job; the statement may be
  executed and its answer be lost, and then it is repeated.
- The end is told by a row of the inbox. Another update of the same chat, "/start", comes at any time. Each is begun,
  called, answered and settled by workers of their own. What is in doubt is looked for when its call can come no more.

Bounds: two processes, one job, and the numbers in `Rules`. Crashes and losses are not bounded.
"""

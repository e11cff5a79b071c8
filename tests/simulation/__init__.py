"""Several instances, one database, one lock server, one Telegram, one mock clock, and faults from a seeded schedule.

Theory. Every instance is the real service. Between it and the world stands its `Link`, a network link: a round trip may
be lost on its way there (nothing happened), lost on its way back (it happened, nobody is told), held up while the
link is cut, or never come back when the instance is killed. A killed instance's link is closed first and its tasks
are cancelled then, so that no `finally` block reaches anything. First chaos, then calm: in the calm everything must
settle.

The same seed gives the same trace on every run: Trio's scheduler is seeded, and so is every source of chance.

    python -m tests.simulation --seed 17         one seed, with its schedule and its trace
    python -m tests.simulation --seeds 20000     the long run
"""

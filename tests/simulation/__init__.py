"""Several instances, one database, one lock server, one Telegram, one mock clock, and faults from a seeded schedule.

Theory. Every instance is the real service. Between it and the world stands its `Door`: a crossing may be lost on its
way there (nothing happened), lost on its way back (it happened, nobody is told), held up while the instance is cut
off or paused, or shut for good when it is killed. A killed instance's door is shut first and its tasks are cancelled
then, so that no `finally` reaches out. First chaos, then calm: in the calm everything must settle.

The same seed gives the same trace on every run: Trio's scheduler is seeded, and so is every source of chance.

    python -m tests.simulation --seed 17         one seed, with its schedule and its trace
    python -m tests.simulation --seeds 20000     the long run
"""

"""The steps of the tour, one file each.

    step.py      what a step is, and how it ends
    start.py     somebody says /start
    deploy.py    another version takes over under load
    crash.py     the leader dies in the middle of a send
    freeze.py    the leader is frozen, and wakes
    picture.py   the leader dies while a picture is being made
    anna.py      the person whom the steps let write, and what she sees
    fate.py      what an instance says of a send whose fate was unknown
    witness.py   what Telegram saw of everybody else during a step
    footing.py   what a step stands on: somebody leads, somebody stands by, people write
    words.py     numbers as a sentence has them

A step does something to the system, watches what Telegram saw of it, and ends with a sentence. It leaves the system as
it has found it: as many instances, the same load, no fault of its own.
"""

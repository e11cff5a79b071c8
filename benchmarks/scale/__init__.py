"""What the service does with millions of rows: `make bench-scale`.

    __main__.py   the command line
    plan.py       how many rows, how long, which scenes
    usage.py      how much of the machine others use meanwhile
    rows.py       the rows of the table, their goals and verdicts
    report.py     the table, and the file of all values
    stage.py      a side's database and its instances
    fill.py       the rows that a scene begins with: all that is known here of the tables
    backlog.py    scenes on a deep inbox: an update's cost, taking over, draining, memory, `svc status`
    cost.py       what an update costs in processor time beside what is in the database
    one_chat.py   the scene of one chat with a very long backlog
    pruning.py    the scene of forgetting processed updates under load
    others.py     users who write meanwhile
    instance.py   one instance of the service, with a Bot API of its own
    timings.py    what the stopwatch inside the instances has counted
    inside/       that stopwatch: it runs in the instance's process, by the Python of the measured checkout

Real processes of the service and a real Postgres at its defaults. Only loopback is used, and only processes that were
started here are ended.
"""

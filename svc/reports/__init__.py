"""What the database tells an operator: the commands and the ops page ask here. Nothing here changes anything.

    status.py     who is ACTIVE, what waits, what is dead
    instances.py  the processes that live
    history.py    who was in which state when, and so who led
    updates.py    updates in one state, why they are dead, one update's life
    readings.py   what the ACTIVE instance reads every few seconds for the metrics
    jobs.py       how many jobs of each provider are in which state, and what the latest are made with
    pauses.py     what is paused
    dead.py       dead updates that fit a filter
    database.py   how the database itself is
    life.py       one update's life, or a job's, as spans of time
    waits.py      what an update waits behind
    search.py     what is known of a number: an update, a chat, a person, a job
    overview.py   all that the ops page shows at a glance, in one look
    views.py      what the ops page is told, as plain data

Every answer costs the same whatever the tables hold.
"""

"""What an operator can do, by a command or on the ops page. Each is recorded in the table operator_actions.

record.py        who did what, and what came of it
orders.py        pausing and resuming: what the ACTIVE instance obeys
step_down.py     the lead goes to another instance
dead_letters.py  which of the dead updates: by their ids, or all that fit, in batches
dead_sql.py      the statements that find, replay and discard them
replay.py        dead updates go back into the inbox
discard.py       dead updates are given up for good
jobs.py          a job is ended before it is made
"""

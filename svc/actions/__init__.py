"""What an operator can do, by a command or on the ops page. Each is recorded in the table operator_actions.

record.py        who did what, and what came of it
orders.py        pausing and resuming: what the ACTIVE instance obeys
step_down.py     the lead goes to another instance
dead_letters.py  replaying and discarding dead updates: some by their ids, or all that fit, in batches
dead_sql.py      the statements for that
jobs.py          a job is ended before it is made
"""

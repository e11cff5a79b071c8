"""What an operator can do, by a command or on the ops page. Each is recorded in the table operator_actions.

record.py   who did what, and what came of it
orders.py   pausing, resuming, stepping down: what the ACTIVE instance obeys
replay.py   dead updates go back into the inbox
discard.py  dead updates are given up for good
jobs.py     a job that is not made yet is ended
"""

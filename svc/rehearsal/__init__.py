"""Rehearsing a deploy: stored updates through other code's `decide`, to see what would be answered differently.

kept.py      the updates of the last hours, from the table kept_payloads
decide.py    a process that decides them with the code it finds, one line of JSON for each
compare.py   what differs between two such processes
"""

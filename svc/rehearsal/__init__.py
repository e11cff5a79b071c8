"""Rehearsing a deploy: stored updates through other code's `decide`, to see what would be answered differently.

compare.py      the rehearsal: two processes are given the same updates, and what they answer is compared
kept.py         the updates of the last hours, from the table kept_payloads
processes.py    the processes: started, given updates, ended where one hangs
decide.py       what such a process runs: it decides with the code that it finds, one line of JSON for each update
differences.py  what differs between two answers, and how often which difference was seen
texts.py        how what was found is told
"""

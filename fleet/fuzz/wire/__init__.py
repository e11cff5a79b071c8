"""Hostile connections to a real instance, and good requests beside them.

client.py             the far end of a hostile connection
requests.py           the bytes of requests, good and bad
talks.py              what one client does on its connection
odd_requests.py       requests of no sense
attacks.py            which of that how many clients do
attacker.py           one attack as a process of its own
good.py               the good requests
process_readings.py   memory, open files and processor time of the instance
outcome.py            what came of an attack, and what of it breaks a promise
run.py                all attacks, one after the other: `await attack(seed)` returns the rows
"""

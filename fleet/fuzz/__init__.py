"""Fuzzing: what nobody in their right mind would send, to a real instance, and the verdict on how it bore that.

corpus.py      updates of every kind, as Telegram sends them
encoding.py    JSON that no library writes
mutations.py   what is done to an update, and to its bytes
bodies.py      requests for the webhook from a seed, each with what it may be answered
connection.py  a client that writes any header and any method
webhook.py     bodies against an instance, in rounds, with people in between who mean it
judgement.py   what was promised, as pure functions
tally.py       what came of it, in counts
paths.py       every path of docs/openapi.yaml, by schemathesis
wire/          hostile connections
findings.py    rows of a table, the breaches in them, the verdict
__main__.py    `python -m fleet.fuzz`
"""

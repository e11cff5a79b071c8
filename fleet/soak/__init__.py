"""A soak: many minutes of load with a deploy a minute and a kill every three, and whether everything stays as it was.

plan.py       what is run, and when is deployed and killed
people.py     who writes what, and which message an answer belongs to
load.py       messages on a fixed schedule
delivery.py   how they are brought to the instances, until they are taken in
telegram.py   the stand-in for the Bot API, cheap and bounded
instances.py  two that stand, those that take their place
old_rows.py   what pruning has to forget meanwhile
ledger.py     what became of every message, judged while it goes on
series.py     what is measured over time, and what counts as flat
measuring.py  memory and descriptors of instances, tables and WAL of Postgres
flat.py       the rule for flat
outcome.py    what came of it, and what was not kept
report.py     the outcome as a table and as JSON
pictures.py   the series as pictures
run.py        one run from its first instance to the verdict
__main__.py   `python -m fleet.soak`
"""

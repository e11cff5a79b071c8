"""Torture: a fleet of real instances under faults from a seed, and the verdict by what Telegram saw.

scenes.py     what there is to go through: mixed, kills, answers, jobs
schedule.py   which fault when, from the seed alone
people.py     who writes what, and which answer belongs to which message
cast.py       the instances, each behind links of its own; those that end are replaced
clock.py      a process whose clock can be set, where libfaketime is installed
inflict.py    what is done for each kind of fault
operator.py   who pauses, resumes and hands over, and the verdict on that
verdict.py    lost, twice, out of order, sent by who might not
in_flight.py  who had to wait because an instance was killed
jobs.py       the scene of jobs: who asks for what, and the verdict on it
job_bot.py    its bot
provider.py   who makes what was asked for, with faults
report.py     the verdict as a table
run.py        one run from its first instance to the verdict
__main__.py   `python -m fleet.torture`
"""

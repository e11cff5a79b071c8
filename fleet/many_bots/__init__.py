"""Many bots on one fleet: hosts that are candidates for the lead of every bot, over one Postgres, and what that costs.

The election, the lock, the lease, the terms, the heartbeats and the tables are the service's own; what is left out is
what one bot costs by itself, intake and sending. One member is one process, which stands for a host and runs the
leadership of many bots.

placement.py     which members are candidates for which bot
candidacy.py     one bot in one member: waits for the lead, leads, hands over
member.py        `python -m fleet.many_bots.member`: one host, a process of its own
members.py       the members as seen from outside: what they say, how they end
verdict.py       one leader a bot, never two, and how long each was without
meter.py         processor time and memory of processes, and what the database counts
update_cost.py   what one update costs the database: commits, log, disk, processor
counting.py      how many statements a candidacy makes
beat_cost.py     what a heartbeat and a look at the lock cost the server
notice_cost.py   what one notification costs everybody who listens
by_day.py        processed_updates in partitions by day
run.py           one run, from its Postgres to the verdict
report.py        the outcome as a table
__main__.py      `python -m fleet.many_bots`
"""

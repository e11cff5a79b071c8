"""What the commands say of what they have found: each makes a `Document` of data, and asks nobody.

status.py   svc status
history.py  svc transitions
updates.py  svc updates list and reasons, and what a replay or a discard has done
life.py     svc updates show
jobs.py     svc jobs
actions.py  svc actions
"""

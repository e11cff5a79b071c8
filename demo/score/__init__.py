"""The score, synchronous and without a clock of its own: told what happens, it can be asked how things stand.

score.py      accepted, answered, lost, twice, and how long it took, by what Telegram saw
ledger.py     what the database says of those who have no answer
recent.py     durations of the last minute and their percentiles
handovers.py  how long nobody was answered when the lead went over
history.py    the last minutes, second by second, with everything that was done; plots of them
"""

"""Steps of the tour in a terminal.

show.py    from the first instance to the exit code
screen.py  a live table, where the terminal can show one
lines.py   plain lines, where it cannot
report.py  the verdict
"""

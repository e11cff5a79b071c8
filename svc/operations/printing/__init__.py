"""How a command's answer is printed: as JSON, for a person at a terminal, or for a pipe.

document.py       what there is to say: lines, tables, facts; and how that is written for a pipe
terminal.py       how it is written for a person
output.py         choosing between these and JSON
durations.py      lengths of time in words
long_work.py      how far work is that takes a while
ordered_lines.py  lines in a fixed order, each as soon as it is known
"""

"""What can be typed after `svc`.

parser.py      the commands, their options, and which function each of them runs
command.py     what such a function is
types.py       what an argument may be
selection.py   the options that say which dead updates are meant
completion.py  completing words in a shell
"""

"""The commands of `svc`: what an operator runs.

cli.py               the entry point: reads settings and arguments, turns errors into exit codes
exit_codes.py        what `svc` exits with
imports.py           how what a command needs is imported: quickly, and not what it does not need
arguments/           what can be typed
commands.py          which work a command is; each imports its own when it is chosen
acting_commands.py   the same for those that change something
reporting.py         running a command that asks the database
inspect.py           svc status, transitions, updates list, show and reasons, actions
watch.py             svc status --watch
jobs_command.py      svc jobs
dead_command.py      svc updates replay and discard
orders_command.py    svc pause, resume and step-down
webhook_commands.py  svc webhook
migrate.py           svc migrate
preflight.py         svc check
texts/               what they say of what they have found
printing/            how that is printed
run.py               svc run: the service put together from its real parts
process.py           its process: log, garbage collector, exit code
providers.py         the providers it knows
demo.py              svc demo
demo_text.py         what that prints
"""

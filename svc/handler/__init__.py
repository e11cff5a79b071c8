"""What a bot is to the service: the types that pass between them, and nothing of either.

The service calls a `Bot` (bot.py) with an update and with what is `Known` (known.py), and gets a `Reply` (reply.py):
the calls to make, the chat's new state, and perhaps a job (job.py), work that takes minutes and whose end is another
call.
"""

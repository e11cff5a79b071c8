"""Complete bots of a few lines. `svc demo --bot examples.todo_bot:bot` starts one; docs/your-own-bot.md explains."""

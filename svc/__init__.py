"""The service: webhook, inbox, leadership and workers around the bot."""

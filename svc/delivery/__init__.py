"""From an update in the inbox to the bot's calls: the ACTIVE period, its workers and chores, sending."""

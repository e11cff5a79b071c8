"""What `Inbox` promises, over both of its implementations: on a real Postgres, and in memory."""

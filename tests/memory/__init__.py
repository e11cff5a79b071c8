"""What the tests use in place of Postgres: inbox, transition log and lock in memory."""

"""What is stored in Postgres: the inbox, the history of states, the schema; and the way from Trio to the database."""

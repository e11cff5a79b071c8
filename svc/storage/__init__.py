"""What is kept: the inbox in Postgres, the schema's migrations, and the way to the database from Trio."""

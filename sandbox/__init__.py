"""Stand-ins for the world around the service: a Telegram on loopback and an embedded Postgres."""

"""Which instance is ACTIVE: the election by a lock in Postgres, and the lease on top of it."""

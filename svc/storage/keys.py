"""Names in the database that more than one module uses: notification channels, and the key of the leader's lock."""

NEW_WORK_CHANNEL = "svc_new_work"
RELEASED_CHANNEL = "svc_lock_released"

# Over the 52 bits that a bot's id can have: keeps clear of other users of advisory locks in the database.
_LOCK_CLASS = 0x2A5 << 52


def lock_key(bot_id: int) -> int:
    """The 64-bit key of a bot's advisory lock."""
    return _LOCK_CLASS | bot_id

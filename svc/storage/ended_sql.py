"""Where an update goes that leaves the inbox: the columns in which its end is recorded, in the statements' order."""

from __future__ import annotations

PROCESSED_COLUMNS = """
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history, message_id, sent_id)
"""
DEAD_COLUMNS = """
    (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts, reason, history)
"""

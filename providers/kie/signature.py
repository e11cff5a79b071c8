"""The signature of kie's callbacks: base64(HMAC-SHA256(taskId + "." + timestamp, key)) (docs.kie.ai as of 2026-08).

It comes in `X-Webhook-Signature` beside `X-Webhook-Timestamp` (Unix seconds), where a key is set in the account. It
does not cover the body, so a callback that is signed is still only a hint that this task is worth a look.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

SIGNATURE_HEADER = "X-Webhook-Signature"
TIMESTAMP_HEADER = "X-Webhook-Timestamp"
MAX_AGE = 600.0


def sign(task_id: str, timestamp: str, key: str) -> str:
    """The signature that a callback about this task has, sent at this time."""
    message = f"{task_id}.{timestamp}".encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha256)).decode()


def verify(task_id: str, timestamp: str, signature: str, key: str, *, now: float, max_age: float = MAX_AGE) -> bool:
    """Whether the signature is right and the timestamp at most `max_age` seconds away from `now`, a Unix time.

    Takes the same time wherever a wrong signature differs.
    """
    expected = sign(task_id, timestamp, key).encode()
    genuine = hmac.compare_digest(expected, signature.encode("utf-8", "surrogatepass"))
    # As kie writes it: digits alone. Twelve of them last beyond the year 30000.
    recent = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    return genuine and recent and abs(now - int(timestamp)) <= max_age

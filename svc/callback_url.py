"""The address that a provider calls when a task is over. It names the job, and a secret that the provider alone knows.

The same address is what a job is recognised by, where it is in doubt whether its create was done: the provider's record
of a task repeats it.
"""

from __future__ import annotations

import hmac
import re
from typing import NamedTuple
from urllib.parse import urlsplit

PREFIX = "/callback/"
"""What the paths of all callbacks begin with."""

_PATH = re.compile(r"/callback/([a-z0-9_-]{1,32})/([1-9][0-9]{0,18})\.([A-Za-z0-9_-]{1,100})")
_LARGEST_ID = 2**63 - 1


class CallbackPath(NamedTuple):
    """What a callback's path says: whose it is, for which job, and the job's secret."""

    provider: str
    job_id: int
    secret: str


def callback_url(public_url: str, provider: str, job_id: int, secret: str) -> str:
    """Where the provider is to tell of this job; `public_url` is where this service is reached."""
    return f"{public_url}{_path_of(CallbackPath(provider, job_id, secret))}"


def read_path(path: str) -> CallbackPath | None:
    """What a request's path says; None if it is no callback's."""
    match = _PATH.fullmatch(path)
    if match is None or int(match[2]) > _LARGEST_ID:
        return None
    return CallbackPath(match[1], int(match[2]), match[3])


def names_job(url: str, provider: str, job_id: int, secret: str) -> bool:
    """Whether this address is the one that the job's create has named. Where the service is reached may have changed
    since.
    """
    try:
        path = urlsplit(url).path
    except ValueError:
        return False
    expected = _path_of(CallbackPath(provider, job_id, secret)).encode()
    return hmac.compare_digest(path.encode("utf-8", "replace")[-len(expected) :], expected)


def _path_of(of: CallbackPath) -> str:
    return f"{PREFIX}{of.provider}/{of.job_id}.{of.secret}"

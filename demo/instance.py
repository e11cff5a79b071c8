"""One instance of the service as the demo runs it: a process, the links that it has to the world, what it says."""

from __future__ import annotations

from collections import deque

from demo.views import InstanceView, LogLineView


class Instance:
    """One `svc run` in a process of its own, behind links to Postgres and to the Bot API that can be cut.

    Its log goes to `log_file`, and the latest lines of it are kept in `lines`.
    """

    name: str
    pid: int
    address: str
    state: str
    """The latest state that its log told of, or ENDED."""
    epoch: int | None
    running: bool
    lines: deque[LogLineView]

    @property
    def live(self) -> bool:
        """Whether it can be given work: it runs, is not frozen, and has answered lately."""
        raise NotImplementedError

    async def reaches(self, *states: str) -> None:
        """Wait until it is in one of `states`. Raises trio.TooSlowError after 30 s, and Ended if it has ended."""
        raise NotImplementedError

    def terminate(self) -> None:
        """SIGTERM: it drains and ends."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL."""
        raise NotImplementedError

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        raise NotImplementedError

    def cut_postgres(self, seconds: float) -> None:
        """Let nothing through between it and Postgres for so long."""
        raise NotImplementedError

    def cut_bot_api(self, seconds: float) -> None:
        """Refuse its connections to the Bot API for so long."""
        raise NotImplementedError

    def view(self, now: float) -> InstanceView:
        """It, as the page shows it."""
        raise NotImplementedError


class Ended(Exception):
    """The instance has ended; the message says how."""

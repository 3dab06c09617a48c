"""Whose turn it is to write: processes that write to one SQLite database take turns, none twice while another waits.

SQLite has a lock for that, but whoever finds it taken asks again after a sleep, and sleeps longer each time: beside a
busy process another one waited for seconds. Two files beside the database are locked by the kernel instead, which
wakes who waits: one is for the process that writes, the other for the one that is next. A process that has written
has to become the next one first, so it cannot go before the one that waits already is. The kernel lets go of both
when a process ends, however it does. SQLite's own lock still is what makes writing safe: it is free then.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Turn:
    """One thread's turns, as a context; a process may have several. Entering waits without limit."""

    def __init__(self, database: Path) -> None:
        """Open the files, and make them where there are none. Raises OSError."""
        self._writing = os.open(f"{database}-turn", _FLAGS, 0o600)
        try:
            self._next = os.open(f"{database}-next", _FLAGS, 0o600)
        except OSError:
            os.close(self._writing)
            raise

    def is_taken(self) -> bool:
        """Tell whether somebody else writes at this moment."""
        try:
            fcntl.flock(self._writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(self._writing, fcntl.LOCK_UN)
        return False

    def __enter__(self) -> None:
        with suppress(OSError):  # a kernel without memory for locks: SQLite's own still makes writing safe
            fcntl.flock(self._next, fcntl.LOCK_EX)
            fcntl.flock(self._writing, fcntl.LOCK_EX)
        with suppress(OSError):
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._writing)
        os.close(self._next)

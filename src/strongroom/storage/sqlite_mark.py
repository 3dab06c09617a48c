"""A mark that changes with every commit to an SQLite database, by whichever process, and costs no system call.

It is the header of the WAL-index, which SQLite keeps in the shared memory file beside the database and
rewrites in each commit, before COMMIT returns: change counter, length and checksum of the log
(https://www.sqlite.org/walformat.html#the_wal_index_header). There are two copies. A commit writes the
second one first, so two that are alike are whole, as SQLite's own readers take them.

The file stays open as long as the storage: closing it would take away the locks that SQLite holds on it
in this process (POSIX advisory locks belong to a process and a file, not to a descriptor).
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

COPY_BYTES: Final = 48


class CommitMark:
    """The mark of one database. Some connection of this process must have the database open meanwhile."""

    def __init__(self, database: Path) -> None:
        """Map the shared memory. Raises OSError or ValueError where there is none."""
        self._descriptor = os.open(f"{database}-shm", os.O_RDONLY | os.O_CLOEXEC)
        self._memory = mmap.mmap(self._descriptor, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)

    def read(self) -> bytes | None:
        """Return the present mark; None while a commit is just being made known."""
        memory = self._memory
        mark = memory[:COPY_BYTES]
        return mark if mark == memory[COPY_BYTES : 2 * COPY_BYTES] else None

    def close(self) -> None:
        self._memory.close()
        os.close(self._descriptor)

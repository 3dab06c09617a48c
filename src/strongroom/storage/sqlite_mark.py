"""A mark that changes with every commit to an SQLite database, by whichever process, and costs no system call.

It is the header of the WAL-index, which SQLite keeps in the shared memory file beside the database and
rewrites in each commit, before COMMIT returns: change counter, length and checksum of the log
(https://www.sqlite.org/walformat.html#the_wal_index_header). There are two copies. A commit writes the
second one first, so two that are alike are whole, as SQLite's own readers take them.

Closing any descriptor of that file, or of the database, takes away the locks that SQLite holds on it in this process
(POSIX advisory locks belong to a process and a file, not to a descriptor), and without them another process would
take the database for unused, delete its log and begin its shared memory anew. So a process has one mark of a
database, however many storages, with the only descriptors of these files that are not SQLite's, and it is closed when
the last of them has closed its connections.
"""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path
from typing import Final

COPY_BYTES: Final = 48
_FIRST: Final = slice(COPY_BYTES)
_SECOND: Final = slice(COPY_BYTES, 2 * COPY_BYTES)

_opening: Final = threading.Lock()
_open: Final[dict[Path, CommitMark]] = {}


class CommitMark:
    """The mark of one database. Some connection of this process must have the database open meanwhile."""

    def __init__(self, database: Path) -> None:
        """Map the shared memory. Raises OSError or ValueError where there is none."""
        self._database = database
        self._users = 0
        self._descriptor = os.open(f"{database}-shm", os.O_RDONLY | os.O_CLOEXEC)
        self._file = os.open(database, os.O_RDONLY | os.O_CLOEXEC)
        self._memory = mmap.mmap(self._descriptor, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)

    @classmethod
    def of(cls, database: Path) -> CommitMark:
        """Return this process's mark of a database; give it back with `release`. Raises as the constructor does."""
        path = database.resolve()
        with _opening:
            mark = _open.get(path)
            if mark is None:
                mark = _open[path] = cls(path)
            mark._users += 1
            return mark

    def read(self) -> bytes | None:
        """Return the present mark; None while a commit is just being made known."""
        memory = self._memory
        mark = memory[_FIRST]
        return mark if mark == memory[_SECOND] else None

    def flush(self) -> None:
        """Put on disk what was written into the database file, by whichever connection. Raises OSError."""
        os.fdatasync(self._file)

    def release(self) -> None:
        """Use it no more. To be called when the connections of who used it are closed."""
        with _opening:
            self._users -= 1
            if self._users == 0:
                del _open[self._database]
                self._memory.close()
                os.close(self._descriptor)
                os.close(self._file)

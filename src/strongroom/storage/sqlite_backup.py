"""Copies a SQLite database that is in use, as it is at one instant.

Rules:
- One read transaction is open from the first page to the last. Nobody waits for it, all pages are of one instant,
  and the copy never begins anew: SQLite begins again when its source has changed *between* two steps, and what an
  open read transaction sees does not change (https://sqlite.org/c3ref/backup_finish.html).
- The disk is shared with the callers of a server (see `shared_disk`).
- A copy counts only if SQLite, reading it from the disk, finds it sound (`check_database`). Of 4 GB that takes a
  minute, more than the copying; flushes of others do not feel it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import apsw

from strongroom.errors import OperatorError
from strongroom.shared_disk import SharedDisk, Sleep

CACHE_KIB: Final = 2_048
"""Pages that the copy keeps in memory; more are written to its file at once."""

ROOM_LEFT: Final = 100 * 2**20
"""Bytes that a copy leaves free on its disk: without them a server there could not write its trail."""

Progress = Callable[[int, int], None]
"""Told after each piece how many bytes have been copied, and of how many."""


def copy_database(source: Path, target: Path, progress: Progress, *, sleep: Sleep = time.sleep) -> int:
    """Copy the database to a file that does not exist yet, and have it on disk; return its size in bytes.

    Raises:
        OperatorError: there is no room for it, or a disk refuses it.
    """
    with _explained(f"The database {source} cannot be copied to {target}."):
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            disk = SharedDisk(descriptor, sleep)
            _copy_pages(source, target, disk, progress)
            os.fsync(descriptor)
            disk.forget()
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)


def check_database(copy: Path) -> None:
    """Read a copy that nobody writes to.

    Raises:
        OperatorError: it is not what a database should be.
    """
    with _explained(f"The copy {copy} cannot be read."):
        found = _faults_of(copy)
    if found:
        raise OperatorError(
            f"The copy {copy} is no sound database.",
            why="; ".join(found),
            next_step="keep the server's directory as it is, look at its disk, and hold strongroom.db against an older "
            "backup: PRAGMA integrity_check says what is wrong",
        )


@contextlib.contextmanager
def _explained(what: str) -> Generator[None]:
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise OperatorError(
            what,
            why=str(error),
            next_step="look at both disks, then make the backup again; the database is as it was",
        ) from error


def _copy_pages(source: Path, target: Path, disk: SharedDisk, progress: Progress) -> None:
    reader, copy = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY), apsw.Connection(str(target))
    try:
        reader.execute("BEGIN")
        pages, page_bytes = reader.pragma("page_count"), reader.pragma("page_size")  # from here on it sees one instant
        _require_room(target.parent, pages * page_bytes)
        copy.pragma("journal_mode", "off")  # what is not whole is no backup: nothing is ever rolled back
        copy.pragma("synchronous", "off")  # `disk` waits for it
        copy.pragma("cache_size", -CACHE_KIB)
        with copy.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(disk.piece // page_bytes)
                disk.flush()
                progress((pages - backup.remaining) * page_bytes, pages * page_bytes)
    finally:
        copy.close()
        reader.close()


def _require_room(folder: Path, wanted: int) -> None:
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < wanted + ROOM_LEFT:
        raise OperatorError(
            "There is no room for a copy of the database.",
            why=f"it has {_mebibytes(wanted)}, and of the {_mebibytes(free)} that are free where the copy should go "
            f"{_mebibytes(ROOM_LEFT)} are left to others",
            next_step="make room there, or name another directory; nothing was changed",
        )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _faults_of(copy: Path) -> list[str]:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"{copy.absolute().as_uri()}?immutable=1", flags=flags)  # makes no files beside it
    try:
        return [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
    finally:
        connection.close()

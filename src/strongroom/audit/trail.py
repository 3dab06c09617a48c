"""The audit trail: one append-only file per process, each line chained to the one before it.

The format of a line is told in `chain`, that of the files in `files`. Changing, dropping, swapping or doubling
a line breaks the chain at that line.

Why it is safe:
- A record is written with one write(2) before its answer leaves. Records of changing calls are on disk
  (fdatasync) before their transaction commits; those of reads follow within a second.
- Calls that wait together share one fdatasync: one that began after their records were written. If it
  fails, all of them are refused.
- After a failed fdatasync the system may count lost pages as written, and a later success would prove
  nothing. So what was not yet on disk is checked against the chain and written again before the next one.
- A write that fails, or is cut short by a full disk, is taken back, and the call is refused.
- A crash can tear only the last line; opening the trail takes the torn rest away (its answer never left)
  and says so in a record of its own.
- The database remembers how far the trail had come, so cutting lines off the end is found as well.
- A file is finished by giving it another name once all of it is on disk, and the next one begins with a record
  that repeats the number and the MAC of the last one. A crash in between leaves a trail without an open file, or
  with an empty one: opening it goes on from the finished files.

What waits for the disk is a setting. `record`: every answer. `batch`: the records of changes, those of reads
follow within a second; a power cut may lose the records of reads of that second. `interval`: nothing; a power
cut may lose the records of changes too, which the database has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from strongroom.audit.chain import FIRST_MAC, chain_mac, take_apart
from strongroom.audit.files import (
    TAIL_BYTES,
    UNFINISHED,
    finished_path,
    first_sequence,
    last_finished,
    sync_folder,
)
from strongroom.audit.room import RoomAhead
from strongroom.errors import OperatorError
from strongroom.metrics import Metrics


class Durability(StrEnum):
    """Which records are on disk before their answers leave."""

    RECORD = "record"
    BATCH = "batch"
    INTERVAL = "interval"


class TrailError(Exception):
    """The trail could not be written: no audit, no answer."""


class _Sync:
    """One fdatasync and those who wait for it."""

    __slots__ = ("covers", "ended", "error")

    def __init__(self) -> None:
        self.covers = 0
        self.ended = False
        self.error: Exception | None = None


class Trail:
    """The trail of this process. Safe to use from several threads."""

    def __init__(
        self,
        path: Path,
        key: bytes,
        term: int,
        *,
        waits: bool = False,
        metrics: Metrics | None = None,
        durability: Durability = Durability.BATCH,
    ) -> None:
        """Open the trail for this process alone; with `waits`, after any other process that has it."""
        self.path = path
        self.name = path.stem
        self._waits_for_all = durability is Durability.RECORD
        self._waits_for_changes = durability is not Durability.INTERVAL
        self._key = key
        self._metrics = metrics or Metrics()
        self._chain_start = b',"chain":{"key":%d,"seq":' % term
        self._lock = threading.Lock()
        self._descriptor = _open_exclusively(path, waits=waits)
        self._room = RoomAhead()
        self._holds_remains = False
        self._size, self._sequence, self._mac, self.torn_bytes = _recover(self._descriptor, path)
        self._first = first_sequence(path) or self._sequence + 1
        # What is on disk for sure: a length, and the MAC at its end.
        self._synced, self._synced_mac = self._size, self._mac
        self._sync_failed = False
        self._turn = threading.Condition()
        self._running: _Sync | None = None
        self._next = _Sync()

    def append(self, records: Sequence[bytes], durable: bool) -> None:  # noqa: FBT001 - the Journal's shape
        """Append records in order; with `durable`, return when they are on disk.

        Raises:
            TrailError: nothing was appended; or it could not be put on disk, then it stands in the trail
                all the same, as the record of a call that failed.
        """
        with self._lock:
            sequence, mac, lines = self._sequence, self._mac, []
            for record in records:
                sequence += 1
                mac = chain_mac(self._key, mac, sequence, record)
                lines.append(self._line(record, sequence, mac))
            self._write(b"".join(lines))
            self._sequence, self._mac = sequence, mac
            size = self._size
        if self._waits_for_all or (durable and self._waits_for_changes):
            self._put_on_disk(size)

    @property
    def size(self) -> int:
        """Bytes in the file that is written."""
        return self._size

    @property
    def first(self) -> int:
        """Number of the first record of the file that is written."""
        return self._first

    @property
    def records(self) -> int:
        """Records in the file that is written."""
        return self._sequence - self._first + 1

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and MAC of the last record."""
        with self._lock:
            return self._sequence, self._mac

    def rotate(self, begin: Callable[[int, bytes], bytes]) -> Path:
        """Finish the file and go on in a new one, whose first record `begin` makes of the last one's number and MAC.

        Raises:
            TrailError: the file could not be finished, and is written on.
        """
        self.sync()
        with self._turn:
            while self._running is not None:
                self._turn.wait()
            self._running = _Sync()
        try:
            with self._lock:
                return self._go_on_in_new_file(begin)
        except OSError as error:
            raise TrailError(f"the file of the audit trail cannot be finished: {error}") from error
        finally:
            with self._turn:
                self._running = None
                self._turn.notify_all()

    def _go_on_in_new_file(self, begin: Callable[[int, bytes], bytes]) -> Path:
        if self._sync_failed or self._holds_remains:
            raise TrailError("the audit trail is in doubt, and is not finished before that is settled")
        self._room.give_back(self._descriptor, self._size)
        os.fdatasync(self._descriptor)
        sequence = self._sequence + 1
        record = begin(self._sequence, self._mac)
        mac = chain_mac(self._key, self._mac, sequence, record)
        line = self._line(record, sequence, mac)
        finished = finished_path(self.path.parent, self.name, self._first)
        descriptor = _write_beside(self.path, line)
        try:
            self.path.rename(finished)
            try:
                _beside(self.path).rename(self.path)
            except OSError:
                finished.rename(self.path)
                raise
            os.dup2(descriptor, self._descriptor, inheritable=False)
        finally:
            os.close(descriptor)
        self._first, self._sequence, self._mac = sequence, sequence, mac
        self._size = self._synced = len(line)
        self._synced_mac = mac
        sync_folder(self.path.parent)
        return finished

    def sync(self) -> None:
        """Put on disk what is not there yet. Raises TrailError when the disk refuses."""
        if self._synced < (size := self._size):
            self._put_on_disk(size)

    def close(self) -> None:
        """Put everything on disk and close; closed again, do nothing: the descriptor may be another file's by then."""
        if self._descriptor < 0:
            return
        try:
            self.sync()
            with self._lock:
                self._room.give_back(self._descriptor, self._size)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _line(self, record: bytes, sequence: int, mac: bytes) -> bytes:
        return b'%b%b%d,"mac":"%b"}}\n' % (record[:-1], self._chain_start, sequence, mac.hex().encode())

    def _write(self, lines: bytes) -> None:
        try:
            if self._holds_remains:
                self._take_back()
            written = os.write(self._descriptor, lines)
            if written != len(lines):
                raise OSError(f"wrote {written} of {len(lines)} bytes")
        except OSError as error:
            with contextlib.suppress(OSError):  # then before the next record
                self._take_back()
            raise TrailError(f"the audit trail cannot be written: {error}") from error
        self._size += len(lines)

    def _put_on_disk(self, size: int) -> None:
        """Return when the first `size` bytes are on disk: by the sync that runs if it covers them, else by the next."""
        with self._turn:
            if size <= self._synced:
                return
            sync = self._running if self._running is not None and self._running.covers >= size else self._next
            while not sync.ended and (sync is not self._next or self._running is not None):
                self._turn.wait()
            if size <= self._synced:  # by one that began after all, though it had not said so yet
                return
            leads = not sync.ended
            if leads:
                self._running, self._next = sync, _Sync()
                sync.covers = size
        if leads:
            self._lead(sync)
        if sync.error is not None:
            raise TrailError(f"the audit trail cannot be put on disk: {sync.error}") from sync.error

    def _lead(self, sync: _Sync) -> None:
        """Run a sync for all who wait for it. The disk is waited for without the lock: reads append meanwhile."""
        try:
            with self._lock:
                if self._sync_failed:
                    self._write_again()
                sync.covers, mac = self._size, self._mac
            self._room.see_to(self._descriptor, sync.covers)
            os.fdatasync(self._descriptor)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may think that his record is on disk
            sync.error = error
        with self._turn:
            self._sync_failed = sync.error is not None
            if sync.error is None:
                self._metrics.increment("trail_syncs_total")
                self._synced, self._synced_mac = sync.covers, mac
            sync.ended, self._running = True, None
            self._turn.notify_all()

    def _write_again(self) -> None:
        """Write what a failed sync left in doubt once more, if it is still what was written."""
        lines = os.pread(self._descriptor, self._size - self._synced, self._synced)
        if len(lines) != self._size - self._synced or not self._continues_chain(lines):
            raise OSError("records written before a failure of the disk are lost")
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~os.O_APPEND)  # with it, pwrite appends on Linux
        try:
            if os.pwrite(self._descriptor, lines, self._synced) != len(lines):
                raise OSError("the disk takes only a part of the records")
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags)

    def _continues_chain(self, lines: bytes) -> bool:
        mac = self._synced_mac
        for line in lines.splitlines():
            parts = take_apart(line)
            if parts is None or parts.mac != chain_mac(self._key, mac, parts.sequence, parts.record):
                return False
            mac = parts.mac
        return mac == self._mac

    def _take_back(self) -> None:
        """Cut the file back to its last whole record; until that is done nothing may follow."""
        self._holds_remains = True
        os.ftruncate(self._descriptor, self._size)
        self._holds_remains = False


def _beside(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


def _write_beside(path: Path, line: bytes) -> int:
    """Return a locked file under a name that nothing reads, with a line that is on disk."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(_beside(path), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.write(descriptor, line) != len(line):
            raise OSError("the disk takes only a part of the first record")
        os.fdatasync(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_exclusively(path: Path, *, waits: bool) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            # Whoever had it before has finished the file meanwhile.
            os.close(descriptor)
            return _open_exclusively(path, waits=waits)
    except OSError as error:
        os.close(descriptor)
        raise OperatorError(
            f"The audit trail {path} is in use.",
            why="another Strongroom server has this data directory open",
            next_step="stop the other server, or give this one its own --data-dir",
        ) from error
    return descriptor


def _recover(descriptor: int, path: Path) -> tuple[int, int, bytes, int]:
    """Return size, last sequence, last MAC and the length of a torn rest, which is cut off."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, min(size, TAIL_BYTES), max(0, size - TAIL_BYTES))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(descriptor, size - torn)
        tail = tail[:-torn]
    lines = tail.splitlines()
    if not lines:
        before = last_finished(path.parent, path.stem)
        sequence, mac = (0, FIRST_MAC) if before is None else (before.sequence, before.mac)
        return size - torn, sequence, mac, torn
    last = take_apart(lines[-1])
    if last is None:
        raise OperatorError(
            f"The audit trail {path} does not end in a record of its chain.",
            why="its last line was changed or did not come from Strongroom",
            next_step="run `strongroom audit verify`, keep the file as evidence, move it away, and start again",
        )
    return size - torn, last.sequence, last.mac, torn

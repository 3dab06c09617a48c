"""The audit trail: one append-only file per process, each line chained to the one before it.

Format: a line is a CloudTrail record whose last member is
`"chain":{"key":TERM,"seq":N,"mac":"HEX"}`. The MAC is HMAC-SHA256, under a key derived from keyring term
TERM, of the previous line's MAC (32 zero bytes for the first), the sequence number, and the record's bytes
before the chain was added. Changing, dropping, swapping or doubling a line breaks the chain at that line.

Why it is safe:
- A record is written with one write(2) before its answer leaves. Records of changing calls are on disk
  (fdatasync) before their transaction commits; those of reads follow within a second.
- A write that fails, or is cut short by a full disk, is taken back, and the call is refused.
- A crash can tear only the last line; opening the trail takes the torn rest away (its answer never left)
  and says so in a record of its own.
- The database remembers how far the trail had come, so cutting lines off the end is found as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import mmap
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.errors import OperatorError

FIRST_MAC: Final = bytes(32)

_TAIL_BYTES: Final = 1 << 20
_CHAIN: Final = re.compile(rb',"chain":\{"key":([1-9]\d*),"seq":([1-9]\d*),"mac":"([0-9a-f]{64})"\}\}\Z')
"""Numbers as they are written, without leading zeros: a line has one spelling."""


class TrailError(Exception):
    """The trail could not be written: no audit, no answer."""


@dataclass(frozen=True, slots=True)
class ChainedLine:
    """A line of the trail, taken apart."""

    record: bytes
    term: int
    sequence: int
    mac: bytes


def chain_mac(key: bytes, previous: bytes, sequence: int, record: bytes) -> bytes:
    return hmac.digest(key, previous + sequence.to_bytes(8, "big") + record, "sha256")


def take_apart(line: bytes) -> ChainedLine | None:
    """Return the parts of a line without its line end, or None if it is not one of ours."""
    match = _CHAIN.search(line)
    if match is None:
        return None
    return ChainedLine(line[: match.start()] + b"}", int(match[1]), int(match[2]), bytes.fromhex(match[3].decode()))


def synced_head_of(path: Path) -> ChainedLine | None:
    """Return the last whole record of a trail file, once it is on disk; None while there is none."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        whole, _, _ = file.read().rpartition(b"\n")
        os.fdatasync(file.fileno())
    return take_apart(whole.rpartition(b"\n")[2]) if whole else None


def holds_record(path: Path, sequence: int, mac: str) -> bool:
    """Tell whether a trail file holds a record of this place and MAC. Reads backwards, so a late one is found soon."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.rfind(b',"seq":%d,"mac":"%s"}}\n' % (sequence, mac.encode())) >= 0


class Trail:
    """The trail of this process. Safe to use from several threads."""

    def __init__(self, path: Path, key: bytes, term: int, *, waits: bool = False) -> None:
        """Open the trail for this process alone; with `waits`, after any other process that has it."""
        self.name = path.stem
        self._key = key
        self._chain_start = b',"chain":{"key":%d,"seq":' % term
        self._lock = threading.Lock()
        self._descriptor = _open_exclusively(path, waits=waits)
        self._dirty = False
        self._holds_remains = False
        self._size, self._sequence, self._mac, self.torn_bytes = _recover(self._descriptor, path)

    def append(self, records: Sequence[bytes], durable: bool) -> None:  # noqa: FBT001 - the Journal's shape
        """Append records in order; with `durable`, return when they are on disk.

        Raises:
            TrailError: nothing was appended; or it could not be put on disk, then it stands in the trail
                all the same, as the record of a call that failed.
        """
        with self._lock:
            sequence, mac, lines = self._sequence, self._mac, bytearray()
            for record in records:
                sequence += 1
                mac = chain_mac(self._key, mac, sequence, record)
                lines += record[:-1]
                lines += self._chain_start
                lines += b'%d,"mac":"%s"}}\n' % (sequence, mac.hex().encode())
            self._write(bytes(lines))
            self._sequence, self._mac = sequence, mac
        if durable:
            self._flush()

    def sync(self) -> None:
        """Put on disk what is not there yet. Raises TrailError when the disk refuses."""
        if self._dirty:
            self._flush()

    def close(self) -> None:
        try:
            self.sync()
        finally:
            os.close(self._descriptor)

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
        self._dirty = True

    def _flush(self) -> None:
        """Put everything on disk. Outside the lock: reads append meanwhile and never wait for a disk."""
        self._dirty = False
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._dirty = True
            raise TrailError(f"the audit trail cannot be put on disk: {error}") from error

    def _take_back(self) -> None:
        """Cut the file back to its last whole record; until that is done nothing may follow."""
        self._holds_remains = True
        os.ftruncate(self._descriptor, self._size)
        self._holds_remains = False


def _open_exclusively(path: Path, *, waits: bool) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
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
    tail = os.pread(descriptor, min(size, _TAIL_BYTES), max(0, size - _TAIL_BYTES))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(descriptor, size - torn)
        tail = tail[:-torn]
    lines = tail.splitlines()
    if not lines:
        return size - torn, 0, FIRST_MAC, torn
    last = take_apart(lines[-1])
    if last is None:
        raise OperatorError(
            f"The audit trail {path} does not end in a record of its chain.",
            why="its last line was changed or did not come from Strongroom",
            next_step="run `strongroom audit verify`, keep the file as evidence, move it away, and start again",
        )
    return size - torn, last.sequence, last.mac, torn

"""Which secrets a commit to an SQLite database changed, for readers that keep what they worked out.

The mark (`sqlite_mark`) tells that something was committed. This ring beside the database tells what: a slot for
each commit, with its number, the checksum of the mark before it, and the secrets it changed. Whoever commits writes
the slot first, under SQLite's own write lock, with the number that the commit will have: one more than the change
counter of the WAL-index header.

It can only err on the safe side. A reader believes the slots after its mark if each has the very number it looks
for and the first one follows upon its very mark; where one is missing, too old, or overwritten, where someone
committed without a note, where the log or the counter began anew (a recovery after a crash sets it to nothing), the
answer is that anything may have changed. It is shared memory, never written for durability and of no use in a
backup. Secrets stand in it as eight bytes of a hash of their ARN: two of the same cost one reader some work.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from strongroom.recall import Mark, Subject, subject_of
from strongroom.storage.sqlite_mark import CommitMark

SLOTS: Final = 1_024
"""Commits that a reader may be behind, but for half of them, which a writer may be overwriting."""

MAX_SECRETS: Final = 254
"""Secrets that a slot can hold; a commit that changed more says that anything may have changed."""

_HEAD: Final = struct.Struct("=IHH8s")
_SUBJECT_BYTES: Final = 8
_SLOT_BYTES: Final = 2_048
_ANYTHING: Final = 0xFFFF
_LAYOUT: Final = 2
"""Stands in each slot. Slots of the first layout, some of which began in the same places, have another number there."""

_COUNTER: Final = struct.Struct("=I")
_COUNTER_AT: Final = 8
_COUNTERS: Final = 1 << 32
_CHECKSUM: Final = slice(40, 48)
"""Of the header's other bytes: change counter, length, salts and checksum of the log."""


logger = logging.getLogger(__name__)


def commits_of(mark: bytes) -> int:
    """Return the change counter of a mark: how many commits there were since the WAL-index was made."""
    return int(_COUNTER.unpack_from(mark, _COUNTER_AT)[0])


class ChangeRing:
    """The ring of one database."""

    def __init__(self, database: Path, *, writes: bool) -> None:
        """Map the ring; with `writes` make it where there is none. Raises OSError or ValueError if that fails."""
        flags = os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY
        descriptor = os.open(f"{database}-changes", flags | os.O_CLOEXEC, 0o600)
        try:
            size = SLOTS * _SLOT_BYTES
            if writes:
                os.posix_fallocate(descriptor, 0, size)  # memory without room on the disk would end the process
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writes else 0)
            self._memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, protection)
        finally:
            os.close(descriptor)

    def note(self, mark: bytes, arns: Iterable[str] | None) -> None:
        """Write down what the commit that follows upon a mark is about to change; None is anything."""
        commit = (commits_of(mark) + 1) % _COUNTERS
        subjects = None if arns is None else [subject_of(arn) for arn in arns]
        if subjects is None or len(subjects) > MAX_SECRETS:
            slot = _HEAD.pack(commit, _ANYTHING, _LAYOUT, mark[_CHECKSUM])
        else:
            slot = _HEAD.pack(commit, len(subjects), _LAYOUT, mark[_CHECKSUM]) + b"".join(subjects)
        start = commit % SLOTS * _SLOT_BYTES
        self._memory[start : start + len(slot)] = slot

    def between(self, old: bytes, new: bytes) -> frozenset[Subject] | None:
        """Return the secrets that were changed between two marks; None if it may be anything."""
        first, last = commits_of(old), commits_of(new)
        if not 0 < last - first <= SLOTS // 2:
            return None
        changed: set[Subject] = set()
        for commit in range(first + 1, last + 1):
            start = commit % SLOTS * _SLOT_BYTES
            slot = self._memory[start : start + _SLOT_BYTES]
            number, count, layout, follows_upon = _HEAD.unpack_from(slot)
            is_next = commit > first + 1 or follows_upon == old[_CHECKSUM]
            if number != commit or layout != _LAYOUT or count > MAX_SECRETS or not is_next:
                return None
            ends = range(_HEAD.size, _HEAD.size + count * _SUBJECT_BYTES, _SUBJECT_BYTES)
            changed.update(slot[at : at + _SUBJECT_BYTES] for at in ends)
        return frozenset(changed)

    def close(self) -> None:
        self._memory.close()


class ChangeNotes:
    """The writer's side of the ring of changes. Without one readers take every commit for a change of anything."""

    def __init__(self, path: Path) -> None:
        self.others_write = False
        """Whether another process had committed since this one did, when this one last had its turn."""
        self._own: bytes | None = None
        self._mark: CommitMark | None = None
        self._ring: ChangeRing | None = None
        try:
            self._mark = CommitMark.of(path)
            self._ring = ChangeRing(path, writes=True)
        except (OSError, ValueError):
            logger.warning("Beside %s no shared memory can be written; reads recall nothing after a commit", path)

    def write(self, arns: frozenset[str] | None) -> None:
        """Note what the commit under way changes. Called with the write lock, so that no other has its number."""
        if self._mark is None or self._ring is None:
            return
        mark = self._mark.read()
        self.others_write = self._own is not None and mark != self._own
        if mark is not None:
            self._ring.note(mark, arns)

    def committed(self) -> None:
        """Remember the mark of this process's commit. Called before another one can write."""
        if self._mark is not None:
            self._own = self._mark.read()

    def changed_since(self, mark: Mark) -> frozenset[Subject] | None:
        """Return the secrets that commits since a mark have changed; None if it may be anything."""
        present = None if self._mark is None else self._mark.read()
        if present is None or self._ring is None:
            return None
        assert isinstance(mark, bytes)
        return frozenset() if present == mark else self._ring.between(mark, present)

    def flush(self) -> None:
        """Put on disk what checkpoints have written into the database file. Raises OSError."""
        if self._mark is not None:
            self._mark.flush()

    def close(self) -> None:
        if self._mark is not None:
            self._mark.release()
        if self._ring is not None:
            self._ring.close()

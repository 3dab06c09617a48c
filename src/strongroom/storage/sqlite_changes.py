"""Which secrets a commit to an SQLite database changed, for readers that keep what they worked out.

The mark (`sqlite_mark`) tells that something was committed. This ring beside the database tells what: a slot for
each commit, with its number and the secrets it changed. Whoever commits writes the slot first, under SQLite's own
write lock, with the number that the commit will have: one more than the change counter of the WAL-index header.

It can only err on the safe side. A reader believes a slot if its number is the very one it looks for; where one is
missing, too old, or overwritten, where someone committed without a note, or where the counter began anew, the
answer is that anything may have changed. It is shared memory, never written for durability and of no use in a
backup. Secrets stand in it as eight bytes of a hash of their ARN: two of the same cost one reader some work.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from strongroom.recall import Subject, subject_of

SLOTS: Final = 1_024
"""Commits that a reader may be behind, but for half of them, which a writer may be overwriting."""

MAX_SECRETS: Final = 62
"""Secrets that a slot can hold; a commit that changed more says that anything may have changed."""

_HEAD: Final = struct.Struct("=II")
_SUBJECT_BYTES: Final = 8
_SLOT_BYTES: Final = 512
_ANYTHING: Final = 0xFFFF_FFFF
_COUNTER: Final = struct.Struct("=I")
_COUNTER_AT: Final = 8
_COUNTERS: Final = 1 << 32


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
            if writes and os.fstat(descriptor).st_size < size:
                os.ftruncate(descriptor, size)
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writes else 0)
            self._memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, protection)
        finally:
            os.close(descriptor)

    def note(self, commit: int, arns: Iterable[str] | None) -> None:
        """Write down what the commit of that number is about to change; None is anything."""
        subjects = None if arns is None else [subject_of(arn) for arn in arns]
        if subjects is None or len(subjects) > MAX_SECRETS:
            slot = _HEAD.pack(commit % _COUNTERS, _ANYTHING)
        else:
            slot = _HEAD.pack(commit % _COUNTERS, len(subjects)) + b"".join(subjects)
        start = commit % SLOTS * _SLOT_BYTES
        self._memory[start : start + len(slot)] = slot

    def between(self, old: bytes, new: bytes) -> frozenset[Subject] | None:
        """Return the secrets that were changed between two marks; None if it may be anything."""
        first, last = commits_of(old), commits_of(new)
        if not 0 <= last - first <= SLOTS // 2:
            return None
        changed: set[Subject] = set()
        for commit in range(first + 1, last + 1):
            start = commit % SLOTS * _SLOT_BYTES
            slot = self._memory[start : start + _SLOT_BYTES]
            number, count = _HEAD.unpack_from(slot)
            if number != commit or count > MAX_SECRETS:
                return None
            ends = range(_HEAD.size, _HEAD.size + count * _SUBJECT_BYTES, _SUBJECT_BYTES)
            changed.update(slot[at : at + _SUBJECT_BYTES] for at in ends)
        return frozenset(changed)

    def close(self) -> None:
        self._memory.close()

"""Room on the disk for a file that grows, ahead of what is written.

A file system that has to find blocks for what was appended writes its own journal before fdatasync returns: 310 µs for
6 KiB on ext4 instead of 160. The file's length stays that of its contents, so nobody who reads it sees a difference.
Where the system or the file system knows no such thing, or the disk is full, there is no room ahead and all else is as
it would be.

fallocate(2) is not in Python's library (`os.posix_fallocate` makes the file longer).
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Final

AHEAD_BYTES: Final = 4 * 1024 * 1024

_KEEP_SIZE: Final = 1
_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class RoomAhead:
    """What is kept free behind the end of one file."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = 0

    def see_to(self, descriptor: int, size: int) -> None:
        """Keep room for a file that is so long now, if there is not enough. Never fails."""
        if size < self._until or _fallocate is None:
            return
        self._until = size + AHEAD_BYTES
        _fallocate(descriptor, _KEEP_SIZE, size, 2 * AHEAD_BYTES)

    def give_back(self, descriptor: int, size: int) -> None:
        """Give back what is kept behind the end of a file that is so long, while nobody writes to it. Never fails."""
        if self._until:
            self._until = 0
            with suppress(OSError):
                os.ftruncate(descriptor, size)

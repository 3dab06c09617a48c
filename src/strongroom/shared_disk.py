"""Writes much to a disk that others wait for.

Whoever writes gigabytes and leaves it to the kernel when they go to disk makes everybody's flush wait for all of
them: 0.8 s were seen beside the copy of a database of 3 GB. So what is written goes to disk piece by piece. A piece is
as large as the disk takes in `PIECE_SECONDS`, and after each the disk is left alone for as long as it took. Who
flushes meanwhile waits for one piece.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

PIECE_SECONDS: Final = 0.01
"""How long a piece should keep the disk busy."""

SMALLEST_PIECE: Final = 1 << 20
LARGEST_PIECE: Final = 32 << 20
"""Bytes."""

Sleep = Callable[[float], None]


class SharedDisk:
    """The disk under one file that is being written."""

    def __init__(self, descriptor: int, sleep: Sleep = time.sleep) -> None:
        self._descriptor = descriptor
        self._sleep = sleep
        self.piece = SMALLEST_PIECE
        """How many bytes should be written before the next `flush`."""

    def flush(self) -> None:
        """Have on disk what was written, leave the disk to others for as long as that took, and learn from it.

        Raises:
            OSError: the disk did not take it.
        """
        began = time.monotonic()
        os.fdatasync(self._descriptor)
        took = time.monotonic() - began
        self.forget()
        self.piece = next_piece(self.piece, took)
        self._sleep(took)

    def forget(self) -> None:
        """Let go of the pages that the kernel keeps of the file: others want that memory for what they read."""
        os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def next_piece(piece: int, seconds: float) -> int:
    """Return how many bytes to write next, after `piece` bytes kept the disk busy for so long."""
    if seconds > PIECE_SECONDS:
        return max(SMALLEST_PIECE, piece // 2)
    return min(LARGEST_PIECE, piece * 2) if seconds < PIECE_SECONDS / 2 else piece

"""The numbers of one process, in memory that the other processes of the server can read.

Format of the file, in 64-bit words of the machine: a mark; how many words are in use; then series, each
a word (length of the key in bytes, shifted by 32, and the count of its numbers), the key padded to whole
words, the numbers. A series is counted as in use when it is complete, and stays where it is.

Why it is safe:
- A number is one aligned word: a reader sees it before or after a change, never half.
- The file is a page of memory to the writer. What it counted outlives kill -9, and the worker that is started in
  its place counts on, as does the server after a restart: sums over all workers never fall.
- The file holds names, labels and numbers, no more than /metrics tells.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from strongroom.errors import OperatorError
from strongroom.metrics.catalogue import BUCKETS

WORDS: Final = 65_536
"""Room for some thousand series: operations and outcomes are few."""

SPILL_WORDS: Final = 32
"""Where series that find no room are counted, unseen."""

_MARK: Final = 0x5354_524F << 32 | crc32(repr(("version 1", BUCKETS)).encode())
"""Another number in a file means another layout: the file begins anew."""

_WORD: Final = 8
_MARK_AT, _USED_AT, _SPILL_AT = 0, 1, 2
_FIRST: Final = _SPILL_AT + SPILL_WORDS


class Series(NamedTuple):
    key: str
    numbers: Sequence[int]


class Board:
    """The words of this process; without a path nobody else reads them. Callers take turns: `slot` is not locked."""

    def __init__(self, path: Path | None = None) -> None:
        self.numbers = memoryview(_mapped(path)).cast("Q")
        if self.numbers[_MARK_AT] != _MARK or not _FIRST <= self.numbers[_USED_AT] <= WORDS:
            self.numbers[:] = memoryview(bytes(WORDS * _WORD)).cast("Q")
            self.numbers[_USED_AT] = _FIRST
            self.numbers[_MARK_AT] = _MARK
        self._slots = {key: at for key, at, _ in _walk(self.numbers)}

    def slot(self, key: str, width: int) -> int:
        """Return where the numbers of a series begin; its first use finds room for it."""
        at = self._slots.get(key)
        return self._claim(key, width) if at is None else at

    def series(self) -> list[Series]:
        return _series(self.numbers)

    def _claim(self, key: str, width: int) -> int:
        encoded = key.encode()
        padded = encoded + b" " * (-len(encoded) % _WORD)
        begin = self.numbers[_USED_AT]
        first = begin + 1 + len(padded) // _WORD
        if first + width > WORDS:
            return _SPILL_AT
        self.numbers[begin] = len(encoded) << 32 | width
        self.numbers[begin + 1 : first] = memoryview(padded).cast("Q")
        self.numbers[_USED_AT] = first + width
        self._slots[key] = first
        return first


def read(path: Path) -> list[Series]:
    """Return what another process has counted; nothing if its file is not one, or not yet."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    if len(content) != WORDS * _WORD:
        return []
    words = memoryview(content).cast("Q")
    return _series(words) if words[_MARK_AT] == _MARK else []


def _series(words: memoryview[int]) -> list[Series]:
    return [Series(key, words[at : at + width].tolist()) for key, at, width in _walk(words)]


def _walk(words: memoryview[int]) -> Iterator[tuple[str, int, int]]:
    """Yield key, place and count of numbers of each series."""
    at, used = _FIRST, words[_USED_AT]
    while at < used:
        length, width = words[at] >> 32, words[at] & 0xFFFFFFFF
        first = at + 1 + -(-length // _WORD)
        key = words[at + 1 : first].tobytes()[:length].decode()
        yield key, first, width
        at = first + width


def _mapped(path: Path | None) -> mmap.mmap:
    if path is None:
        return mmap.mmap(-1, WORDS * _WORD)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, WORDS * _WORD)  # memory without room on the disk would end the process
        return mmap.mmap(descriptor, WORDS * _WORD)
    except OSError as error:
        raise OperatorError(
            f"The file of this server's numbers, {path}, cannot be made.",
            why=str(error),
            next_step="make room on the disk, and see that this user may write there",
        ) from error
    finally:
        os.close(descriptor)

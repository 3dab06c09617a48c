"""The files that a trail consists of, and reading on from a place in them.

Rules:
- The file that is written is `NAME.jsonl`. A finished one is `NAME.FIRST.jsonl`, where FIRST is the sequence
  number of its first record, and `NAME.FIRST.jsonl.gz` once it is compressed. In the order of their first
  records they are the trail.
- A finished file that is there plain and compressed was being compressed when the process ended: the plain
  one counts.
- The file that is written is opened before the finished ones are listed: if it is finished meanwhile it is
  read under either name, and never missed.
- `records_after` gives only what is on disk, so that whoever remembers a place never remembers more than a
  power cut leaves. A line that has no end yet is not there yet.
- A place is believed while the record at it is still there. If it is not, the trail was cut or replaced, and
  reading begins anew.
"""

from __future__ import annotations

import gzip
import logging
import mmap
import os
import re
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from strongroom.audit.chain import ChainedLine, line_end, take_apart
from strongroom.domain.trail_event import TrailPosition

TAIL_BYTES: Final = 1 << 20
"""Where the last record of a file is looked for; far longer than any record."""

COMPRESSION: Final = 6
CHUNK: Final = 1 << 20

SUFFIX: Final = ".jsonl"
COMPRESSED: Final = ".jsonl.gz"
UNFINISHED: Final = ".part"

_FINISHED: Final = re.compile(r"(?P<trail>[a-z0-9-]+)\.(?P<first>[1-9]\d*)\.jsonl(\.gz)?")
_OPEN: Final = re.compile(r"(?P<trail>[a-z0-9-]+)\.jsonl")

logger = logging.getLogger(__name__)


class FinishedFile(NamedTuple):
    """A file that nothing is added to any more."""

    first: int
    path: Path

    @property
    def is_compressed(self) -> bool:
        return self.path.name.endswith(COMPRESSED)


class Placed(NamedTuple):
    """A record of a trail: the file that it stands in begins with record `first`, and it ends at byte `end`."""

    line: ChainedLine
    first: int
    end: int

    @property
    def position(self) -> TrailPosition:
        """The place behind it."""
        return TrailPosition(self.line.sequence, self.line.mac.hex(), self.first, self.end)


def trail_names(folder: Path) -> list[str]:
    """Return the trails that have files in a folder."""
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    matches = (_OPEN.fullmatch(name) or _FINISHED.fullmatch(name) for name in names)
    return sorted({match["trail"] for match in matches if match is not None})


def open_path(folder: Path, trail: str) -> Path:
    return folder / f"{trail}{SUFFIX}"


def finished_path(folder: Path, trail: str, first: int) -> Path:
    return folder / f"{trail}.{first}{SUFFIX}"


def finished_files(folder: Path, trail: str) -> list[FinishedFile]:
    """Return the finished files of a trail, first records first, each once."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob(f"{trail}.*"), reverse=True):  # the plain one last
        match = _FINISHED.fullmatch(path.name)
        if match is not None and match["trail"] == trail:
            found[int(match["first"])] = path
    return [FinishedFile(first, found[first]) for first in sorted(found)]


def open_content(path: Path) -> BinaryIO:
    """Open a file of a trail for reading, as it was before it was compressed."""
    if path.name.endswith(SUFFIX):
        try:
            return path.open("rb")
        except FileNotFoundError:
            path = path.with_name(f"{path.name}.gz")
    return gzip.open(path, "rb")  # type: ignore[return-value] # reads and seeks as a file does


def whole_lines(file: BinaryIO, limit: int | None = None) -> Iterator[bytes]:
    """Yield the lines that have an end, up to `limit` bytes from here."""
    left = limit
    for line in file:
        if left is not None:
            left -= len(line)
        if not line.endswith(b"\n") or (left is not None and left < 0):
            return
        yield line


def trail_lines(folder: Path, trail: str) -> Iterator[bytes]:
    """Yield every line of a trail as it stands, also one without an end."""
    for _, _, file in _opened(folder, trail):
        yield from file


def head_of(folder: Path, trail: str) -> ChainedLine | None:
    """Return the last whole record of a trail, once it is on disk; None while there is none."""
    path = open_path(folder, trail)
    head = synced_head_of(path) if path.exists() else None
    if head is not None:
        return head
    return last_finished(folder, trail)


def last_finished(folder: Path, trail: str) -> ChainedLine | None:
    """Return the last record of the finished files, which are on disk."""
    for finished in reversed(finished_files(folder, trail)):
        with open_content(finished.path) as file:
            last = deque(whole_lines(file), maxlen=1) if finished.is_compressed else [_last_line(file)]
        line = take_apart(last[0].rstrip(b"\n")) if last else None
        if line is not None:
            return line
    return None


def synced_head_of(path: Path) -> ChainedLine | None:
    """Return the last whole record of a trail file, once it is on disk; None while there is none."""
    with path.open("rb") as file:
        last = _last_line(file)
        os.fdatasync(file.fileno())
    return take_apart(last) if last else None


def _last_line(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    whole, _, _ = file.read().rpartition(b"\n")
    return whole.rpartition(b"\n")[2]


def first_sequence(path: Path) -> int | None:
    """Return the sequence number of a file's first record; None while there is none."""
    with open_content(path) as file:
        return first_record_of(file)


def first_line(path: Path) -> bytes:
    """Return the first whole line of a file, without its end; empty where there is none."""
    with open_content(path) as file:
        return next(whole_lines(file), b"")[:-1]


def first_record_of(file: BinaryIO) -> int | None:
    """Return the sequence number of a file's first record, and go back to its beginning; None while there is none."""
    parts = (take_apart(line[:-1]) for line in whole_lines(file))
    first = next((line.sequence for line in parts if line is not None), None)
    file.seek(0)
    return first


def holds(folder: Path, trail: str, sequence: int, mac: str) -> bool:
    """Tell whether a trail holds a record of this place and MAC. Looks at the file that is written first."""
    path = open_path(folder, trail)
    if path.exists() and holds_record(path, sequence, mac):
        return True
    before = [one for one in finished_files(folder, trail) if one.first <= sequence]
    if not before:
        return False
    if not before[-1].is_compressed:
        return holds_record(before[-1].path, sequence, mac)
    end = line_end(sequence, mac)
    with open_content(before[-1].path) as file:
        return any(line.endswith(end) for line in file)


def holds_record(path: Path, sequence: int, mac: str) -> bool:
    """Tell whether a trail file holds a record of this place and MAC. Reads backwards, so a late one is found soon."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.rfind(line_end(sequence, mac)) >= 0


def records_after(folder: Path, trail: str, position: TrailPosition | None, *, synced: bool = True) -> Iterator[Placed]:
    """Yield the records behind a place, or all of them; lines that are none are passed over, and logged.

    Without `synced` also those that are not on disk yet, for who remembers no place.
    """
    after = 0 if position is None else position.sequence
    for first, is_written, file in _opened(folder, trail, after):
        size, offset = _synced_size(file) if is_written and synced else None, 0
        if position is not None and first == position.file_first:
            if not _seek(file, position):
                logger.error("The trail %s was cut or replaced: record %d is gone", trail, position.sequence)
                yield from records_after(folder, trail, None, synced=synced)
                return
            offset = position.file_offset
        for line in whole_lines(file, None if size is None else size - offset):
            offset += len(line)
            chained = take_apart(line[:-1])
            if chained is None:
                logger.error("The trail %s has a line that is no record of its chain", trail)
            elif chained.sequence > after:
                yield Placed(chained, first, offset)


def _opened(folder: Path, trail: str, after: int = 0) -> Iterator[tuple[int, bool, BinaryIO]]:
    """Yield the files with records behind a sequence number: number of the first, whether it is written to, content."""
    path = open_path(folder, trail)
    written = path.open("rb") if path.exists() else None
    try:
        first = None if written is None else first_record_of(written)
        finished = [one for one in finished_files(folder, trail) if one.first != first]
        following = [*(one.first for one in finished[1:]), first]
        for one, following_first in zip(finished, following, strict=False):
            if following_first is None or following_first > after + 1:
                with open_content(one.path) as file:
                    yield one.first, False, file
        if written is not None:
            yield first or 0, True, written
    finally:
        if written is not None:
            written.close()


def compress(finished: FinishedFile) -> Path:
    """Compress a finished file and return its new path. A crash leaves the one or the other, or both."""
    target = finished.path.with_name(f"{finished.path.name}.gz")
    beside = finished.path.with_name(target.name + UNFINISHED)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with (
        os.fdopen(descriptor, "wb") as written,
        gzip.GzipFile("", "wb", COMPRESSION, written, mtime=0) as compressed,
        finished.path.open("rb") as content,
    ):
        shutil.copyfileobj(content, compressed, CHUNK)
        compressed.close()
        written.flush()
        os.fsync(written.fileno())
    age = finished.path.stat().st_mtime
    os.utime(beside, (age, age))
    beside.rename(target)
    sync_folder(target.parent)
    finished.path.unlink()
    return target


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _synced_size(file: BinaryIO) -> int:
    size = os.fstat(file.fileno()).st_size
    os.fdatasync(file.fileno())
    return size


def _seek(file: BinaryIO, position: TrailPosition) -> bool:
    """Go to a place and tell whether the record before it is the one that is remembered."""
    end = line_end(position.sequence, position.mac)
    file.seek(max(0, position.file_offset - len(end)))
    return file.read(len(end)) == end

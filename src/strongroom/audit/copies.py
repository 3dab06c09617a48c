"""Copies the trails of a directory while they are written to.

The rules of `audit.files` hold: the file that is written is opened before the finished ones are listed, and a
finished one may be compressed at any time. So a copy has every record from the first that was kept to the last that
was whole when its trail's turn came, each once, whatever is finished or compressed meanwhile.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

from strongroom.audit.files import (
    TAIL_BYTES,
    FinishedFile,
    finished_files,
    first_record_of,
    open_path,
    sync_folder,
    trail_names,
)
from strongroom.shared_disk import SharedDisk, Sleep


def copy_trails(source: Path, target: Path, *, sleep: Sleep = time.sleep) -> int:
    """Copy every trail into an empty directory, have it on disk, and return how many bytes it has. Raises OSError."""
    for name in trail_names(source):
        _copy_trail(source, target, name, sleep)
    sync_folder(target)
    return sum(path.stat().st_size for path in target.iterdir())


def _copy_trail(source: Path, target: Path, name: str, sleep: Sleep) -> None:
    path = open_path(source, name)
    written = path.open("rb") if path.exists() else None
    try:
        first = None if written is None else first_record_of(written)
        for finished in finished_files(source, name):
            if finished.first != first:
                _copy_finished(finished, target, sleep)
        if written is not None:
            _copy(written, _whole_lines_of(written), target / path.name, sleep)
    finally:
        if written is not None:
            written.close()


def _copy_finished(finished: FinishedFile, target: Path, sleep: Sleep) -> None:
    try:
        content = finished.path.open("rb")
    except FileNotFoundError:  # it was compressed since it was listed
        content = finished.path.with_name(f"{finished.path.name}.gz").open("rb")
    with content:
        _copy(content, os.fstat(content.fileno()).st_size, target / Path(content.name).name, sleep)


def _whole_lines_of(content: BinaryIO) -> int:
    """Return where the last line that has an end ends."""
    size = os.fstat(content.fileno()).st_size
    before = max(0, size - TAIL_BYTES)
    content.seek(before)
    return before + content.read(size - before).rfind(b"\n") + 1


def _copy(content: BinaryIO, size: int, target: Path, sleep: Sleep) -> None:
    content.seek(0)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as copy:
        disk, left = SharedDisk(descriptor, sleep), size
        while left and (piece := content.read(min(left, disk.piece))):
            copy.write(piece)
            copy.flush()
            left -= len(piece)
            disk.flush()
        os.fsync(descriptor)

"""The checkpoints of a node's trails, kept beside them in `checkpoints/`.

Rules:
- `NAME.leaves` holds the hash of every record of a trail, 32 bytes each, in their order. It is derived from the
  trail, grows with it, and stays when files of the trail are deleted, so that proofs can still be made.
- `NAME.SIZE.checkpoint` is a signed note about the first SIZE records. Copies of it in other hands show later
  whether the trail is still the one that it was, even to whoever does not trust the holder of the root key.
- Whoever adds to the leaves holds a lock; a crash leaves whole hashes and at most a part of one, which is cut off.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.audit.files import records_after, trail_names
from strongroom.audit.notes import Checkpoint, NoteError, Signer, open_checkpoint, signing_term
from strongroom.audit.tree import HASH_BYTES, leaf_hash, root_of
from strongroom.domain.trail_event import TrailPosition

FOLDER: Final = "checkpoints"
_NAME: Final = re.compile(r"(?P<trail>[a-z0-9-]+)\.(?P<size>[1-9]\d*)\.checkpoint")


def origin_of(node: str, trail: str) -> str:
    """Return the name of a trail among all logs."""
    return f"strongroom/{node}/{trail}"


def make_checkpoints(folder: Path, node: str, signer: Signer) -> list[Path]:
    """Sign a checkpoint of every trail that has grown since its last one, and return their files."""
    made = (make_checkpoint(folder, node, trail, signer) for trail in trail_names(folder))
    return [path for path in made if path is not None]


def make_checkpoint(folder: Path, node: str, trail: str, signer: Signer) -> Path | None:
    """Sign a checkpoint of what a trail has on disk; None if the last one is about the same records."""
    with _leaves_of(folder, trail) as file:
        grow(folder, trail, file)
        leaves = read_leaves(file)
    size = len(leaves)
    known = stored(folder, trail)
    if not size or (known and known[-1][0] >= size):
        return None
    note = signer.sign(Checkpoint(origin_of(node, trail), size, root_of(leaves)))
    path = folder / FOLDER / f"{trail}.{size}.checkpoint"
    beside = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as written:
        written.write(note)
        written.flush()
        os.fsync(written.fileno())
    beside.rename(path)
    return path


def stored(folder: Path, trail: str) -> list[tuple[int, Path]]:
    """Return the checkpoints of a trail by their sizes, smallest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in (folder / FOLDER).glob(f"{trail}.*"))
    return sorted((int(match["size"]), path) for match, path in matches if match and match["trail"] == trail)


def leaves(folder: Path, trail: str) -> list[bytes]:
    """Return the hashes of a trail's records, as far as they are kept."""
    path = folder / FOLDER / f"{trail}.leaves"
    if not path.exists():
        return []
    with path.open("rb") as file:
        return read_leaves(file)


def difference(note: str, origin: str, hashes: Sequence[bytes], signer_of: Callable[[int], Signer]) -> str | None:
    """Return in what a trail differs from a checkpoint of it, None if in nothing.

    Args:
        note: the checkpoint.
        origin: name of the trail among all logs.
        hashes: of all records of the trail.
        signer_of: gives the signer of a keyring term; raises KeyError if there is no such term.
    """
    term = signing_term(note)
    try:
        if term is None:
            return "the checkpoint was not signed by this deployment"
        checkpoint = open_checkpoint(note, signer_of(term).public_key)
    except (KeyError, NoteError):
        return "the checkpoint was not signed by this deployment, or was changed"
    if checkpoint.origin != origin:
        return f"the checkpoint is about {checkpoint.origin}"
    if checkpoint.size > len(hashes):
        return f"the checkpoint is about {checkpoint.size} records, and there are {len(hashes)}"
    if root_of(hashes[: checkpoint.size]) != checkpoint.root:
        return "the records are not those that the checkpoint is about"
    return None


def read_leaves(file: BinaryIO) -> list[bytes]:
    file.seek(0)
    content = file.read()
    return [content[start : start + HASH_BYTES] for start in range(0, len(content) - HASH_BYTES + 1, HASH_BYTES)]


def grow(folder: Path, trail: str, file: BinaryIO) -> None:
    """Add the hashes of the records that have none yet."""
    count = file.seek(0, os.SEEK_END) // HASH_BYTES
    file.truncate(count * HASH_BYTES)
    file.seek(0, os.SEEK_END)
    behind = TrailPosition(count, "", -1, 0)  # in no file: those before are passed over
    for placed in records_after(folder, trail, behind):
        if placed.line.sequence != count + 1:
            break  # the trail has a gap, which `audit verify` tells
        file.write(leaf_hash(placed.line.record))
        count += 1
    file.flush()
    os.fdatasync(file.fileno())


@contextmanager
def _leaves_of(folder: Path, trail: str) -> Generator[BinaryIO]:
    kept = folder / FOLDER
    kept.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(kept / f"{trail}.leaves", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file

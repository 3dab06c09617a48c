"""When a file of the trail is finished, how the next one begins, and which finished ones may go.

Rules:
- A file is finished when it has grown to a size, or when its first record is some days old; 0 means never. One
  that holds but its first record is not finished, so a quiet server makes no files of nothing.
- The first record of the next file repeats the number and the MAC of the last one, so that what is left of a
  trail can be proven when older files are gone.
- A compressed file may go when its last record is old enough and every record of it was copied into the index.
  The last file never goes. What goes is on the trail first: `audit verify` takes nothing else for granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from strongroom import ids
from strongroom.audit.chain import take_apart
from strongroom.audit.files import finished_files, first_line, first_sequence, open_path, trail_names
from strongroom.audit.record import service_event
from strongroom.audit.trail import Trail
from strongroom.audit.verify import DELETED, continuation
from strongroom.entropy import Entropy


@dataclass(frozen=True, slots=True)
class Rotation:
    """After how many bytes and days a file is finished."""

    most_bytes: int = 0
    days: int = 0

    def is_due(self, trail: Trail, now: datetime) -> bool:
        if trail.records <= 1:
            return False
        if self.most_bytes and trail.size >= self.most_bytes:
            return True
        began = _began(trail.path) if self.days else None
        return began is not None and (now.date() - began.date()).days >= self.days


def rotate_if_due(trail: Trail, rotation: Rotation, now: datetime, entropy: Entropy) -> Path | None:
    """Finish the file if it is time, and return its new path."""
    if not rotation.is_due(trail, now):
        return None
    event_id = ids.random_uuid(entropy)
    return trail.rotate(lambda sequence, mac: continuation(trail.name, now, event_id, sequence, mac))


def continue_trail(trail: Trail, now: datetime, entropy: Entropy) -> None:
    """Begin an empty file that follows finished ones, as a crash leaves it between the two."""
    sequence, mac = trail.head
    if sequence and not trail.records:
        record = continuation(trail.name, now, ids.random_uuid(entropy), sequence, mac)
        trail.append([record], True)


@dataclass(frozen=True, slots=True)
class Departure:
    """Finished files of a trail that may go, and the number of the last record in them or before."""

    trail: str
    paths: tuple[Path, ...]
    last: int


def departures(folder: Path, indexed: dict[str, int], oldest: datetime) -> list[Departure]:
    """Return which files may go; if any may, also of which trails earlier files are gone already.

    Args:
        folder: of the trails.
        indexed: number of the last record of each trail that was copied into the index.
        oldest: files whose last record is older may go.
    """
    found = [_departure(folder, trail, indexed.get(trail, 0), oldest) for trail in trail_names(folder)]
    if not any(one.paths for one in found):
        return []
    return [one for one in found if one.last]


def farewell(departure: Departure, now: datetime, entropy: Entropy) -> bytes:
    """Return the record that says what was deleted."""
    details = {"Trail": departure.trail, "LastRecord": departure.last}
    details["Files"] = ", ".join(path.name for path in departure.paths)
    return service_event(name=DELETED, now=now, event_id=ids.random_uuid(entropy), details=details)


def _departure(folder: Path, trail: str, indexed: int, oldest: datetime) -> Departure:
    files, path = finished_files(folder, trail), open_path(folder, trail)
    written = first_sequence(path) if path.exists() else None
    firsts = [one.first for one in files] + ([] if written is None else [written])
    going: list[Path] = []
    for file, following in zip(files, firsts[1:], strict=False):
        last_at = datetime.fromtimestamp(file.path.stat().st_mtime, oldest.tzinfo)
        if not file.is_compressed or last_at >= oldest or following - 1 > indexed:
            break
        going.append(file.path)
    return Departure(trail, tuple(going), firsts[len(going)] - 1 if firsts else 0)


def _began(path: Path) -> datetime | None:
    line = take_apart(first_line(path))
    if line is None:
        return None
    time = msgspec.json.decode(line.record).get("eventTime")
    return datetime.fromisoformat(time) if isinstance(time, str) else None

"""Proves a trail: every line chained to the one before, over all its files, none missing up to where the database
saw it.

A trail whose first files are gone begins with a record that repeats the number and the MAC of the one before; its
own MAC shows that whoever wrote it had the key. Whether those files may be gone is told by `beginning`: the server
records what it deletes.
"""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from strongroom.audit.chain import FIRST_MAC, ChainedLine, chain_mac, take_apart
from strongroom.audit.files import trail_lines
from strongroom.audit.record import service_event
from strongroom.storage.base import TrailHead

CONTINUED: Final = "ContinueAuditTrail"
DELETED: Final = "DeleteAuditTrailFile"

SeeRecord = Callable[[ChainedLine], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found; `broken_line` is 1-based, None when the whole trail holds.

    `first` is the number of the first record that is there.
    """

    records: int
    broken_line: int | None = None
    reason: str | None = None
    first: int = 1


def continuation(trail: str, now: datetime, event_id: str, sequence: int, mac: bytes) -> bytes:
    """Return the record that a new file of a trail begins with."""
    details = {"Trail": trail, "PreviousRecord": sequence, "PreviousMac": mac.hex()}
    return service_event(name=CONTINUED, now=now, event_id=event_id, details=details)


def verify(path: Path, key_of_term: Callable[[int], bytes], head: TrailHead | None) -> Verdict:
    """Check the chain of a trail of one file and that it reaches the head the database remembers."""
    return verify_lines(_lines(path), key_of_term, head)


def verify_trail(
    folder: Path, trail: str, key_of_term: Callable[[int], bytes], head: TrailHead | None, see: SeeRecord | None = None
) -> Verdict:
    """Check the chain of a trail over all its files; `see` is shown every record that is proven."""
    try:
        return verify_lines(trail_lines(folder, trail), key_of_term, head, see)
    except (OSError, EOFError, zlib.error) as error:
        return Verdict(0, 1, f"a file cannot be read: {error}")


def verify_lines(
    lines: Iterable[bytes], key_of_term: Callable[[int], bytes], head: TrailHead | None, see: SeeRecord | None = None
) -> Verdict:
    """Check lines. Stops at the first broken record: nothing after it is proven."""
    previous, sequence, first = FIRST_MAC, 0, 1
    for number, line in enumerate(lines, start=1):
        chained = take_apart(line.rstrip(b"\n"))
        if chained is None or not line.endswith(b"\n"):
            return Verdict(sequence - first + 1, number, "the line is not a whole record of the chain", first)
        if number == 1 and (before := _before(chained)) is not None:
            sequence, previous = before
            first = sequence + 1
        outcome = _next_mac(chained, previous, sequence + 1, key_of_term)
        if isinstance(outcome, str):
            return Verdict(sequence - first + 1, number, outcome, first)
        previous, sequence = outcome, sequence + 1
        if head is not None and head.sequence == sequence and previous.hex() != head.mac:
            return Verdict(sequence - first, number, "the record is not the one the database remembers", first)
        if see is not None:
            see(chained)
    verdict = Verdict(sequence - first + 1, first=first)
    if head is not None and sequence < head.sequence:
        reason = f"records {sequence + 1} to {head.sequence} were cut off"
        return replace(verdict, broken_line=verdict.records + 1, reason=reason)
    return verdict


def deleted_up_to(line: ChainedLine) -> tuple[str, int] | None:
    """Return of which trail, and up to which record, a record says that the server has deleted files."""
    if DELETED.encode() not in line.record:
        return None
    record = msgspec.json.decode(line.record)
    details = record.get("additionalEventData") or {}
    if record.get("eventName") != DELETED or record.get("eventType") != "AwsServiceEvent":
        return None
    return str(details["Trail"]), int(details["LastRecord"])


def _before(chained: ChainedLine) -> tuple[int, bytes] | None:
    """Return number and MAC of the record before the first one, if that says what they were."""
    if chained.sequence == 1 or CONTINUED.encode() not in chained.record:
        return None
    record = msgspec.json.decode(chained.record)
    details = record.get("additionalEventData") or {}
    if record.get("eventName") != CONTINUED or details.get("PreviousRecord") != chained.sequence - 1:
        return None
    return chained.sequence - 1, bytes.fromhex(details["PreviousMac"])


def _next_mac(chained: ChainedLine, previous: bytes, expected: int, key_of_term: Callable[[int], bytes]) -> bytes | str:
    """Return the MAC that continues the chain, or what is wrong with the line."""
    if chained.sequence != expected:
        return f"record {chained.sequence} stands where {expected} belongs"
    try:
        key = key_of_term(chained.term)
    except KeyError:
        return f"there is no keyring term {chained.term}"
    mac = chain_mac(key, previous, chained.sequence, chained.record)
    return mac if hmac.compare_digest(mac, chained.mac) else "the record, or one before it, was changed"


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file

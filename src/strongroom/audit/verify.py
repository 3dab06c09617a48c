"""Proves a trail: every line chained to the one before, none missing up to where the database saw it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from strongroom.audit.chain import FIRST_MAC, chain_mac, take_apart
from strongroom.storage.base import TrailHead


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found; `broken_line` is 1-based, None when the whole trail holds."""

    records: int
    broken_line: int | None = None
    reason: str | None = None


def verify(path: Path, key_of_term: Callable[[int], bytes], head: TrailHead | None) -> Verdict:
    """Check the chain of a trail and that it reaches the head the database remembers.

    Stops at the first broken record: nothing after it is proven.
    """
    previous, sequence = FIRST_MAC, 0
    for number, line in enumerate(_lines(path), start=1):
        outcome = _next_mac(line, previous, sequence + 1, key_of_term)
        if isinstance(outcome, str):
            return Verdict(sequence, number, outcome)
        previous, sequence = outcome, sequence + 1
        if head is not None and head.sequence == sequence and previous.hex() != head.mac:
            return Verdict(sequence, number, "the record is not the one the database remembers")
    if head is not None and sequence < head.sequence:
        return Verdict(sequence, sequence + 1, f"records {sequence + 1} to {head.sequence} were cut off")
    return Verdict(sequence)


def _next_mac(line: bytes, previous: bytes, expected: int, key_of_term: Callable[[int], bytes]) -> bytes | str:
    """Return the MAC that continues the chain, or what is wrong with the line."""
    chained = take_apart(line.rstrip(b"\n"))
    if chained is None or not line.endswith(b"\n"):
        return "the line is not a whole record of the chain"
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

"""The chain of a trail: how a line holds its record, and how it depends on the line before it.

A line is a record whose last member is `"chain":{"key":TERM,"seq":N,"mac":"HEX"}`. The MAC is HMAC-SHA256,
under a key derived from keyring term TERM, of the previous line's MAC (32 zero bytes for the first), the
sequence number, and the record's bytes before the chain was added.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

FIRST_MAC: Final = bytes(32)

KEYS_KEPT: Final = 16
"""Terms of the keyring whose keys are kept ready."""

_CHAIN_START: Final = b',"chain":{'
_CHAIN: Final = re.compile(rb',"chain":\{"key":([1-9]\d*),"seq":([1-9]\d*),"mac":"([0-9a-f]{64})"\}\}\Z')
"""Numbers as they are written, without leading zeros: a line has one spelling."""


class ChainedLine(NamedTuple):
    """A line of the trail, taken apart."""

    record: bytes
    term: int
    sequence: int
    mac: bytes


def chain_mac(key: bytes, previous: bytes, sequence: int, record: bytes) -> bytes:
    mac = _keyed(key).copy()
    mac.update(previous + sequence.to_bytes(8, "big") + record)
    return mac.finalize()


@lru_cache(maxsize=KEYS_KEPT)
def _keyed(key: bytes) -> HMAC:
    """Return what has taken in a key, to be copied: half of the work on a record, and the same for all of them."""
    return HMAC(key, SHA256())


def take_apart(line: bytes) -> ChainedLine | None:
    """Return the parts of a line without its line end, or None if it is not one of ours."""
    start = line.rfind(_CHAIN_START)
    match = _CHAIN.match(line, start) if start >= 0 else None
    if match is None:
        return None
    term, sequence, mac = match.groups()
    return ChainedLine(line[:start] + b"}", int(term), int(sequence), bytes.fromhex(mac.decode()))


def line_end(sequence: int, mac: str) -> bytes:
    """Return how the line of a record ends, its line end included."""
    return b',"seq":%d,"mac":"%s"}}\n' % (sequence, mac.encode())

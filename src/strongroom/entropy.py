"""The only place that draws random numbers; everything else is handed an `Entropy`."""

from __future__ import annotations

import os
import secrets
from typing import Final, Protocol

PUBLIC_BYTES: Final = 16
DRAWN_AHEAD: Final = 256
"""Draws of public bytes that one call of the operating system serves."""


class Entropy(Protocol):
    """A source of unpredictable bytes. Production code knows only `SystemEntropy`."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...

    def public_bytes(self) -> bytes:
        """Return sixteen random bytes for what is no secret, such as the id of a request; maybe drawn ahead."""
        ...

    def below(self, bound: int) -> int:
        """Return an integer drawn uniformly from 0 (included) to `bound` (excluded)."""
        ...


class SystemEntropy:
    """The operating system's generator. Bytes for secrets are drawn when they are needed, never before."""

    def __init__(self) -> None:
        self._ahead: list[bytes] = []

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def public_bytes(self) -> bytes:
        try:
            return self._ahead.pop()
        except IndexError:  # two threads may both draw; neither is given what the other is
            drawn = os.urandom(PUBLIC_BYTES * DRAWN_AHEAD)
            self._ahead += [drawn[start : start + PUBLIC_BYTES] for start in range(0, len(drawn), PUBLIC_BYTES)]
            return os.urandom(PUBLIC_BYTES)

    def below(self, bound: int) -> int:
        return secrets.randbelow(bound)

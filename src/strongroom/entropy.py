"""The only place that draws random numbers; everything else is handed an `Entropy`."""

from __future__ import annotations

import secrets
from typing import Protocol


class Entropy(Protocol):
    """A source of unpredictable bytes. Production code knows only `SystemEntropy`."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...

    def below(self, bound: int) -> int:
        """Return an integer drawn uniformly from 0 (included) to `bound` (excluded)."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def token_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def below(self, bound: int) -> int:
        return secrets.randbelow(bound)

"""Randomness that repeats itself, for tests. Production code cannot import it."""

from __future__ import annotations

from random import Random


class SeededEntropy:
    """An `Entropy` whose draws depend on the seed alone."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def public_bytes(self) -> bytes:
        return self._random.randbytes(16)

    def below(self, bound: int) -> int:
        return self._random.randrange(bound)

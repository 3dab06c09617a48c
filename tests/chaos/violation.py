"""An invariant that does not hold."""

from __future__ import annotations


class Violation(AssertionError):
    """The server broke a promise; the text says which, and for what."""


def require(holds: object, broken: str) -> None:
    if not holds:
        raise Violation(broken)

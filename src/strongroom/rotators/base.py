"""The contract between RotateSecret and whatever runs rotation functions.

A server without rotators serves no function: RotateSecret then answers, as AWS does for a function it may
not invoke, and stores nothing.
"""

from __future__ import annotations

from typing import Protocol


class Rotators(Protocol):
    def serves(self, function_arn: str) -> bool:
        """Tell whether a rotation function can be invoked."""
        ...


class NoRotators:
    """A server that can run no rotation function."""

    def serves(self, function_arn: str) -> bool:  # noqa: ARG002 - the contract's
        return False

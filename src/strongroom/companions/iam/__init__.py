"""The operations of IAM."""

from __future__ import annotations

from typing import Any, Final

from strongroom.companions.base import CompanionOperation

OPERATIONS: Final[dict[str, CompanionOperation[Any]]] = {}

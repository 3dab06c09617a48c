from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RotationRules:
    automatically_after_days: int | None = None
    duration: str | None = None
    schedule_expression: str | None = None

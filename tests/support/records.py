"""Changed copies of records, whichever kind they are."""

from __future__ import annotations

import dataclasses
from typing import Any


def replace(record: Any, **changes: Any) -> Any:
    """Return a copy of a frozen dataclass or a named tuple with other values."""
    return record._replace(**changes) if isinstance(record, tuple) else dataclasses.replace(record, **changes)

"""The read of a value, as LastAccessedDate remembers it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class Access(NamedTuple):
    """A version of a secret was read on a day (UTC)."""

    arn: str
    version_id: str
    day: date

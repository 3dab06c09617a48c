"""What frozen records are made of that calls make by the dozen: a dataclass takes ten times as long to make.

The rules of `domain` take both from here, so that what encodes and decodes stays out of their reach. Wherever such
a record holds only plain values and records like itself, all of them there before it, no cycle can lead through it,
and the garbage collector need not look at it: `gc=False`.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["Struct", "replace"]

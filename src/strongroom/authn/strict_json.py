"""JSON from strangers, read in the one way that everybody reads it.

An object, in UTF-8, whose keys stand once each; no NaN or Infinity, no half of a surrogate pair, no nesting
that exhausts the stack. What parsers read differently is refused: a token must not say one thing to its
issuer and another to us.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the object that `data` is.

    Raises:
        ValueError: it is none, or not only one.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_require_unique_keys, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - what is wrong is the text
    return value


def _require_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

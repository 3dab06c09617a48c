"""JSON read in the one way that everybody reads it.

Keys stand once in an object; no NaN or Infinity, no half of a surrogate pair, no nesting that exhausts the
stack. What parsers read differently is refused: a document must not say one thing to its writer and another
to us.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn


class NotStrictJsonError(ValueError):
    """What is wrong with a text, and where."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


def parse_strictly(text: str, *, parse_number: Callable[[str], Any] | None = None) -> Any:
    """Return the value of a text; `parse_number` reads its numbers, if they are not to become Python's.

    Raises:
        NotStrictJsonError: it is no JSON, or could be read differently.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_require_unique_keys,
            parse_int=parse_number,
            parse_float=parse_number,
            parse_constant=_refuse_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotStrictJsonError(f"line {error.lineno}, column {error.colno}", error.msg) from None
    except RecursionError:
        raise NotStrictJsonError("document", "it is nested too deeply") from None
    except UnicodeEncodeError:
        raise NotStrictJsonError("document", "it holds half of a surrogate pair") from None
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the object that bytes of UTF-8 are.

    Raises:
        ValueError: they are none, or not only one.
    """
    value = parse_strictly(data.decode())
    if not isinstance(value, dict):
        raise NotStrictJsonError("document", "it is not an object")
    return value


def _require_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).most_common(1):
        if times > 1:
            raise NotStrictJsonError("document", f"the key {key!r} stands {times} times in one object")
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrictJsonError("document", f"{name} is not JSON")

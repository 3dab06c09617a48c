"""JSON as policies are written in it, strictly.

No duplicate keys, no NaN or Infinity, no lone surrogates, and nested no deeper than Python's own stack
allows. Numbers keep their text: a condition compares what was written.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from strongroom.policy.faults import PolicyFault


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def parse_json(text: str, *, message: str, max_characters: int) -> Any:
    """Return the value.

    Raises:
        PolicyFault: with that message.
    """
    try:
        return _parse(text, max_characters)
    except PolicyFault as fault:
        fault.message = message
        raise


def _parse(text: str, max_characters: int) -> Any:
    if len(text) > max_characters:
        raise PolicyFault("document", f"it is longer than {max_characters} characters")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_require_unique_keys,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse_constant,
        )
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise PolicyFault(f"line {error.lineno}, column {error.colno}", error.msg) from None
    except RecursionError:
        raise PolicyFault("document", "it is nested too deeply") from None
    except UnicodeEncodeError:
        raise PolicyFault("document", "it holds half of a surrogate pair") from None
    return document


def _require_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).most_common(1):
        if times > 1:
            raise PolicyFault("document", f"the key {key!r} stands {times} times in one object")
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise PolicyFault("document", f"{name} is not JSON")

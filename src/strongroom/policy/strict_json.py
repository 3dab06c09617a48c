"""JSON as policies are written in it, strictly. Numbers keep their text: a condition compares what was written."""

from __future__ import annotations

from typing import Any

from strongroom.domain.strict_json import NotStrictJsonError, parse_strictly
from strongroom.policy.faults import PolicyFault


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def parse_json(text: str, *, message: str, max_characters: int) -> Any:
    """Return the value.

    Raises:
        PolicyFault: with that message.
    """
    if len(text) > max_characters:
        raise PolicyFault("document", f"it is longer than {max_characters} characters", message)
    try:
        return parse_strictly(text, parse_number=Number)
    except NotStrictJsonError as fault:
        raise PolicyFault(fault.where, fault.why, message) from None

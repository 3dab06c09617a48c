"""What a record may show of a request or an answer: the members an operation allows, nothing else.

A member that is a structure is allowed as a whole, or by single members of its own: "access_key.user_name".
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import UNSET


def lower_camel(wire_name: str) -> str:
    """Return a member's name as CloudTrail spells it: `SecretId` is secretId, `ARN` is arn."""
    head = 0
    while head < len(wire_name) and wire_name[head].isupper():
        head += 1
    keep = head if head in (1, len(wire_name)) else head - 1
    return wire_name[:keep].lower() + wire_name[keep:]


def shown(message: msgspec.Struct | None, allowed: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the allowed members (Python names) that have a value, under their trail names."""
    if message is None:
        return None
    record: dict[str, Any] = {}
    if not allowed:
        return record
    for attribute, inner, name in _members(type(message), allowed):
        value = getattr(message, attribute)
        if value is None or value is UNSET:
            continue
        if inner:
            record.setdefault(name, {}).update(shown(value, (inner,)) or {})
        else:
            record[name] = value if type(value) is str else _plain(value)
    return record


@cache
def _members(message_type: type[msgspec.Struct], allowed: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    """Return of each allowed member its Python name, which member of it is meant if not all of it, its trail name."""
    names = {field.name: lower_camel(field.encode_name) for field in msgspec.structs.fields(message_type)}
    paths = [path.partition(".") for path in allowed]
    return tuple((attribute, inner, names[attribute]) for attribute, _, inner in paths)


MAX_ITEMS: Final = 64
"""Items of one list that a record shows: more than any limit of AWS allows, far less than a body can hold."""


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return shown(value, value.__struct_fields__)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, datetime):
        return value.isoformat()
    return value

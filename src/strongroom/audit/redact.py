"""What a record may show of a request or an answer: the members an operation allows, nothing else.

A member that is a structure is allowed as a whole, or by single members of its own: "access_key.user_name".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec


def lower_camel(wire_name: str) -> str:
    """Return a member's name as CloudTrail spells it: `SecretId` is secretId, `ARN` is arn."""
    head = 0
    while head < len(wire_name) and wire_name[head].isupper():
        head += 1
    keep = head if head in (1, len(wire_name)) else head - 1
    return wire_name[:keep].lower() + wire_name[keep:]


def shown(message: msgspec.Struct | None, allowed: Sequence[str]) -> dict[str, Any] | None:
    """Return the allowed members (Python names) that have a value, under their trail names."""
    if message is None:
        return None
    record: dict[str, Any] = {}
    if not allowed:
        return record
    names = _trail_names(type(message))
    for path in allowed:
        attribute, _, inner = path.partition(".")
        value = getattr(message, attribute)
        if value is None or value is msgspec.UNSET:
            continue
        if inner:
            record.setdefault(names[attribute], {}).update(shown(value, (inner,)) or {})
        else:
            record[names[attribute]] = _plain(value)
    return record


_NAMES: dict[type[msgspec.Struct], Mapping[str, str]] = {}


def _trail_names(message_type: type[msgspec.Struct]) -> Mapping[str, str]:
    names = _NAMES.get(message_type)
    if names is None:
        fields = msgspec.structs.fields(message_type)
        names = _NAMES[message_type] = {field.name: lower_camel(field.encode_name) for field in fields}
    return names


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

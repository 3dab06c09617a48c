"""Wire types compared with AWS's own description of them, as the installed botocore carries it.

Nothing checks the limits of an answer, so they need not be declared; those that a shape shared with requests
declares must still be AWS's. Instants are numbers in one protocol and dates in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect as wire_types

from strongroom.operations.base import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape as ModelShape

_TYPES: Final[dict[str, type[wire_types.Type]]] = {
    "string": wire_types.StrType,
    "blob": wire_types.BytesType,
    "boolean": wire_types.BoolType,
    "integer": wire_types.IntType,
    "long": wire_types.IntType,
    "list": wire_types.ListType,
    "map": wire_types.DictType,
    "structure": wire_types.StructType,
}


@dataclass(frozen=True)
class Side:
    """Requests are compared limit for limit; in answers the limits that are declared must be right."""

    is_request: bool
    timestamps: type[wire_types.Type] = wire_types.FloatType


def compare_type(path: str, message: type[msgspec.Struct], shape: ModelShape, side: Side) -> Iterator[str]:
    """Yield everything in which a wire type is not what AWS describes, one readable line each."""
    yield from _compare_structure(path, wire_types.type_info(message), shape, side)


def _compare_structure(path: str, struct: wire_types.StructType, shape: ModelShape, side: Side) -> Iterator[str]:
    fields = {field.encode_name: field for field in struct.fields}
    required = {field.encode_name for field in msgspec.structs.fields(struct.cls) if field.default is REQUIRED}
    for name in shape.members.keys() - fields.keys():
        yield f"{path}.{name}: missing"
    for name in fields.keys() - shape.members.keys():
        yield f"{path}.{name}: AWS has no such member"
    if len(fields) != len(struct.fields):
        yield f"{path}: two attributes have one wire name"
    for name in fields.keys() & shape.members.keys():
        if side.is_request and (name in required) is not (name in shape.required_members):
            yield f"{path}.{name}: required on one side only"
        yield from _compare_member(f"{path}.{name}", fields[name].type, shape.members[name], side)


def _compare_member(path: str, kind: wire_types.Type, shape: ModelShape, side: Side) -> Iterator[str]:
    declared, kind = _unwrapped(kind)
    expected = side.timestamps if shape.type_name == "timestamp" else _TYPES[shape.type_name]
    if not isinstance(kind, expected):
        yield f"{path}: {type(kind).__name__} is not AWS's {shape.type_name}"
        return
    for limit, ours in _plain(declared).items():
        theirs = _plain(shape.metadata)[limit]
        if ours != theirs and (side.is_request or ours):
            yield f"{path}: {limit} is {ours!r}, AWS's is {theirs!r}"
    if isinstance(kind, wire_types.StructType):
        yield from _compare_structure(path, kind, shape, side)
    elif isinstance(kind, wire_types.ListType):
        yield from _compare_member(f"{path}[]", kind.item_type, shape.member, side)
    elif isinstance(kind, wire_types.DictType):
        yield from _compare_member(f"{path}{{name}}", kind.key_type, shape.key, side)
        yield from _compare_member(f"{path}{{value}}", kind.value_type, shape.value, side)


def _unwrapped(kind: wire_types.Type) -> tuple[dict[str, Any], wire_types.Type]:
    declared: dict[str, Any] = {}
    while isinstance(kind, (wire_types.Metadata, wire_types.UnionType)):
        if isinstance(kind, wire_types.Metadata):
            declared |= kind.extra or {}
            kind = kind.type
        else:
            (kind,) = (part for part in kind.types if not isinstance(part, wire_types.NoneType))
    return declared, kind


def _plain(declared: dict[str, Any]) -> dict[str, Any]:
    """Return the limits in one form; the order of an enumeration says nothing."""
    enum = declared.get("enum")
    values = [value.value for value in enum] if isinstance(enum, type) and issubclass(enum, Enum) else enum
    return {
        "min": declared.get("min"),
        "max": declared.get("max"),
        "pattern": declared.get("pattern"),
        "enum": sorted(values) if values else None,
        "sensitive": bool(declared.get("sensitive")),
    }

"""The limits declared on request members, and AWS's sentence for all that are violated at once.

The form is `{n} validation error(s) detected: Value {value} at '{path}' failed to satisfy constraint:
{constraint}`, violations joined by `; `. Paths are lower-camel, list positions 1-based with `.member.`.
Sensitive members print no value. Texts and forms: dossier section 1.4.

Text with NUL is refused here as well: no client means it, and not every database can hold it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET
from msgspec import inspect as wire_types

from strongroom.audit.redact import lower_camel
from strongroom.errors import ValidationException
from strongroom.operations.base import REQUIRED

MAX_VALUE_SHOWN: Final = 1_024
"""Longest value echoed in a violation, in characters."""

_Check: TypeAlias = Callable[[Any, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class _Member:
    attribute: str
    path: str
    required: bool
    sensitive: bool
    checks: tuple[_Check, ...]


def check(request: msgspec.Struct) -> None:
    """Do nothing if the request keeps every limit of its type.

    Raises:
        ValidationException: it does not; the message lists all violations.
    """
    violations = list(_violations(request, ""))
    if violations:
        plural = "" if len(violations) == 1 else "s"
        raise ValidationException(f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}")


def _violations(message: msgspec.Struct, prefix: str) -> Iterator[str]:
    for member in _members(type(message)):
        value = getattr(message, member.attribute)
        path = prefix + member.path
        if value is UNSET or value is None:
            if member.required:
                yield _sentence("null", path, "Member must not be null")
            continue
        shown = "" if member.sensitive else _quoted(value)
        for one in member.checks:
            for violation in one(value, path):
                yield violation if violation.startswith("Value") else _sentence(shown, path, violation)


@cache
def _members(message_type: type[msgspec.Struct]) -> tuple[_Member, ...]:
    info = wire_types.type_info(message_type)
    if not isinstance(info, wire_types.StructType):
        raise TypeError(f"{message_type} is not a message")
    return tuple(_member(field) for field in info.fields)


def _member(field: wire_types.Field) -> _Member:
    extra, kind = _unwrapped(field.type)
    required = field.default is REQUIRED
    return _Member(
        field.name, lower_camel(field.encode_name), required, bool(extra.get("sensitive")), tuple(_checks(extra, kind))
    )


def _unwrapped(kind: wire_types.Type) -> tuple[dict[str, Any], wire_types.Type]:
    """Return the declared limits and the type below `Annotated` and `| None`."""
    extra: dict[str, Any] = {}
    while True:
        if isinstance(kind, wire_types.Metadata):
            extra |= kind.extra or {}
            kind = kind.type
        elif isinstance(kind, wire_types.UnionType):
            kind = next(part for part in kind.types if not isinstance(part, wire_types.NoneType))
        else:
            return extra, kind


def _checks(extra: dict[str, Any], kind: wire_types.Type) -> Iterator[_Check]:
    if isinstance(kind, wire_types.IntType):
        yield from _bounds(extra, "value", lambda value: value)
        return
    if extra.get("enum") is not None:
        yield _enum_check(extra["enum"])
    if isinstance(kind, (wire_types.StrType, wire_types.BytesType, wire_types.ListType)):
        yield from _bounds(extra, "length", len)
    if isinstance(kind, wire_types.StrType) and not extra.get("sensitive"):
        yield _pattern_check(r"[^\u0000]*", re.compile(r"[^\0]*", re.DOTALL))
    if extra.get("pattern") is not None:
        yield _pattern_check(extra["pattern"], re.compile(extra["pattern"].removesuffix("$")))
    if isinstance(kind, wire_types.ListType):
        yield from _item_checks(kind.item_type)


def _bounds(extra: dict[str, Any], what: str, measure: Callable[[Any], int]) -> Iterator[_Check]:
    if (most := extra.get("max")) is not None:
        text = f"Member must have {what} less than or equal to {most}"
        yield lambda value, _: iter([text] if measure(value) > most else ())
    if (least := extra.get("min")) is not None:
        limit = f"Member must have {what} greater than or equal to {least}"
        yield lambda value, _: iter([limit] if measure(value) < least else ())


def _enum_check(values: type[Enum]) -> _Check:
    allowed = [member.value for member in values]
    text = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    return lambda value, _: iter(() if value in allowed else [text])


def _pattern_check(shown: str, pattern: re.Pattern[str]) -> _Check:
    text = f"Member must satisfy regular expression pattern: {shown}"
    return lambda value, _: iter(() if pattern.fullmatch(value) else [text])


def _item_checks(item_type: wire_types.Type) -> Iterator[_Check]:
    extra, kind = _unwrapped(item_type)
    if isinstance(kind, wire_types.StructType):
        yield lambda items, path: (
            violation
            for position, item in enumerate(items, start=1)
            for violation in _violations(item, f"{path}.{position}.member.")
        )
        return
    checks = tuple(_checks(extra, kind))
    constraint = ", ".join(sorted({text for one in checks for text in _texts(one, extra)}))

    def all_items(items: list[Any], path: str) -> Iterator[str]:
        if any(next(one(item, path), None) is not None for item in items for one in checks):
            yield f"Member must satisfy constraint: [{constraint}]"

    if checks:
        yield all_items


def _texts(one: _Check, extra: dict[str, Any]) -> Iterator[str]:
    """Return the constraint that a check enforces, by showing it values that violate it."""
    for bad in ("", "\0" * ((extra.get("max") or 0) + 1)):
        yield from one(bad, "")


def _quoted(value: Any) -> str:
    text = f"[{', '.join(str(item) for item in value)}]" if isinstance(value, list) else str(value)
    return f"'{text[:MAX_VALUE_SHOWN]}'"


def _sentence(shown: str, path: str, constraint: str) -> str:
    value = f"Value {shown} at" if shown else "Value at"
    return f"{value} '{path}' failed to satisfy constraint: {constraint}"

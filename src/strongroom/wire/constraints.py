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
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec import UNSET
from msgspec import inspect as wire_types

from strongroom.audit.redact import lower_camel
from strongroom.errors import ValidationException
from strongroom.operations.base import REQUIRED

MAX_VALUE_SHOWN: Final = 1_024
"""Longest value echoed in a violation, in characters."""

MAX_VIOLATIONS: Final = 50
"""Most violations looked for: a long list of bad items shall not become a message far longer still."""

_WORDS_AND_SPACES: Final = r"\p{L}\p{Z}\p{N}_"
_SPACES: Final = r" \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
"""Unicode's separators, which \\p{Z} means; its letters, numbers and the underscore are \\w."""

_PATTERN: Final = "Member must satisfy regular expression pattern: "


@dataclass(frozen=True, slots=True)
class _Limit:
    """A constraint in AWS's words. One that AWS does not declare is named only where it is violated."""

    text: str
    holds: Callable[[Any], bool]
    is_declared: bool = True


@dataclass(frozen=True, slots=True)
class _Member:
    attribute: str
    path: str
    required: bool
    sensitive: bool
    limits: tuple[_Limit, ...]
    item_limits: tuple[_Limit, ...]
    holds_structure: bool
    holds_structures: bool
    is_compound: bool

    def broken(self, value: Any) -> Iterator[str]:
        """Yield the constraints that a value violates, those of a list's items as one."""
        for limit in self.limits:
            if not limit.holds(value):
                yield limit.text
        if self.item_limits:
            broken = {limit.text for limit in self.item_limits for item in value if not limit.holds(item)}
            if broken:
                texts = [limit.text for limit in self.item_limits if limit.is_declared or limit.text in broken]
                yield f"Member must satisfy constraint: [{', '.join(texts)}]"


def check(request: msgspec.Struct) -> None:
    """Do nothing if the request keeps every limit of its type.

    Raises:
        ValidationException: it does not; the message lists the violations.
    """
    if not _keeps_limits(request):
        violations = list(islice(_violations(request, ""), MAX_VIOLATIONS))
        plural = "" if len(violations) == 1 else "s"
        raise ValidationException(f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}")


def _keeps_limits(message: msgspec.Struct) -> bool:
    """Tell whether there are no violations: what nearly every call is asked, and no more."""
    for member in _members(type(message)):
        value = getattr(message, member.attribute)
        if value is None or value is UNSET:
            if member.required:
                return False
        elif member.is_compound:
            return next(_violations(message, ""), None) is None
        else:
            for limit in member.limits:
                if not limit.holds(value):
                    return False
    return True


def _violations(message: msgspec.Struct, prefix: str) -> Iterator[str]:
    for member in _members(type(message)):
        value = getattr(message, member.attribute)
        path = prefix + member.path
        if value is UNSET or value is None:
            if member.required:
                yield _sentence("null", path, "Member must not be null")
            continue
        for constraint in member.broken(value):
            yield _sentence("" if member.sensitive else _quoted(value), path, constraint)
        if member.holds_structure:
            yield from _violations(value, f"{path}.")
        elif member.holds_structures:
            for position, item in enumerate(value, start=1):
                yield from _violations(item, f"{path}.{position}.member.")


@cache
def _members(message_type: type[msgspec.Struct]) -> tuple[_Member, ...]:
    info = wire_types.type_info(message_type)
    if not isinstance(info, wire_types.StructType):
        raise TypeError(f"{message_type} is not a message")
    # `type_info` does not show a default of UNSET; `structs.fields` does.
    required = {field.name for field in msgspec.structs.fields(message_type) if field.default is REQUIRED}
    return tuple(_member(field, required=field.name in required) for field in info.fields)


def _member(field: wire_types.Field, *, required: bool) -> _Member:
    extra, kind = _unwrapped(field.type)
    item_extra, item_kind = _unwrapped(kind.item_type) if isinstance(kind, wire_types.ListType) else ({}, None)
    item_limits = () if item_kind is None else tuple(_limits(item_extra, item_kind))
    holds_structure, holds_structures = (isinstance(one, wire_types.StructType) for one in (kind, item_kind))
    return _Member(
        attribute=field.name,
        path=lower_camel(field.encode_name),
        required=required,
        sensitive=bool(extra.get("sensitive") or item_extra.get("sensitive")),
        limits=tuple(_limits(extra, kind)),
        item_limits=item_limits,
        holds_structure=holds_structure,
        holds_structures=holds_structures,
        is_compound=bool(item_limits) or holds_structure or holds_structures,
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


def _limits(extra: dict[str, Any], kind: wire_types.Type) -> Iterator[_Limit]:
    """Yield what a value must keep, in the order of AWS's sentences."""
    if isinstance(kind, wire_types.IntType):
        yield from _bounds(extra, "value", lambda value: value)
        return
    if extra.get("enum") is not None:
        yield _enum_limit(extra["enum"])
    if isinstance(kind, (wire_types.StrType, wire_types.BytesType, wire_types.ListType)):
        yield from _bounds(extra, "length", len)
    if extra.get("pattern") is not None:
        pattern = _compiled(extra["pattern"])
        yield _Limit(_PATTERN + extra["pattern"], lambda value: pattern.fullmatch(value) is not None)
    if isinstance(kind, wire_types.StrType) and not extra.get("sensitive"):
        yield _Limit(_PATTERN + r"[^\u0000]*", lambda value: "\0" not in value, is_declared=False)


def _compiled(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern of the service models, in which \w and \d are of ASCII and \p{..} a class of Unicode."""
    text = pattern.removesuffix("$")
    if _WORDS_AND_SPACES in text:
        return re.compile(text.replace(_WORDS_AND_SPACES, r"\w" + _SPACES))
    return re.compile(text, re.ASCII)


def _bounds(extra: dict[str, Any], what: str, measure: Callable[[Any], int]) -> Iterator[_Limit]:
    most, least = extra.get("max"), extra.get("min")
    if most is not None:
        yield _Limit(f"Member must have {what} less than or equal to {most}", lambda value: measure(value) <= most)
    if least is not None:
        yield _Limit(f"Member must have {what} greater than or equal to {least}", lambda value: measure(value) >= least)


def _enum_limit(values: type[Enum]) -> _Limit:
    allowed = [member.value for member in values]
    return _Limit(f"Member must satisfy enum value set: [{', '.join(allowed)}]", lambda value: value in allowed)


def _quoted(value: Any) -> str:
    text = f"[{', '.join(str(item) for item in value)}]" if isinstance(value, list) else str(value)
    return f"'{text[:MAX_VALUE_SHOWN]}'"


def _sentence(shown: str, path: str, constraint: str) -> str:
    value = f"Value {shown} at" if shown else "Value at"
    return f"{value} '{path}' failed to satisfy constraint: {constraint}"

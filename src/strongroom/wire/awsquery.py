"""The AWS query protocol of STS and IAM: a form to a typed request, a typed response to XML.

What comes in:

* A form is UTF-8, `name=value` pairs joined by `&`, percent-encoded; a plus sign is a space. In a query
  string it is a plus sign, because that is what the signature says of it.
* A parameter stands once, and there are at most 1,000 (inferred: AWS must have a limit, and what it makes
  of two different values is not known).
* `Action` and `Version` name the operation. A missing version is called NO_VERSION_SPECIFIED
  (documented, from memory).
* `Name=text` is a scalar, `Name.member.1` an item of a list, `Name.Key` a member of a structure
  (documented, and what botocore writes). `Name=` is an empty list (recorded of botocore).
* Items are counted from 1 without gaps, and nothing but `member` stands below a list (inferred): what
  is dropped silently from a list of policies would widen a session.
* An integer is digits with an optional minus sign; a boolean is true, false, 1 or 0 (recorded: SES refuses
  TRUE); an instant is ISO 8601 with an offset; bytes are base64.
* Parameters that the operation does not know are ignored.

Whatever is wrong with the form is MalformedInput, whose texts name the parameter, never its value.

What goes out: `<XResponse><XResult>...</XResult><ResponseMetadata>...`, `<member>` for the items of a
list, `<entry>` with `<key>` and `<value>` for those of a map, instants in whole seconds of UTC (recorded).
A member that is None is left out; False, zero and empty lists are written.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, singledispatch
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import UNSET
from msgspec import inspect as wire_types

from strongroom.companions.base import CompanionOperation
from strongroom.errors import MissingAction, SerializationException, UnknownOperationException
from strongroom.operations.base import Request, Response
from strongroom.wire.xml_text import element, escaped

CONTENT_TYPE: Final = b"text/xml"
MAX_PARAMETERS: Final = 1_000
MAX_NAME_LENGTH: Final = 256
"""Longest name of a parameter, in bytes as sent."""

NO_VERSION: Final = "NO_VERSION_SPECIFIED"

_MAX_SHOWN: Final = 128
_FORM: Final = b"application/x-www-form-urlencoded"
_CHARSET: Final = re.compile(rb'charset="?utf-8"?')
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)

RequestT = TypeVar("RequestT", bound=Request)
StructureT = TypeVar("StructureT", bound=msgspec.Struct)


def is_form_request(content_type: bytes | None) -> bool:
    """Tell whether a content type is the one this protocol is spoken in; a charset can only be UTF-8."""
    media_type, *parameters = (content_type or b"").lower().split(b";")
    return media_type.strip() == _FORM and all(_CHARSET.fullmatch(text.strip()) for text in parameters)


def parse_form(form: bytes, *, is_query_string: bool = False) -> dict[str, str]:
    """Return the parameters of a request's body, or of its query string.

    Raises:
        SerializationException: a name or a value is not what a form may hold, or stands twice.
    """
    if form.count(b"&") >= MAX_PARAMETERS:
        raise SerializationException(f"A request must not have more than {MAX_PARAMETERS} parameters.")
    parameters: dict[str, str] = {}
    for pair in form.split(b"&") if form else ():
        raw_name, _, raw_value = (pair if is_query_string else pair.replace(b"+", b" ")).partition(b"=")
        if len(raw_name) > MAX_NAME_LENGTH:
            raise SerializationException(f"The name of a parameter must not exceed {MAX_NAME_LENGTH} bytes.")
        name = _decoded(raw_name)
        if not name:
            raise SerializationException("A parameter must have a name.")
        if name in parameters:
            raise SerializationException(f"The parameter {_shown(name)} must not be repeated.")
        parameters[name] = _decoded(raw_value)
    return parameters


def _decoded(raw: bytes) -> str:
    try:
        if _BROKEN_ESCAPE.search(raw) is None:
            return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        pass
    raise SerializationException("The parameters must be percent-encoded UTF-8.")


def target_of(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Return the action and the version that a request names.

    Raises:
        MissingAction: it names no action.
    """
    action = parameters.get("Action")
    if not action:
        raise MissingAction("Missing Action")
    return action, parameters.get("Version") or NO_VERSION


def unknown_operation(action: str, version: str) -> UnknownOperationException:
    """Return the answer to a request that names no operation of ours; the text is recorded."""
    return UnknownOperationException(f"Could not find operation {_shown(action)} for version {_shown(version)}")


def decode(parameters: Mapping[str, str], request_type: type[RequestT]) -> RequestT:
    """Return the request in a form's parameters. Limits are not checked here.

    Raises:
        SerializationException: a parameter is not what its member's type wants.
    """
    root = _Node("")
    known = {member.name for member in _members(request_type)}
    for name, text in parameters.items():
        first, *rest = name.split(".")
        if first in known:
            root.put((first, *rest), text)
    return _read_structure(root, request_type)


def encode(operation: CompanionOperation[Any], response: Response | None, request_id: str) -> bytes:
    """Return an operation's answer."""
    name = operation.name
    result = "" if response is None else f"<{name}Result>{_members_text(response)}</{name}Result>"
    metadata = f"<ResponseMetadata>{element('RequestId', request_id)}</ResponseMetadata>"
    return f'<{name}Response xmlns="{operation.service.xmlns}">{result}{metadata}</{name}Response>'.encode()


@dataclass(slots=True)
class _Node:
    """A parameter, or what several parameters have in common: the part of their names up to a dot."""

    name: str
    text: str | None = None
    children: dict[str, _Node] = field(default_factory=dict)

    def put(self, names: tuple[str, ...], text: str) -> None:
        node = self
        for name in names:
            node = node.children.setdefault(name, _Node(f"{node.name}.{name}" if node.name else name))
        node.text = text


@dataclass(frozen=True, slots=True)
class _Member:
    attribute: str
    name: str
    read: Callable[[_Node], Any]


@cache
def _members(message_type: type[msgspec.Struct]) -> tuple[_Member, ...]:
    info = wire_types.type_info(message_type)
    if not isinstance(info, wire_types.StructType):
        raise TypeError(f"{message_type} is not a structure")
    return tuple(_Member(member.name, member.encode_name, _reader(member.type)) for member in info.fields)


def _reader(kind: wire_types.Type) -> Callable[[_Node], Any]:
    """Return what reads a value of a type; a type that the protocol cannot carry is a programming error."""
    scalar = _SCALARS.get(type(kind))
    if scalar is not None:
        return scalar
    match kind:
        case wire_types.Metadata(type=inner):
            return _reader(inner)
        case wire_types.UnionType(types=parts):
            (inner,) = (part for part in parts if not isinstance(part, wire_types.NoneType))
            return _reader(inner)
        case wire_types.ListType(item_type=item):
            read_item = _reader(item)
            return lambda node: [read_item(child) for child in _items(node)]
        case wire_types.StructType(cls=structure):
            return lambda node: _read_structure(node, structure)
    raise TypeError(f"a form cannot hold {kind}")


def _read_structure(node: _Node, structure: type[StructureT]) -> StructureT:
    if node.text is not None:
        raise SerializationException(f"The parameter {_shown(node.name)} is a structure and has no value of its own.")
    children = node.children
    members = _members(structure)
    return structure(**{m.attribute: m.read(children[m.name]) for m in members if m.name in children})


def _items(node: _Node) -> Iterator[_Node]:
    """Yield the items of a list in their order."""
    if node.text == "" and not node.children:
        return
    if node.text is not None or node.children.keys() != {"member"} or node.children["member"].text is not None:
        raise SerializationException(f"The parameter {_shown(node.name)} is a list: its items are called .member.N.")
    items = node.children["member"].children
    for position in range(1, len(items) + 1):
        item = items.get(str(position))
        if item is None:
            raise SerializationException(f"The items of the list {_shown(node.name)} must be counted from 1 on.")
        yield item


def _text_of(node: _Node) -> str:
    if node.text is None or node.children:
        raise SerializationException(f"The parameter {_shown(node.name)} is a single value.")
    return node.text


def _read_integer(node: _Node) -> int:
    text = _text_of(node)
    if _INTEGER.fullmatch(text) is None:
        raise SerializationException(f"The parameter {_shown(node.name)} must be an integer.")
    return int(text)


def _read_boolean(node: _Node) -> bool:
    value = _BOOLEANS.get(_text_of(node))
    if value is None:
        raise SerializationException("boolean must follow xsd1.1 definition")
    return value


def _read_instant(node: _Node) -> datetime:
    text = _text_of(node)
    try:
        if _INSTANT.fullmatch(text) is not None:
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise SerializationException(f"The parameter {_shown(node.name)} must be an instant in ISO 8601.")


def _read_bytes(node: _Node) -> bytes:
    try:
        return base64.b64decode(_text_of(node).encode(), validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException(f"The parameter {_shown(node.name)} must be base64.") from None


_SCALARS: Final[dict[type[wire_types.Type], Callable[[_Node], Any]]] = {
    wire_types.StrType: _text_of,
    wire_types.IntType: _read_integer,
    wire_types.BoolType: _read_boolean,
    wire_types.DateTimeType: _read_instant,
    wire_types.BytesType: _read_bytes,
}


def _shown(name: str) -> str:
    return name[:_MAX_SHOWN]


def _members_text(message: msgspec.Struct) -> str:
    return "".join(
        f"<{member.encode_name}>{_value_text(value)}</{member.encode_name}>"
        for member in msgspec.structs.fields(message)
        if (value := getattr(message, member.name)) is not None and value is not UNSET
    )


@singledispatch
def _value_text(value: Any) -> str:
    raise TypeError(f"XML cannot hold {type(value)}")


_value_text.register(str, escaped)
_value_text.register(int, str)
_value_text.register(msgspec.Struct, _members_text)


@_value_text.register
def _(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


@_value_text.register
def _(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


@_value_text.register
def _(value: bytes) -> str:
    return base64.b64encode(value).decode()


@_value_text.register
def _(value: list) -> str:  # type: ignore[type-arg]  # dispatch is by class
    return "".join(f"<member>{_value_text(item)}</member>" for item in value)


@_value_text.register
def _(value: dict) -> str:  # type: ignore[type-arg]
    return "".join(
        f"<entry>{element('key', key)}<value>{_value_text(item)}</value></entry>" for key, item in value.items()
    )

"""The wire types of every operation against AWS's own description of them, as the installed botocore carries it.

Compared: which operations there are; members by wire name, none missing and none extra, through structures,
lists and maps; their JSON types; required members, limits and sensitivity of requests; the errors; whether
there is an answer at all. Nothing checks the limits of an answer, so they need not be declared; those that a
shape shared with requests declares must still be AWS's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final

import botocore
import botocore.session
import msgspec
import pytest
from msgspec import inspect as wire_types

from strongroom.operations import OPERATIONS
from strongroom.operations.base import REQUIRED, Operation, Request, Response, Shape, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel, ServiceModel
    from botocore.model import Shape as ModelShape

OLDEST_MODEL: Final = (1, 44, 5)

_TYPES: Final[dict[str, type[wire_types.Type]]] = {
    "string": wire_types.StrType,
    "blob": wire_types.BytesType,
    "boolean": wire_types.BoolType,
    "integer": wire_types.IntType,
    "long": wire_types.IntType,
    "timestamp": wire_types.FloatType,
    "list": wire_types.ListType,
    "map": wire_types.DictType,
    "structure": wire_types.StructType,
}


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return botocore.session.Session().get_service_model("secretsmanager")


@dataclass(frozen=True)
class Side:
    """Requests are compared limit for limit; in answers the limits that are declared must be right."""

    is_request: bool


def differences(name: str, operation: Operation[Any], described: OperationModel) -> Iterator[str]:
    """Yield everything in which an operation is not what AWS describes, one readable line each."""
    yield from _compare_type(f"{name} request", operation.request, described.input_shape, Side(is_request=True))
    if (operation.response is None) is not (described.output_shape is None):
        yield f"{name} response: an empty body on one side only"
    elif operation.response is not None:
        yield from _compare_type(f"{name} response", operation.response, described.output_shape, Side(is_request=False))
    ours, theirs = (
        {error.__name__ for error in operation.errors},
        {error.name for error in described.error_shapes},
    )
    if ours != theirs:
        yield f"{name} errors: missing {sorted(theirs - ours)}, extra {sorted(ours - theirs)}"
    if len(operation.errors) != len(ours):
        yield f"{name} errors: one is listed twice"


def _compare_type(path: str, message: type[msgspec.Struct], shape: ModelShape, side: Side) -> Iterator[str]:
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
    if not isinstance(kind, _TYPES[shape.type_name]):
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


def test_the_model_is_recent_enough():
    assert tuple(int(part) for part in botocore.__version__.split(".")) >= OLDEST_MODEL


def test_every_operation_of_aws_is_built_also_those_of_a_newer_model(model: ServiceModel):
    assert OPERATIONS.keys() == set(model.operation_names)


def test_the_table_calls_operations_by_their_names():
    assert [name for name, operation in OPERATIONS.items() if operation.name != name] == []


def test_wire_types_are_those_of_the_service_model(model: ServiceModel):
    found = [
        line
        for name, operation in OPERATIONS.items()
        for line in differences(name, operation, model.operation_model(name))
    ]
    assert not found, "\n" + "\n".join(sorted(found))


def test_the_trail_never_shows_a_sensitive_member(model: ServiceModel):
    found = []
    for name, operation in OPERATIONS.items():
        described = model.operation_model(name)
        for message, shape, shown in (
            (operation.request, described.input_shape, operation.shown_request),
            (operation.response, described.output_shape, operation.shown_response),
        ):
            wire_names = {} if message is None else {f.name: f.encode_name for f in msgspec.structs.fields(message)}
            found += [
                f"{name}: {attribute}"
                for attribute in shown
                if shape.members[wire_names[attribute]].metadata.get("sensitive")
            ]
    assert found == []


# The comparison itself, shown what it must find.


class _Item(Shape, kw_only=True):
    key: Annotated[str, limits(1, 128)] | None = None


class _WrongRequest(Request, kw_only=True):
    secret_id: Annotated[str, limits(1, 2_047)] | None = None
    tags: list[_Item] = REQUIRED
    more: bool | None = None


class _WrongLimits(Request, kw_only=True):
    secret_id: Annotated[str, limits(1, 2_048)] = REQUIRED
    tag_keys: list[Annotated[str, limits(1, 128, sensitive=True)]] = REQUIRED


class _WrongFilters(Request, kw_only=True):
    max_results: float | None = None
    sort_by: Annotated[str, limits(pattern="a-z")] | None = None


@pytest.mark.parametrize(
    ("operation", "message", "expected"),
    [
        (
            "TagResource",
            _WrongRequest,
            {
                ".SecretId: required on one side only",
                ".SecretId: max is 2047, AWS's is 2048",
                ".Tags[].Value: missing",
                ".More: AWS has no such member",
            },
        ),
        ("UntagResource", _WrongLimits, {".TagKeys[]: sensitive is True, AWS's is False"}),
        (
            "ListSecrets",
            _WrongFilters,
            {
                ".MaxResults: FloatType is not AWS's integer",
                ".SortBy: pattern is 'a-z', AWS's is None",
                ".SortBy: enum is None, AWS's is ['created-date', 'last-accessed-date', 'last-changed-date', 'name']",
                ".Filters: missing",
                ".IncludePlannedDeletion: missing",
                ".NextToken: missing",
                ".SortOrder: missing",
            },
        ),
    ],
)
def test_the_comparison_finds(model: ServiceModel, operation: str, message: type[Request], expected: set[str]):
    shape = model.operation_model(operation).input_shape
    assert set(_compare_type("", message, shape, Side(is_request=True))) == expected


class _WrongAnswer(Response, kw_only=True):
    version_ids_to_stages: dict[str, list[int]] | None = None
    tags: list[_Item] | None = None


def test_the_comparison_goes_through_the_maps_and_lists_of_answers(model: ServiceModel):
    shape = model.operation_model("DescribeSecret").output_shape
    found = set(_compare_type("", _WrongAnswer, shape, Side(is_request=False)))
    assert {
        ".VersionIdsToStages{value}[]: IntType is not AWS's string",
        ".Tags[].Value: missing",
        ".ARN: missing",
    } <= found
    assert ".Tags[].Key: max is 128, AWS's is None" not in found

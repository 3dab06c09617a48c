"""The wire types of every operation against AWS's own description of them, as the installed botocore carries it.

Compared: which operations there are; members by wire name, none missing and none extra, through structures,
lists and maps; their JSON types; required members, limits and sensitivity of requests; the errors; whether
there is an answer at all. Nothing checks the limits of an answer, so they need not be declared; those that a
shape shared with requests declares must still be AWS's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import botocore
import botocore.session
import msgspec
import pytest

from strongroom.operations import OPERATIONS
from strongroom.operations.base import REQUIRED, Operation, Request, Response, Shape, limits
from support.service_models import Side, compare_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel, ServiceModel

OLDEST_MODEL: Final = (1, 44, 5)


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return botocore.session.Session().get_service_model("secretsmanager")


def differences(name: str, operation: Operation[Any], described: OperationModel) -> Iterator[str]:
    """Yield everything in which an operation is not what AWS describes, one readable line each."""
    yield from compare_type(f"{name} request", operation.request, described.input_shape, Side(is_request=True))
    if (operation.response is None) is not (described.output_shape is None):
        yield f"{name} response: an empty body on one side only"
    elif operation.response is not None:
        yield from compare_type(f"{name} response", operation.response, described.output_shape, Side(is_request=False))
    ours, theirs = (
        {error.__name__ for error in operation.errors},
        {error.name for error in described.error_shapes},
    )
    if ours != theirs:
        yield f"{name} errors: missing {sorted(theirs - ours)}, extra {sorted(ours - theirs)}"
    if len(operation.errors) != len(ours):
        yield f"{name} errors: one is listed twice"


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
    assert set(compare_type("", message, shape, Side(is_request=True))) == expected


class _WrongAnswer(Response, kw_only=True):
    version_ids_to_stages: dict[str, list[int]] | None = None
    tags: list[_Item] | None = None


def test_the_comparison_goes_through_the_maps_and_lists_of_answers(model: ServiceModel):
    shape = model.operation_model("DescribeSecret").output_shape
    found = set(compare_type("", _WrongAnswer, shape, Side(is_request=False)))
    assert {
        ".VersionIdsToStages{value}[]: IntType is not AWS's string",
        ".Tags[].Value: missing",
        ".ARN: missing",
    } <= found
    assert ".Tags[].Key: max is 128, AWS's is None" not in found

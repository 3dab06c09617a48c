"""What botocore writes is read, and what is written botocore reads: all of STS and IAM, from their models.

The wire types are made from the service models here, so that every shape the protocol is used for takes part,
not only those that operations have been written for.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from types import NoneType
from typing import Any
from urllib.parse import urlencode

import botocore.session
import msgspec
import pytest
from botocore import xform_name
from botocore.parsers import ResponseParserFactory
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.companions.base import IAM, STS, Access, CompanionOperation
from strongroom.errors import SerializationException
from strongroom.operations.base import Request, Response, Shape
from strongroom.wire import awsquery

SERIALIZER = create_serializer("query", include_validation=False)
PARSER = ResponseParserFactory().create_parser("query")
MODELS = {service: botocore.session.Session().get_service_model(service.name) for service in (STS, IAM)}
SCALARS: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "timestamp": datetime, "blob": bytes}

# Every character that XML 1.0 allows.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff")
)
VALUES = {
    "string": texts,
    "integer": st.integers(-(10**17), 10**17),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda instant: instant.replace(microsecond=0)
    ),
    "blob": st.binary(max_size=20),
}


def has_map(shape: Any) -> bool:
    if shape is None or shape.type_name in SCALARS:
        return False
    if shape.type_name == "list":
        return has_map(shape.member)
    return shape.type_name == "map" or any(has_map(member) for member in shape.members.values())


@cache
def struct_of(shape: Any, base: type) -> type:
    fields = [(xform_name(name), type_of(member) | NoneType, None) for name, member in shape.members.items()]
    names = {xform_name(name): name for name in shape.members}
    return msgspec.defstruct(shape.name, fields, bases=(base,), kw_only=True, rename=names)


def type_of(shape: Any) -> Any:
    match shape.type_name:
        case "list":
            return list[type_of(shape.member)]
        case "map":
            return dict[str, type_of(shape.value)]
        case "structure":
            return struct_of(shape, Shape)
    return SCALARS[shape.type_name]


def values_of(shape: Any, *, depth: int = 0) -> st.SearchStrategy[Any]:
    match shape.type_name:
        case "list":
            return st.lists(values_of(shape.member, depth=depth + 1), max_size=3)
        case "map":
            return st.dictionaries(texts, values_of(shape.value, depth=depth + 1), max_size=3)
        case "structure":
            members = {name: values_of(member, depth=depth + 1) for name, member in shape.members.items()}
            # A structure without members cannot be written in a form.
            least = 1 if depth else 0
            return st.fixed_dictionaries({}, optional=members).filter(lambda chosen: len(chosen) >= least)
    return VALUES[shape.type_name]


def plain(value: Any) -> Any:
    """Return a message as botocore has it."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        members = {field.encode_name: getattr(value, field.name) for field in fields}
        return {name: plain(member) for name, member in members.items() if member is not None}
    return [plain(item) for item in value] if isinstance(value, list) else value


def built(shape: Any, value: Any, base: type = Shape) -> Any:
    match shape.type_name:
        case "list":
            return [built(shape.member, item) for item in value]
        case "map":
            return {key: built(shape.value, item) for key, item in value.items()}
        case "structure":
            members = {xform_name(name): built(shape.members[name], item) for name, item in value.items()}
            return struct_of(shape, base)(**members)
    return value


def operations(direction: str, *, maps: bool) -> list[Any]:
    """Return a parameter for each operation with an input or an output that can be tried."""
    return [
        pytest.param(service, name, id=f"{service.name}:{name}")
        for service, model in MODELS.items()
        for name in model.operation_names
        if (shape := getattr(model.operation_model(name), f"{direction}_shape")) is not None
        and (maps or not has_map(shape))
    ]


few = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.mark.parametrize(("service", "name"), operations("input", maps=False))
@few
@given(data=st.data())
def test_what_botocore_writes_is_read(service, name, data):
    operation = MODELS[service].operation_model(name)
    members = data.draw(values_of(operation.input_shape))
    written = SERIALIZER.serialize_to_request(members, operation)
    parameters = awsquery.parse_form(urlencode(written["body"]).encode())
    assert awsquery.target_of(parameters) == (name, service.version)
    assert awsquery.is_form_request(written["headers"]["Content-Type"].encode())
    read = awsquery.decode(parameters, struct_of(operation.input_shape, Request))
    assert plain(read) == members


@pytest.mark.parametrize(("service", "name"), operations("output", maps=True))
@few
@given(data=st.data())
def test_botocore_reads_what_is_written(service, name, data):
    model = MODELS[service].operation_model(name)
    shape = model.output_shape
    members = data.draw(values_of(shape))
    operation = CompanionOperation(
        service=service,
        name=name,
        request=Request,
        result=struct_of(shape, Response),
        access=Access.SIGNED,
        resource=lambda _request, _account_id, _principal: "*",
        mutates=False,
        handler=lambda _call, _request: None,
        shown_request=(),
        shown_response=(),
    )
    body = awsquery.encode(operation, built(shape, members, Response), "4a1c0e2e")
    parsed = PARSER.parse({"status_code": 200, "headers": {}, "body": body}, shape)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == "4a1c0e2e"
    assert parsed == members


def test_nearly_every_operation_is_tried():
    tried, known = len(operations("input", maps=False)), len(operations("input", maps=True))
    assert known - tried <= 2
    assert {parameter.id for parameter in operations("input", maps=False)} >= {
        "sts:AssumeRole",
        "sts:AssumeRoleWithWebIdentity",
        "iam:CreateRole",
        "iam:CreateOpenIDConnectProvider",
        "iam:SimulatePrincipalPolicy",
    }


@given(st.binary(max_size=60) | st.text("abN.member1=&%+0", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_as_malformed(form):
    shape = MODELS[STS].operation_model("AssumeRole").input_shape
    with suppress(SerializationException):
        awsquery.decode(awsquery.parse_form(form), struct_of(shape, Request))

"""The operations of STS against botocore's service model: members, limits, answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect as wire_types

from strongroom.companions.base import STS
from strongroom.companions.sts import OPERATIONS
from strongroom.operations.base import REQUIRED
from support.sts import MODEL

NOT_OFFERED = {
    "SessionTokenUtilization": "tokens have no size limit of AWS's",
    "SessionTokenSize": "nobody can ask for another one",
}
STRICTER = {
    ("AssumeRole", "Policy"): {"max": 2_048},  # documented, not in the model
    ("AssumeRole", "PolicyArns"): {"max": 10},  # documented
    ("AssumeRoleWithWebIdentity", "PolicyArns"): {"max": 10},
}
WORDS = {"min", "max", "pattern"}
NO_OPERATION = {
    "AssumeRoleWithSAML": "there are no SAML providers",
    "AssumeRoot": "there is no organization above the accounts",
    "DecodeAuthorizationMessage": "nothing encodes messages",
    "GetDelegatedAccessToken": "there are no partners of AWS here",
    "GetFederationToken": "web identities and roles take its place",
    "GetWebIdentityToken": "this server issues no tokens for others",
}


def members_of(message_type: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field for field in msgspec.structs.fields(message_type)}


def unwrapped(kind: wire_types.Type) -> tuple[dict[str, Any], wire_types.Type]:
    extra: dict[str, Any] = {}
    while True:
        if isinstance(kind, wire_types.Metadata):
            extra |= kind.extra or {}
            kind = kind.type
        elif isinstance(kind, wire_types.UnionType):
            kind = next(part for part in kind.types if not isinstance(part, wire_types.NoneType))
        else:
            return extra, kind


def compare(where: tuple[str, ...], message_type: type[msgspec.Struct], shape: Any, *, is_input: bool) -> None:
    ours, theirs = members_of(message_type), {name: m for name, m in shape.members.items() if name not in NOT_OFFERED}
    assert ours.keys() == theirs.keys(), where
    info = wire_types.type_info(message_type)
    assert isinstance(info, wire_types.StructType)
    kinds = {field.encode_name: field.type for field in info.fields}
    if is_input:
        required = {name for name, field in ours.items() if field.default is REQUIRED}
        assert required == set(shape.required_members), where
    for name, member in theirs.items():
        compare_value((*where, name), kinds[name], member, is_input=is_input)


def compare_value(where: tuple[str, ...], kind: wire_types.Type, shape: Any, *, is_input: bool) -> None:
    extra, inner = unwrapped(kind)
    if is_input:
        limits = {word: value for word, value in extra.items() if word in WORDS and value is not None}
        expected = {word: value for word, value in shape.metadata.items() if word in WORDS}
        assert limits == expected | STRICTER.get(where, {}), where  # type: ignore[call-overload]
        assert bool(extra.get("sensitive")) == bool(shape.metadata.get("sensitive")), where
    if shape.type_name == "list":
        assert isinstance(inner, wire_types.ListType), where
        compare_value((*where, "member"), inner.item_type, shape.member, is_input=is_input)
    elif shape.type_name == "structure":
        assert isinstance(inner, wire_types.StructType), where
        compare(where, inner.cls, shape, is_input=is_input)
    else:
        expected_type = {
            "string": wire_types.StrType,
            "integer": wire_types.IntType,
            "timestamp": wire_types.DateTimeType,
        }
        assert isinstance(inner, expected_type[shape.type_name]), where


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_takes_and_gives_what_the_model_says(name: str):
    operation, model = OPERATIONS[name], MODEL.operation_model(name)
    assert (operation.name, operation.service) == (name, STS)
    if model.input_shape is not None:
        compare((name,), operation.request, model.input_shape, is_input=True)
    assert operation.result is not None
    compare((name,), operation.result, model.output_shape, is_input=False)


def test_every_operation_of_the_model_is_offered_or_has_its_reason():
    assert OPERATIONS.keys() | NO_OPERATION.keys() == set(MODEL.operation_names)
    assert not OPERATIONS.keys() & NO_OPERATION.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_has_a_secret_or_a_token_on_the_record(name: str):
    operation = OPERATIONS[name]
    never = {"web_identity_token", "token_code", "credentials", "secret_access_key", "session_token"}
    shown = {*operation.shown_request, *operation.shown_response}
    assert not {part for path in shown for part in path.split(".")[-1:]} & never

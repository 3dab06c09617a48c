"""Redaction: what the list does not name cannot appear, and nothing sensitive is on a list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import botocore.session
import msgspec
import pytest

from strongroom.audit.redact import lower_camel, shown
from strongroom.operations import OPERATIONS
from strongroom.operations.base import Request, Shape, limits

MODEL = botocore.session.get_session().get_service_model("secretsmanager")


class Inner(Shape, kw_only=True):
    key: str | None = None
    value: str | None = None


class Call(Request, kw_only=True):
    secret_id: str = msgspec.UNSET
    kms_key_id: str | None = None
    arn: str | None = msgspec.field(name="ARN", default=None)
    rotation_lambda_arn: str | None = msgspec.field(name="RotationLambdaARN", default=None)
    recovery_window_in_days: int | None = None
    force: bool | None = None
    tags: list[Inner] | None = None
    when: datetime | None = None
    secret_string: Annotated[str, limits(1, 10, sensitive=True)] | None = None


@pytest.mark.parametrize(
    ("wire", "trail"),
    [
        ("ARN", "arn"),
        ("SecretId", "secretId"),
        ("KmsKeyId", "kmsKeyId"),
        ("RecoveryWindowInDays", "recoveryWindowInDays"),
        ("ForceDeleteWithoutRecovery", "forceDeleteWithoutRecovery"),
        ("RotationLambdaARN", "rotationLambdaARN"),
        ("KMSKey", "kmsKey"),
        ("Name", "name"),
        ("X", "x"),
        ("", ""),
    ],
)
def test_names_are_spelt_as_cloudtrail_spells_them(wire, trail):
    assert lower_camel(wire) == trail


def test_only_named_members_are_shown():
    call = Call(secret_id="app", secret_string="hidden", kms_key_id="k")
    assert shown(call, ("secret_id",)) == {"secretId": "app"}
    assert shown(call, ()) == {}


def test_members_without_a_value_are_left_out_and_false_and_zero_are_not():
    call = Call(force=False, recovery_window_in_days=0)
    allowed = ("secret_id", "kms_key_id", "force", "recovery_window_in_days", "tags")
    assert shown(call, allowed) == {"force": False, "recoveryWindowInDays": 0}


def test_names_of_every_level_are_the_trails():
    call = Call(arn="a", rotation_lambda_arn="b", tags=[Inner(key="k", value="v"), Inner(key="l")])
    assert shown(call, ("arn", "rotation_lambda_arn", "tags")) == {
        "arn": "a",
        "rotationLambdaARN": "b",
        "tags": [{"key": "k", "value": "v"}, {"key": "l"}],
    }


def test_an_instant_is_written_out():
    call = Call(when=datetime(2030, 1, 2, tzinfo=UTC))
    assert shown(call, ("when",)) == {"when": "2030-01-02T00:00:00+00:00"}


def test_nothing_is_shown_of_no_message():
    assert shown(None, ("secret_id",)) is None


def sensitive_members(shape, seen=()):
    """Yield the wire names of members that the service model marks sensitive, at any depth."""
    if shape is None or shape in seen:
        return
    for name, member in getattr(shape, "members", {}).items():
        if "sensitive" in member.metadata:
            yield name
        yield from sensitive_members(member, (*seen, shape))
    if shape.type_name == "list":
        yield from sensitive_members(shape.member, (*seen, shape))


def wire_names(message_type, attributes):
    names = {field.name: field.encode_name for field in msgspec.structs.fields(message_type)}
    return {names[attribute] for attribute in attributes}


def test_the_model_marks_what_we_think_it_marks():
    assert {"SecretString", "SecretBinary"} <= set(sensitive_members(MODEL.operation_model("CreateSecret").input_shape))


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_shows_a_member_that_the_service_model_marks_sensitive(name):
    operation, model = OPERATIONS[name], MODEL.operation_model(name)
    shown_request = wire_names(operation.request, operation.shown_request)
    assert not shown_request & set(sensitive_members(model.input_shape))
    assert shown_request <= set(model.input_shape.members)
    if operation.shown_response:
        shown_response = wire_names(operation.response, operation.shown_response)
        assert not shown_response & set(sensitive_members(model.output_shape))
        assert shown_response <= set(model.output_shape.members)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if not operation.mutates])
def test_a_reading_operation_shows_nothing_of_its_answer(name):
    assert OPERATIONS[name].shown_response == ()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_page_token_is_shown_by_no_operation(name):
    assert "next_token" not in (*OPERATIONS[name].shown_request, *OPERATIONS[name].shown_response)

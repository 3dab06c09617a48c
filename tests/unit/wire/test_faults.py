"""Errors on the wire: `__type` for all, `Message` for modelled ones, `message` for the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import botocore.session
import pytest

from strongroom import errors
from strongroom.errors import CommonError, ModelledError, ServiceError
from strongroom.wire import faults

if TYPE_CHECKING:
    from collections.abc import Iterator


def below(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for error in parent.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from below(error)


MODELLED = sorted(below(ModelledError), key=lambda error: error.__name__)
COMMON = sorted(below(CommonError), key=lambda error: error.__name__)
OTHER_STATUS = {
    "InternalServiceError": 500,
    "RequestEntityTooLargeException": 413,
    "RequestHeaderFieldsTooLargeException": 431,
    "RequestTimeoutException": 408,
    "ServiceUnavailableException": 503,
}


@pytest.mark.parametrize("error", MODELLED)
def test_a_modelled_error_carries_a_capital_message(error):
    assert json.loads(faults.body_of(error("What happened."))) == {
        "__type": error.__name__,
        "Message": "What happened.",
    }


@pytest.mark.parametrize("error", COMMON)
def test_a_common_error_carries_a_small_message(error):
    assert json.loads(faults.body_of(error("What happened."))) == {
        "__type": error.__name__,
        "message": "What happened.",
    }


@pytest.mark.parametrize("error", [*MODELLED, *COMMON])
def test_an_error_without_a_text_is_its_type_alone(error):
    assert json.loads(faults.body_of(error())) == {"__type": error.__name__}


@pytest.mark.parametrize("error", [*MODELLED, *COMMON])
def test_client_errors_are_400_and_the_others_are_listed(error):
    assert error("x").status == OTHER_STATUS.get(error.__name__, 400)


def test_modelled_errors_are_those_of_the_service_model():
    model = botocore.session.Session().get_service_model("secretsmanager")
    assert {error.__name__ for error in MODELLED} == {shape.name for shape in model.error_shapes}


def test_a_text_is_encoded_as_it_is():
    body = faults.body_of(errors.ResourceNotFoundException('é "quoted" \0 \u2028'))
    assert json.loads(body)["Message"] == 'é "quoted" \0 \u2028'


def test_causes_and_notes_stay_inside():
    error = errors.InternalServiceError("Sorry.")
    error.__cause__ = ValueError("hunter2")
    error.add_note("hunter2")
    assert b"hunter2" not in faults.body_of(error)

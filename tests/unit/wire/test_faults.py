"""Errors on the wire: `__type` for all, `Message` for modelled ones, `message` for the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.parsers import ResponseParserFactory

from strongroom import errors
from strongroom.errors import CommonError, CompanionError, ModelledError, ServiceError
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
COMPANION = sorted(below(CompanionError), key=lambda error: error.__name__)
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


# The query protocol

STS_XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"
PARSER = ResponseParserFactory().create_parser("query")


def parsed(error):
    """Return what botocore makes of an error: code, message, type, request id, status."""
    body = faults.query_body_of(error, "4a1c0e2e", STS_XMLNS)
    status = faults.query_fault_of(error).status
    answer = PARSER.parse({"status_code": status, "headers": {}, "body": body}, None)
    told = answer["Error"]
    return (
        told["Code"],
        told.get("Message"),
        told["Type"],
        answer["ResponseMetadata"]["RequestId"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (errors.AccessDeniedException, "AccessDenied", 403),
        (errors.ExpiredTokenException, "ExpiredToken", 403),
        (errors.ExpiredIdentityToken, "ExpiredTokenException", 400),
        (errors.IncompleteSignatureException, "IncompleteSignature", 400),
        (errors.InternalServiceError, "InternalFailure", 500),
        (errors.InvalidSignatureException, "SignatureDoesNotMatch", 403),
        (errors.MissingAuthenticationTokenException, "MissingAuthenticationToken", 403),
        (errors.SerializationException, "MalformedInput", 400),
        (errors.ServiceUnavailableException, "ServiceUnavailable", 503),
        (errors.ThrottlingException, "Throttling", 400),
        (errors.UnknownOperationException, "InvalidAction", 400),
        (errors.UnrecognizedClientException, "InvalidClientTokenId", 403),
        (errors.ValidationException, "ValidationError", 400),
        (errors.NoSuchEntity, "NoSuchEntity", 404),
        (errors.MissingAction, "MissingAction", 400),
    ],
)
def test_botocore_reads_an_error_of_the_query_protocol(error, code, status):
    kind = "Receiver" if status >= 500 else "Sender"
    assert parsed(error('What <happened> & "why".')) == (code, 'What <happened> & "why".', kind, "4a1c0e2e", status)


def test_every_common_error_but_those_of_http_has_a_name_in_the_query_protocol():
    of_http = {"BadRequestException", "RequestEntityTooLargeException"}
    of_http |= {"RequestHeaderFieldsTooLargeException", "RequestTimeoutException"}
    untranslated = {error.__name__ for error in COMMON if faults.query_fault_of(error()).code == error.__name__}
    assert untranslated == of_http


def test_companion_errors_have_the_codes_and_statuses_of_the_service_models():
    modelled = {}
    for service in ("sts", "iam"):
        model = botocore.session.Session().get_service_model(service)
        shapes = [model.shape_for(name) for name in model.shape_names]
        declared = [shape.metadata["error"] for shape in shapes if "error" in shape.metadata]
        modelled |= {error["code"]: error["httpStatusCode"] for error in declared}
    of_json = botocore.session.Session().get_service_model("cloudtrail").operation_model("LookupEvents").error_shapes
    modelled |= {shape.name: 400 for shape in of_json if shape.name not in modelled}
    in_no_model = (errors.MissingAction, errors.InvalidParameterValue)
    ours = {error().code: error.status for error in COMPANION if error not in in_no_model}
    assert ours == {code: modelled.get(code) for code in ours}


def test_an_error_of_the_query_protocol_without_a_text_has_no_message():
    body = faults.query_body_of(errors.NoSuchEntity(), "id", STS_XMLNS)
    assert (
        body
        == (
            f'<ErrorResponse xmlns="{STS_XMLNS}"><Error><Type>Sender</Type><Code>NoSuchEntity</Code></Error>'
            "<RequestId>id</RequestId></ErrorResponse>"
        ).encode()
    )


def test_what_xml_cannot_hold_is_replaced_in_an_error():
    assert parsed(errors.InvalidInput("a\0b\x1f\ufffe\ud800é\r\n\t😀"))[1] == "a\ufffdb\ufffd\ufffd\ufffdé\r\n\t😀"

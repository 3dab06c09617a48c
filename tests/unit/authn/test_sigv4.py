"""The verifier's answers to requests of one fault: what is accepted, what is refused and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.sigv4 import Verifier
from strongroom.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from support.sigv4_requests import (
    BODY,
    HEADERS,
    INVALID_TOKEN,
    KEY,
    MISMATCH,
    NO_DATE,
    NOW,
    SIGNED,
    TEMPLATE,
    SignedRequest,
    changed,
    refused,
    request,
    verify,
)

# The answers, to the letter


def test_query_and_header_authentication_together_are_refused():
    text = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    refused(InvalidSignatureException, text, request(query=b"X-Amz-Algorithm=AWS4-HMAC-SHA256"))
    refused(InvalidSignatureException, text, request(query=b"a=b&X%2DAmz%2dAlgorithm"))


def test_other_query_parameters_are_signed_and_do_not_disturb():
    assert verify(request(query=b"Action=X&a=b")).access_key is KEY
    refused(InvalidSignatureException, MISMATCH, replace(request(query=b"a=b"), query_string=b"a=c"))


@pytest.mark.parametrize("authorization", [None, b"", b"Bearer x", b"aws4-hmac-sha256 Credential=a", b"AWS3 x"])
@pytest.mark.parametrize("query", [b"", b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0"])
def test_request_without_a_version_4_header_is_missing_its_token(authorization, query):
    if authorization is not None and query:
        query = b"a=b"
    unsigned = SignedRequest("POST", b"/", query, changed(HEADERS, authorization=authorization), BODY)
    refused(MissingAuthenticationTokenException, "Missing Authentication Token", unsigned)


CREDENTIAL = "Authorization header requires 'Credential' parameter."
SIGNATURE = "Authorization header requires 'Signature' parameter."
SIGNED_HEADERS = "Authorization header requires 'SignedHeaders' parameter."


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("AWS4-", f"{CREDENTIAL} {SIGNATURE} {SIGNED_HEADERS} Authorization=AWS4-"),
        ("AWS4-HMAC-SHA256 Signature={signature}", f"{CREDENTIAL} {SIGNED_HEADERS} Authorization=AWS4-HMAC-SHA256"),
        (
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}",
            f"{SIGNATURE} Authorization=AWS4-HMAC-SHA256",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature={signature}",
            f"{CREDENTIAL} {SIGNED_HEADERS} Authorization=AWS4-HMAC-SHA256",
        ),
    ],
)
def test_all_missing_parts_are_named_together(template, message):
    refused(IncompleteSignatureException, message, request(template=template))


def test_missing_date_is_named_with_the_missing_parts():
    dateless = request(
        changed(HEADERS, x_amz_date=None), signed="content-type;host;x-amz-target", template="AWS4-X a=b"
    )
    message = f"{CREDENTIAL} {SIGNATURE} {SIGNED_HEADERS} {NO_DATE} Authorization=AWS4-X"
    refused(IncompleteSignatureException, message, dateless)
    dateless = request(changed(HEADERS, x_amz_date=None), signed="content-type;host;x-amz-target")
    refused(IncompleteSignatureException, f"{NO_DATE} Authorization=AWS4-HMAC-SHA256", dateless)


def test_part_without_equal_sign_is_named_before_missing_parts():
    header = "AWS4-HMAC-SHA256 Signature=b,    Credential,    SignedHeaders"
    message = f"'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
    refused(IncompleteSignatureException, message, request(template=header))


@pytest.mark.parametrize(
    "part", ["Credential={credential}", "SignedHeaders={signed}", "Signature={signature}", "A=b, A=b"]
)
def test_repeated_part_is_refused(part):
    name = part.partition("=")[0]
    message = f"Authorization header requires '{name}' parameter only once."
    refused(IncompleteSignatureException, message, request(template=f"{TEMPLATE}, {part}"))


def test_authorization_beyond_4096_bytes_is_refused():
    long_template = TEMPLATE + ", Padding=" + "x" * 4096
    refused(
        IncompleteSignatureException, "'Authorization' must not exceed 4096 bytes.", request(template=long_template)
    )


@pytest.mark.parametrize(
    "value",
    [
        "2026",
        "2026-11-20T12:00:00Z",
        "20261120T120000+",
        "20261120T1200001",
        "20261320T120000Z",
        "20261120T250000Z",
        "20261120T12:30+Z",
        "2026-324T120000Z",
        "20261120t120000z",
        "Fri, 20 Nov 2026 12:00:00 GMT",
        "",
    ],
)
def test_amz_date_in_any_other_form_is_refused(value):
    message = f"Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601"
    refused(IncompleteSignatureException, message, request(changed(HEADERS, x_amz_date=value.encode())))


@pytest.mark.parametrize("value", ["Fri, 20 Nov 2026 12:00:00 CET", "Friday, 20-Nov-26 12:00:00 GMT", "1795176000"])
def test_date_header_in_any_other_form_is_refused(value):
    message = f"Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601"
    headers = changed(HEADERS, x_amz_date=None, date=value.encode())
    refused(IncompleteSignatureException, message, request(headers, signed="content-type;date;host;x-amz-target"))


def test_long_date_is_echoed_in_part_only():
    with pytest.raises(IncompleteSignatureException) as caught:
        verify(request(changed(HEADERS, x_amz_date=b"2" * 1000)))
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_request_within_five_minutes_is_accepted(seconds):
    assert verify(request(), now=NOW + timedelta(seconds=seconds)).access_key is KEY


def test_request_301_seconds_old_has_expired():
    message = "Signature expired: 20261120T120000Z is now earlier than 20261120T120001Z (20261120T120501Z - 5 min.)"
    refused(InvalidSignatureException, message, request(), now=NOW + timedelta(seconds=301))


def test_request_301_seconds_ahead_is_not_yet_current():
    message = (
        "Signature not yet current: 20261120T120000Z is still later than 20261120T115959Z (20261120T115459Z + 5 min.)"
    )
    refused(InvalidSignatureException, message, request(), now=NOW - timedelta(seconds=301))


def test_ages_count_in_whole_seconds():
    assert verify(request(), now=NOW + timedelta(seconds=300, microseconds=999_999))
    with pytest.raises(InvalidSignatureException, match=r"^Signature not yet current: "):
        verify(request(), now=NOW - timedelta(seconds=300, microseconds=1))


def test_skew_of_a_service_is_its_own():
    verifier = Verifier(service="secretsmanager", skew=timedelta(minutes=15))
    assert verify(request(), verifier=verifier, now=NOW + timedelta(minutes=15))
    message = "Signature expired: 20261120T120000Z is now earlier than 20261120T120001Z (20261120T121501Z - 15 min.)"
    refused(
        InvalidSignatureException, message, request(), verifier=verifier, now=NOW + timedelta(minutes=15, seconds=1)
    )


def test_unsigned_host_is_refused():
    message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, message, request(signed="content-type;x-amz-date;x-amz-target"))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("content-type", "Content-Type"),
        ("x-amz-date", "X-Amz-Date"),
        ("x-amz-target", "X-Amz-Target"),
        ("x-amz-security-token", "X-Amz-Security-Token"),
        ("x-amz-content-sha256", "X-Amz-Content-Sha256"),
        ("x-amz-anything", "X-Amz-Anything"),
    ],
)
def test_unsigned_header_that_matters_is_refused(name, title):
    headers = [*HEADERS, *((name.encode(), b"x") for _ in range(1) if name.encode() not in dict(HEADERS))]
    signed = ";".join(other for other in SIGNED.split(";") if other != name)
    message = f"'{title}' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, message, request(headers, signed=signed))


def test_unsigned_date_is_refused_when_it_is_the_only_one():
    headers = changed(HEADERS, x_amz_date=None, date=b"20261120T120000Z")
    message = "'Date' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, message, request(headers, signed="content-type;host;x-amz-target"))


def test_signed_header_that_was_not_sent_is_refused():
    message = "'My-Header' is a 'SignedHeader' but not part of the request."
    signed = "content-type;host;my-header;x-amz-date;x-amz-target"
    refused(InvalidSignatureException, message, request(signed=signed))


@pytest.mark.parametrize(
    "signed",
    [
        "Content-Type;host;x-amz-date;x-amz-target",
        "host;content-type;x-amz-date;x-amz-target",
        "content-type;host;host;x-amz-date;x-amz-target",
        "content-type;host;x-amz-date;x-amz-target;",
        ";content-type;host;x-amz-date;x-amz-target",
        "content-type;HOST;x-amz-date;x-amz-target",
    ],
)
def test_signed_header_list_that_is_not_canonical_is_refused(signed):
    message = "'SignedHeaders' must be in lower case, sorted and without repetition."
    refused(InvalidSignatureException, message, request(signed=signed))


def test_other_algorithms_are_refused():
    template = TEMPLATE.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")
    message = "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "
    refused(IncompleteSignatureException, message, request(template=template))


@pytest.mark.parametrize(
    "scope", ["20261120/eu-west-1/secretsmanager", "20261120/eu-west-1/secretsmanager/aws4_request/", ""]
)
def test_credential_without_five_elements_is_refused(scope):
    message = (
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
        f"got '{KEY.access_key_id}/{scope}'"
    )
    refused(IncompleteSignatureException, message, request(scope=scope))


REGION_FAULT = "Credential should be scoped to a valid region, not '{}'."
SERVICE_FAULT = "Credential should be scoped to correct service: 'secretsmanager'."
TERMINATOR_FAULT = "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'."
DATE_FAULT = (
    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
    "'{}' != '20261120', from '20261120T120000Z'."
)


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("20261120//secretsmanager/aws4_request", REGION_FAULT.format("")),
        ("20261120/EU-west-1/secretsmanager/aws4_request", REGION_FAULT.format("EU-west-1")),
        ("20261120/eu_west/secretsmanager/aws4_request", REGION_FAULT.format("eu_west")),
        ("20261120/eu-west-1/sts/aws4_request", SERVICE_FAULT),
        ("20261120/eu-west-1/secretsmanager/aws5_request", TERMINATOR_FAULT.format("aws5_request")),
        ("20261119/eu-west-1/secretsmanager/aws4_request", DATE_FAULT.format("20261119")),
        (
            "b/C/d/e",
            f"{REGION_FAULT.format('C')} {SERVICE_FAULT} {TERMINATOR_FAULT.format('e')} {DATE_FAULT.format('b')}",
        ),
    ],
)
def test_all_faults_of_the_scope_are_named_together(scope, message):
    refused(InvalidSignatureException, message, request(scope=scope))


def test_unknown_access_key_is_refused():
    refused(UnrecognizedClientException, INVALID_TOKEN, request(), keys={})


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE.replace("{signature}", "0" * 64),
        TEMPLATE.replace("{signature}", "{signature}0"),
        TEMPLATE.replace("{signature}", "{signature:.63}"),
        TEMPLATE.replace("{signature}", "x"),
        TEMPLATE.replace("{signature}", "é"),
    ],
)
def test_wrong_signature_is_refused(template):
    signed_request = request(template=template)
    if "é" in template:
        refused(IncompleteSignatureException, "'Authorization' must be ASCII.", signed_request)
    else:
        refused(InvalidSignatureException, MISMATCH, signed_request)


def test_signature_in_upper_case_is_refused():
    signed_request = request()
    name, value = signed_request.headers[-1]
    head, _, signature = value.rpartition(b"=")
    headers = [*signed_request.headers[:-1], (name, head + b"=" + signature.upper())]
    refused(InvalidSignatureException, MISMATCH, replace(signed_request, headers=headers))


def test_secret_of_another_key_is_refused():
    impostor = AccessKey(KEY.access_key_id, SecretAccessKey("guess"))
    refused(InvalidSignatureException, MISMATCH, request(key=impostor))


def test_path_that_climbs_above_the_root_is_refused():
    message = "The path of the request must not climb above its root."
    refused(InvalidSignatureException, message, replace(request(), raw_path=b"/a/../../"))

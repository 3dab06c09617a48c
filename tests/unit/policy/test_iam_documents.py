"""Documents that IAM keeps: what it refuses, in its recorded sentences and their order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy.document import MAX_IAM_CHARACTERS, Policy, PolicyFault, PolicyKind, parse_policy, policy_size
from strongroom.policy.iam_grammar import LEGACY, NO_ACTIONS, NO_PREFIX, NO_RESOURCES, OLD_VERSION, SIDS_REPEATED

KINDS = [PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION]
SYNTAX = "Syntax errors in policy."
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


def statement(**changes: Any) -> dict[str, Any]:
    """A sound statement with elements replaced, or left out where None."""
    return {key: value for key, value in {**ALLOW, **changes}.items() if value is not None}


def document(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **elements, "Statement": list(statements)})


def parse(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> Policy:
    return parse_policy(text, kind=kind)


def refusal(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> str | None:
    with pytest.raises(MalformedPolicyDocument) as refused:
        parse(text, kind)
    assert (refused.value.code, refused.value.status) == ("MalformedPolicyDocument", 400)
    fault = refused.value.__cause__
    assert isinstance(fault, PolicyFault)
    assert fault.message == refused.value.message
    assert refused.value.__notes__ == [f"{fault.where}: {fault.why}"]
    return refused.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_keeps_its_kind_and_its_name(kind):
    policy = parse_policy(document(ALLOW), kind=kind, name="readers")
    assert (policy.kind, policy.name) == (kind, "readers")
    assert policy.statements[0].principals is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_a_principal_is_refused_where_the_policy_is_about_its_bearer(kind, element):
    wrong = document(statement(**{element: "*"}))
    assert refusal(wrong, kind) == "Policy document should not specify a principal."


@pytest.mark.parametrize(
    "wrong",
    [
        "This is not JSON",
        "",
        "[]",
        '{"Version": "2012-10-17"}',
        '{"Version": "2012-10-17", "Statement": []}',
        '{"Version": "2012-10-17", "Statement": ["x"]}',
        document(ALLOW, Version="2013-10-17"),
        document(ALLOW, Version=2012),
        document(ALLOW, Id=["x"]),
        document(ALLOW, Comment="x"),
        document(statement(Effect=None)),
        document(statement(Effect="Perhaps")),
        document(statement(Sid=3)),
        document(statement(Extra="x")),
        document(statement(Action={"a": "b"})),
        document(statement(Action=[["a"]])),
        document(statement(NotAction="s3:*")),
        document(statement(Resource={"a": "b"})),
        document(statement(NotResource="*")),
        document(statement(Condition="x")),
        document(statement(Condition={"StringEquals": "x"})),
        document(statement(Condition={"Unheard": {"aws:a": "b"}})),
        document(statement(Condition={"StringEquals": {"aws:a": {"b": "c"}}})),
        document(statement(Condition={"IpAddress": {"aws:SourceIp": "nowhere"}})),
        document(statement(Resource="arn:aws:s3:::${")),
    ],
)
def test_what_is_not_of_the_grammar_is_a_syntax_error(wrong):
    assert refusal(wrong) == SYNTAX


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [{"Version": "2008-10-17"}, {}])
def test_the_older_version_is_refused(kind, version):
    assert refusal(json.dumps({**version, "Statement": ALLOW}), kind) == OLD_VERSION


@pytest.mark.parametrize(
    "wrong",
    [
        {"Effect": "allow"},
        {"Effect": "dENY"},
        {"Resource": "arn:aws:s3::bucket"},
        {"Resource": None, "NotResource": "arn:aws:s3::bucket"},
        {"Resource": "arn:aws::::bucket"},
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "tomorrow"}}},
        {"Condition": {"DateLessThanEquals": {"aws:CurrentTime": ["2026-01-01", "234-13"]}}},
    ],
)
def test_what_the_older_parser_could_not_read_is_refused(wrong):
    assert refusal(document(statement(**wrong))) == LEGACY


@pytest.mark.parametrize("element", ["Action", "Resource"])
def test_a_statement_without_action_or_resource_is_refused(element):
    expected = {"Action": NO_ACTIONS, "Resource": NO_RESOURCES}[element]
    assert refusal(document(ALLOW, statement(**{element: None}))) == expected
    assert refusal(document(statement(**{element: []}))) == expected
    assert refusal(document(statement(**{element: None, f"Not{element}": []}))) == expected


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("GetSecretValue", NO_PREFIX),
        ("", NO_PREFIX),
        (["s3:*", "**"], NO_PREFIX),
        ("a:b:c", "Actions/Condition can contain only one colon."),
        ("a a:b", "Vendor a a is not valid"),
        ("s3*:b", "Vendor s3* is not valid"),
        (":b", "Vendor  is not valid"),
    ],
)
@pytest.mark.parametrize("element", ["Action", "NotAction"])
def test_an_action_of_no_service_is_refused(element, action, message):
    changes = {"Action": None, element: action}
    assert refusal(document(statement(**changes))) == message


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("my-secret", 'Resource my-secret must be in ARN format or "*".'),
        ("", 'Resource  must be in ARN format or "*".'),
        ("urn:aws:s3:::x", 'Resource urn:aws:s3:::x must be in ARN format or "*".'),
        ("arn:error:s3:::b", 'Partition "error" is not valid for resource "arn:error:s3:::b".'),
        ("arn:s3:::b", 'Partition "s3" is not valid for resource "arn:s3:::b:*".'),
        ("arn:b", 'Partition "b" is not valid for resource "arn:b:*:*:*:*".'),
        ("arn:b:c:d:e:f:g", 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        ("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes."),
        (
            "arn:aws:iam:us-east-1::user/x",
            "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information.",
        ),
        ("arn:aws:iam:*:*:*", "IAM resource arn:aws:iam:*:*:* cannot contain region information."),
        (
            "arn:aws:iam:::x",
            (
                'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
                "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, "
                "report/, access-report/."
            ),
        ),
    ],
)
def test_a_resource_that_cannot_be_is_refused(resource, message):
    assert refusal(document(statement(Resource=resource))) == message


@pytest.mark.parametrize(
    ("sids", "message"),
    [
        (["one", "one"], SIDS_REPEATED),
        (["one", "two", "one"], SIDS_REPEATED),
        (
            ["one two"],
            (
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                "[0-9A-Za-z]*"
            ),
        ),
    ],
)
def test_sids_are_unique_letters_and_digits(sids, message):
    assert refusal(document(*(statement(Sid=sid) for sid in sids))) == message


def test_several_statements_may_have_an_empty_sid_or_none():
    assert parse(document(statement(Sid=""), statement(Sid=""), ALLOW, ALLOW))


@pytest.mark.parametrize(
    ("worse", "lesser", "message"),
    [
        ({"Effect": "Perhaps"}, {"Sid": "a b"}, SYNTAX),
        ({"Effect": "allow"}, {"Sid": "a b"}, LEGACY),
        ({"Resource": "arn:aws:s3::x"}, {"Action": None}, LEGACY),
        ({"Action": None}, {"Resource": "x"}, NO_ACTIONS),
        ({"Resource": "x"}, {"Action": "y"}, 'Resource x must be in ARN format or "*".'),
        ({"Action": "y"}, {"Resource": None}, NO_PREFIX),
    ],
)
def test_of_several_faults_the_one_of_the_earlier_step_is_told(worse, lesser, message):
    assert refusal(document(statement(**lesser), statement(**worse))) == message
    assert refusal(document(statement(**worse), statement(**lesser))) == message


def test_an_older_version_is_told_before_what_the_older_parser_could_not_read():
    assert refusal(document(statement(Effect="allow"), Version="2008-10-17")) == OLD_VERSION


@pytest.mark.parametrize(
    "elements",
    [
        {"Action": "*"},
        {"Action": "*:*"},
        {"Action": "iam: spaces are accepted and match nothing"},
        {"Action": None, "NotAction": "secretsmanager:Delete*", "Resource": None, "NotResource": "*"},
        {"Action": ["fsx:A", "s3.s:A", "s3-s:A", "unheard-of:A"]},
        {"Resource": "arn:aws:unheard-of:us-east-1::x"},
        {"Resource": "arn:aws:x"},
        {"Resource": "arn:*:secretsmanager:*:*:secret:*"},
        {"Resource": ["arn:aws-cn:s3:::x", "*"]},
        {"Resource": "arn:aws:iam::123456789012:role/app"},
        {"Resource": ["arn:aws:iam::*:*", "arn:aws:iam:", "arn:aws:iam"]},
        {"Condition": {}},
        {"Condition": {"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": "a"}}},
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2017-07-01T00:00:00Z"}}},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_language_allows_is_accepted(kind, elements):
    assert parse(document(statement(**elements)), kind)


def test_an_action_with_spaces_matches_nothing():
    (read,) = parse(document(statement(Action="secretsmanager: GetSecretValue"))).statements
    assert not read.actions.covers("secretsmanager:GetSecretValue")


def test_a_short_arn_is_filled_up():
    (read,) = parse(document(statement(Resource="arn:aws:secretsmanager"))).statements
    assert read.resources is not None
    for resource, covered in (("arn:aws:secretsmanager:us-east-1:1:secret:x", True), ("arn:aws:s3:::x", False)):
        assert read.resources.covers(resource, lambda _: None, unknown_differs=False) is covered


@pytest.mark.parametrize(
    "text",
    [
        " " * MAX_IAM_CHARACTERS + document(ALLOW),
        "[" * 50_000,
        document(ALLOW).replace('"*"', "[" * 50_000 + "]" * 50_000),
        document(ALLOW).replace("2012", "\\ud800"),
        document(ALLOW).replace('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'),
        document(ALLOW).replace('"*"', "NaN"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_document_is_a_syntax_error(kind, text):
    assert refusal(text, kind) == SYNTAX


def test_a_document_of_a_thousand_statements_is_read():
    assert len(parse(document(*[ALLOW] * 1_000)).statements) == 1_000


def test_the_size_of_a_document_is_without_white_space():
    assert policy_size('{ "a":\t"b c",\r\n "é": 1 }') == len('{"a":"bc","é":1}')
    assert policy_size("\u00a0") == 1

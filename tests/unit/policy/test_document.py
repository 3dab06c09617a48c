from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.errors import MalformedPolicyDocumentException
from strongroom.policy.callers import NamedPrincipal, PrincipalForm
from strongroom.policy.document import (
    MAX_CHARACTERS,
    SYNTAX_ERROR,
    UNSUPPORTED_PRINCIPAL,
    UNSUPPORTED_SERVICE,
    WRONG_VERSION,
    Effect,
    Policy,
    PolicyFault,
    PolicyKind,
    parse_policy,
)

ALLOW: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "123456789012"},
    "Action": "secretsmanager:GetSecretValue",
    "Resource": "*",
}


def statement(**changes: Any) -> dict[str, Any]:
    """A sound statement with elements replaced, or left out where None."""
    return {key: value for key, value in {**ALLOW, **changes}.items() if value is not None}


def document(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **elements, "Statement": list(statements)})


def parse(text: str, **options: Any) -> Policy:
    return parse_policy(text, kind=PolicyKind.RESOURCE, **options)


def refusal(text: str, **options: Any) -> tuple[str | None, PolicyFault]:
    with pytest.raises(MalformedPolicyDocumentException) as refused:
        parse(text, **options)
    assert refused.value.code == "MalformedPolicyDocumentException"
    fault = refused.value.__cause__
    assert isinstance(fault, PolicyFault)
    assert refused.value.__notes__ == [f"{fault.where}: {fault.why}"]
    return refused.value.message, fault


def test_a_policy_keeps_its_parts():
    policy = parse(document(statement(Sid="one"), statement(Effect="Deny"), Id="policy-1"))
    assert (policy.kind, policy.id) == (PolicyKind.RESOURCE, "policy-1")
    assert [(each.where, each.sid, each.effect) for each in policy.statements] == [
        ("Statement[0]", "one", Effect.ALLOW),
        ("Statement[1]", None, Effect.DENY),
    ]


def test_a_statement_may_stand_without_a_list_and_white_space_does_not_matter():
    text = json.dumps({"Version": "2012-10-17", "Statement": ALLOW}, indent=4)
    assert [each.where for each in parse(f"\n{text}\n").statements] == ["Statement"]


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_the_two_versions_are_accepted(version):
    assert parse(document(ALLOW, Version=version))


def test_version_may_be_absent():
    assert parse(json.dumps({"Statement": [ALLOW]}))


@pytest.mark.parametrize("version", ["2019-10-19", "2012-10-18", "", 20121017, None, ["2012-10-17"]])
def test_another_version_has_a_sentence_of_its_own(version):
    message, fault = refusal(document(ALLOW, Version=version))
    assert message == WRONG_VERSION == "This policy has invalid syntax."
    assert fault.where == "Version"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1, column 1"),
        ("notjson", "line 1, column 1"),
        ('{"Statement": [}', "line 1, column 16"),
        ("{'Statement': []}", "line 1, column 2"),
        (document(ALLOW) + "x", "line 1, column"),
        ('{"Statement": NaN}', "document"),
        ('{"Statement": -Infinity}', "document"),
        ('"text"', "document"),
        ("null", "document"),
        ("[]", "document"),
        ('{"Statement": [], "Statement": []}', "document"),
        ('{"Version": "2012-10-17", "Id": "\\ud800", "Statement": []}', "document"),
        ("[" * 10_000, "document"),
        (" " * MAX_CHARACTERS + "{}", "document"),
    ],
)
def test_what_is_not_strict_json_is_a_syntax_error(text, where):
    message, fault = refusal(text)
    assert message == SYNTAX_ERROR == "This resource policy contains a syntax error."
    assert fault.where.startswith(where)


def test_a_duplicate_key_inside_a_statement_is_named():
    text = document(ALLOW).replace('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"')
    assert "'Effect' stands 2 times" in refusal(text)[1].why


def test_a_deep_document_is_refused_without_recursing_out_of_the_stack():
    assert refusal(document(statement(Condition=None)).replace('"*"', "[" * 9000 + "]" * 9000))[0] == SYNTAX_ERROR


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"Effect": None}, "Statement[0].Effect"),
        ({"Effect": "allow"}, "Statement[0].Effect"),
        ({"Effect": "AllowSomething"}, "Statement[0].Effect"),
        ({"Effect": ["Allow"]}, "Statement[0].Effect"),
        ({"Sid": 7}, "Statement[0].Sid"),
        ({"Principals": "*"}, "Statement[0].Principals"),
        ({"Principal": None}, "Statement[0]"),
        ({"Principal": {}}, "Statement[0].Principal"),
        ({"Principal": ["*"]}, "Statement[0].Principal"),
        ({"Principal": {"AWS": []}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"AWS": [123456789012]}}, "Statement[0].Principal.AWS[0]"),
        ({"NotPrincipal": "*"}, "Statement[0]"),
        ({"Principal": None, "NotPrincipal": "*"}, "Statement[0].NotPrincipal"),
        ({"Action": None}, "Statement[0]"),
        ({"NotAction": "secretsmanager:*"}, "Statement[0]"),
        ({"Action": []}, "Statement[0].Action"),
        ({"Action": ["secretsmanager:*", 5]}, "Statement[0].Action[1]"),
        ({"Action": "GetSecretValue"}, "Statement[0].Action"),
        ({"Action": "secretsmanager:Get SecretValue"}, "Statement[0].Action"),
        ({"Action": "secretsmanager:"}, "Statement[0].Action"),
        ({"Action": "secretsmanager:a:b"}, "Statement[0].Action"),
        ({"Resource": "my-secret"}, "Statement[0].Resource"),
        ({"Resource": ["*", ""]}, "Statement[0].Resource[1]"),
        ({"Resource": []}, "Statement[0].Resource"),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:${aws:username"}, "Statement[0].Resource"),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:${name}"}, "Statement[0].Resource"),
        ({"NotResource": "*"}, "Statement[0]"),
        ({"Condition": []}, "Statement[0].Condition"),
        ({"Condition": {"StringEqual": {"aws:a": "b"}}}, "Statement[0].Condition.StringEqual"),
        ({"Condition": {"StringEquals": {}}}, "Statement[0].Condition.StringEquals"),
        ({"Condition": {"StringEquals": "x"}}, "Statement[0].Condition.StringEquals"),
        ({"Condition": {"StringEquals": {"": "x"}}}, "Statement[0].Condition.StringEquals"),
        ({"Condition": {"StringEquals": {"aws:a": []}}}, "Statement[0].Condition.StringEquals.aws:a"),
        ({"Condition": {"StringEquals": {"aws:a": None}}}, "Statement[0].Condition.StringEquals.aws:a"),
        ({"Condition": {"StringEquals": {"aws:a": {}}}}, "Statement[0].Condition.StringEquals.aws:a"),
        ({"Condition": {"StringEquals": {"aws:a": "${aws:b, c}"}}}, "Statement[0].Condition.StringEquals.aws:a"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0"}}}, "Statement[0].Condition.IpAddress.aws:SourceIp"),
        ({"Condition": {"Bool": {"aws:a": 1}}}, "Statement[0].Condition.Bool.aws:a"),
    ],
)
def test_a_wrong_element_is_a_syntax_error_with_its_place(wrong, where):
    message, fault = refusal(document(statement(**wrong)))
    assert (message, fault.where) == (SYNTAX_ERROR, where)


@pytest.mark.parametrize(
    "text",
    [
        '{"Version": "2012-10-17"}',
        '{"Version": "2012-10-17", "Statement": []}',
        '{"Version": "2012-10-17", "Statement": "Allow"}',
        '{"Version": "2012-10-17", "Statement": [[]]}',
        '{"Version": "2012-10-17", "Statement": [], "Comment": "x"}',
        '{"Version": "2012-10-17", "Id": 1, "Statement": []}',
    ],
)
def test_a_wrong_document_is_a_syntax_error(text):
    assert refusal(text)[0] == SYNTAX_ERROR


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": None},
        {"Action": "*"},
        {"Action": ["s3:GetObject", "serverlessrepo:Create*", "SecretsManager:getsecret????"]},
        {"Action": None, "NotAction": "secretsmanager:Delete*"},
        {"Resource": None, "NotResource": "arn:aws:secretsmanager:*:*:secret:other-*"},
        {"Resource": ["arn:aws:secretsmanager:us-east-1:123456789012:secret:a-??????", "*"]},
        {"Condition": {}},
        {"Condition": {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"aws:a": [7, 1.5, "2"]}}},
        {"Condition": {"bool": {"aws:SecureTransport": "TRUE"}}},
        {"Effect": "Deny", "Principal": None, "NotPrincipal": {"AWS": ["123456789012"]}},
    ],
)
def test_what_the_language_allows_is_accepted(elements):
    assert parse(document(statement(**elements)))


def test_only_the_newer_version_reads_variables():
    broken = statement(Condition={"StringEquals": {"aws:username": "${"}})
    assert parse(document(broken, Version="2008-10-17"))
    assert refusal(document(broken))[0] == SYNTAX_ERROR


@pytest.mark.parametrize(
    ("written", "form", "name"),
    [
        ("*", PrincipalForm.EVERYONE, "*"),
        ({"AWS": "*"}, PrincipalForm.EVERYONE, "*"),
        ({"AWS": "123456789012"}, PrincipalForm.ACCOUNT, "123456789012"),
        ({"AWS": "arn:aws:iam::123456789012:root"}, PrincipalForm.ACCOUNT, "123456789012"),
        ({"AWS": "arn:aws-cn:iam::123456789012:root"}, PrincipalForm.ACCOUNT, "123456789012"),
        ({"AWS": "arn:aws:iam::123456789012:user/a/b"}, PrincipalForm.CALLER, None),
        ({"AWS": "arn:aws:iam::123456789012:role/app"}, PrincipalForm.ROLE, None),
        ({"AWS": "arn:aws:iam::123456789012:role/path/app"}, PrincipalForm.ROLE, None),
        ({"AWS": "arn:aws:sts::123456789012:assumed-role/app/one"}, PrincipalForm.CALLER, None),
        ({"AWS": "arn:aws:sts::123456789012:federated-user/bob"}, PrincipalForm.CALLER, None),
        ({"Service": "s3.amazonaws.com"}, PrincipalForm.SERVICE, None),
        ({"Service": ["ec2.amazonaws.com.cn"]}, PrincipalForm.SERVICE, None),
        ({"Federated": "accounts.google.com"}, PrincipalForm.FEDERATED, None),
        ({"Federated": "arn:aws:iam::123456789012:saml-provider/idp"}, PrincipalForm.FEDERATED, None),
        ({"Federated": "arn:aws:iam::123456789012:oidc-provider/id.example.com/x"}, PrincipalForm.FEDERATED, None),
    ],
)
def test_principals_are_read(written, form, name):
    (read,) = parse(document(statement(Principal=written))).statements
    expected = name or next(
        text for value in written.values() for text in ([value] if isinstance(value, str) else value)
    )
    assert read.principals is not None
    assert read.principals.named == (NamedPrincipal(form, expected),)


@pytest.mark.parametrize(
    "written",
    [
        "123456789012",
        "arn:aws:iam::123456789012:root",
        {"aws": "*"},
        {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},
        {"AWS": "12345678901"},
        {"AWS": "١٢٣٤٥٦٧٨٩٠١٢"},
        {"AWS": "AIDACKCEVSQ6C2EXAMPLE"},
        {"AWS": "arn:aws:iam::123456789012:role/*"},
        {"AWS": "arn:aws:iam::123456789012:user/a?"},
        {"AWS": "arn:aws:iam::*:root"},
        {"AWS": "arn:aws:iam::123456789012:user/"},
        {"AWS": "arn:aws:iam::123456789012:role"},
        {"AWS": "arn:aws:iam::123456789012:group/staff"},
        {"AWS": "arn:aws:iam::123456789012:root/x"},
        {"AWS": "arn:aws:sts::123456789012:assumed-role/app"},
        {"AWS": "arn:aws:sts::123456789012:assumed-role/app/one/two"},
        {"AWS": "arn:aws:s3::123456789012:role/app"},
        {"AWS": ["123456789012", "nobody"]},
        {"Federated": "*"},
        {"Federated": "arn:aws:iam::123456789012:role/app"},
    ],
)
def test_an_unsupported_principal_is_refused(written):
    message, fault = refusal(document(statement(Principal=written)))
    assert message == UNSUPPORTED_PRINCIPAL == "This resource policy contains an unsupported principal."
    assert fault.where.startswith("Statement[0].Principal")


@pytest.mark.parametrize("name", ["*", "s3", "s3.example.com", "amazonaws.com", "S3.amazonaws.com", "s*.amazonaws.com"])
def test_an_unsupported_service_is_refused(name):
    message, _ = refusal(document(statement(Principal={"Service": name})))
    assert message == UNSUPPORTED_SERVICE == "This resource policy contains an unsupported service principal."


def test_a_principal_that_does_not_exist_is_refused():
    asked: list[str] = []

    def exists(name: str) -> bool:
        asked.append(name)
        return "gone" not in name

    named = ["arn:aws:iam::123456789012:root", "*", "arn:aws:iam::123456789012:user/here"]
    federated = ["accounts.google.com", "arn:aws:iam::123456789012:saml-provider/idp"]
    sound = statement(Principal={"AWS": named, "Federated": federated, "Service": "s3.amazonaws.com"})
    assert parse(document(sound), exists=exists)
    assert asked == [
        "123456789012",
        "arn:aws:iam::123456789012:user/here",
        "arn:aws:iam::123456789012:saml-provider/idp",
    ]
    gone = statement(Principal={"AWS": "arn:aws:iam::123456789012:role/gone"})
    message, fault = refusal(document(sound, gone), exists=exists)
    assert message == UNSUPPORTED_PRINCIPAL
    assert (fault.where, fault.why) == ("Statement[1]", "arn:aws:iam::123456789012:role/gone does not exist")


def test_existence_is_asked_only_of_sound_documents():
    def never(name: str) -> bool:
        raise AssertionError(name)

    assert refusal(document(ALLOW, statement(Effect="Perhaps")), exists=never)[0] == SYNTAX_ERROR

"""The resource policies of a secret: put, got, deleted, listed, validated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.kms_keys import create_key
from support.refusals import INVALID_NAME, MARKED_FOR_DELETION, SECRET_NOT_FOUND, Refusal, refusal

OTHER_ACCOUNT = "999988887777"
SYNTAX_ERROR = ("MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
WRONG_VERSION = ("MalformedPolicyDocumentException", "This policy has invalid syntax.")
UNSUPPORTED_PRINCIPAL = (
    "MalformedPolicyDocumentException",
    "This resource policy contains an unsupported principal.",
)
UNSUPPORTED_SERVICE = (
    "MalformedPolicyDocumentException",
    "This resource policy contains an unsupported service principal.",
)
PUBLIC = (
    "PublicPolicyException",
    "You can't attach a resource-based policy that allows broad access to the secret.",
)


def statement(**changes: Any) -> dict[str, Any]:
    sound = {"Effect": "Allow", "Principal": {"AWS": OTHER_ACCOUNT}, "Action": "secretsmanager:*", "Resource": "*"}
    return {key: value for key, value in {**sound, **changes}.items() if value is not None}


def document(*statements: dict[str, Any], **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **elements, "Statement": list(statements) or [statement()]})


POLICY = document()
BROAD = document(statement(Principal="*"))
LOCK_OUT = document(statement(Effect="Deny", Principal="*"))


def put(deployment, policy: str = POLICY, **members: Any) -> dict[str, Any]:
    return deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=policy, **members)


def got(deployment) -> str | None:
    return deployment.call("GetResourcePolicy", SecretId="app/db").get("ResourcePolicy")


def put_refused(deployment, policy: str, **members: Any) -> Refusal:
    return refusal(deployment, "PutResourcePolicy", SecretId="app/db", ResourcePolicy=policy, **members)


# Put, get, delete


def test_a_policy_comes_back_byte_for_byte(deployment):
    deployment.create()
    for policy in (
        POLICY,
        '{\n  "Version" : "2012-10-17",\r\n\t"Statement":[' + json.dumps(statement()) + " ]  }\n",
        document(statement(Sid="Grüße 世界 🔐"), Id="\\u00e9"),
        '{"Statement": %s, "Id": "\\u00fc / \\/"}' % json.dumps(statement()),  # noqa: UP031
    ):
        put(deployment, policy)
        assert got(deployment) == policy


def test_the_answers_name_secret_and_policy(deployment):
    arn = deployment.create()
    named = {"ARN": arn, "Name": "app/db", "PolicyName": "default"}
    assert put(deployment) == named
    assert deployment.call("GetResourcePolicy", SecretId="app/db") == named | {"ResourcePolicy": POLICY}
    assert deployment.call("DeleteResourcePolicy", SecretId="app/db") == named


def test_a_secret_without_a_policy_answers_without_one(deployment):
    arn = deployment.create()
    assert deployment.call("GetResourcePolicy", SecretId="app/db") == {"ARN": arn, "Name": "app/db"}
    put(deployment)
    deployment.call("DeleteResourcePolicy", SecretId="app/db")
    assert deployment.call("GetResourcePolicy", SecretId="app/db") == {"ARN": arn, "Name": "app/db"}


def test_a_put_replaces_the_whole_policy(deployment):
    deployment.create()
    put(deployment, document(statement(), statement(Effect="Deny", Principal={"AWS": "000000000001"})))
    put(deployment, POLICY)
    assert got(deployment) == POLICY


def test_deleting_no_policy_succeeds_and_is_no_change(deployment):
    deployment.create()
    before = deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"]
    deployment.call("DeleteResourcePolicy", SecretId="app/db")
    assert deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"] == before
    put(deployment)
    after = deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"]
    assert after > before
    deployment.call("DeleteResourcePolicy", SecretId="app/db")
    assert deployment.call("DescribeSecret", SecretId="app/db")["LastChangedDate"] > after


def test_a_policy_has_at_most_20480_characters(deployment):
    deployment.create()
    longest = document(Id="é" * (20_480 - len(document(Id=""))))
    longest = longest.replace("\\u00e9", "é") + " " * (20_480 - len(longest.replace("\\u00e9", "é")))
    assert (len(longest), len(longest.encode()) > 20_480) == (20_480, True)
    put(deployment, longest)
    assert got(deployment) == longest
    code, text = put_refused(deployment, longest + " ")
    assert code == "ValidationException"
    assert str(text).endswith(
        "at 'resourcePolicy' failed to satisfy constraint: Member must have length less than or equal to 20480"
    )
    code, text = put_refused(deployment, "")
    assert code == "ValidationException"
    assert str(text).endswith("Member must have length greater than or equal to 1")


def test_a_policy_survives_every_other_change(deployment):
    deployment.create()
    put(deployment)
    deployment.put("app/db", 2)
    deployment.call("UpdateSecret", SecretId="app/db", Description="d")
    deployment.call("DeleteSecret", SecretId="app/db")
    deployment.call("RestoreSecret", SecretId="app/db")
    assert got(deployment) == POLICY


def test_a_recreated_secret_has_no_policy(deployment):
    deployment.create()
    put(deployment)
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    deployment.run_jobs()
    deployment.create()
    assert got(deployment) is None


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutResourcePolicy", {"ResourcePolicy": POLICY}),
        ("GetResourcePolicy", {}),
        ("DeleteResourcePolicy", {}),
        ("ListResourcePolicies", {}),
    ],
)
def test_the_secret_must_exist_and_not_be_scheduled(deployment, operation, members):
    assert refusal(deployment, operation, SecretId="app/db", **members) == SECRET_NOT_FOUND
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refusal(deployment, operation, SecretId="app/db", **members) == MARKED_FOR_DELETION
    assert refusal(deployment, operation, SecretId="bad name", **members) == INVALID_NAME


# Names


def test_default_may_be_named_and_any_other_name_cannot_be_written(deployment):
    arn = deployment.create()
    put(deployment, PolicyName="default")
    for name in ("other", "Default", "cross-account-replication"):
        code, text = put_refused(deployment, POLICY, PolicyName=name)
        assert (code, text) == refusal(deployment, "DeleteResourcePolicy", SecretId=arn, PolicyName=name)
        assert (code, text) == (
            "InvalidParameterException",
            f"You can't change the resource policy {name}. You can change only default.",
        )
        assert refusal(deployment, "GetResourcePolicy", SecretId=arn, PolicyName=name) == (
            "ResourceNotFoundException",
            f"Secrets Manager can't find the resource policy {name} of the secret.",
        )
    assert deployment.call("GetResourcePolicy", SecretId=arn, PolicyName="default")["ResourcePolicy"] == POLICY


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é"])
def test_names_have_a_pattern(deployment, name):
    deployment.create()
    for operation, members in (
        ("PutResourcePolicy", {"ResourcePolicy": POLICY}),
        ("GetResourcePolicy", {}),
        ("DeleteResourcePolicy", {}),
    ):
        code, _ = refusal(deployment, operation, SecretId="app/db", PolicyName=name, **members)
        assert code == "ValidationException"


# What cannot be put


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        ("notjson", SYNTAX_ERROR),
        ("{}", SYNTAX_ERROR),
        ("[]", SYNTAX_ERROR),
        (document(statement(Effect="allow")), SYNTAX_ERROR),
        (document(statement(Action=None)), SYNTAX_ERROR),
        (document(statement(Principal=None)), SYNTAX_ERROR),
        (document(statement(Extra="x")), SYNTAX_ERROR),
        (document(statement(Condition={"StringAlike": {"aws:userid": "x"}})), SYNTAX_ERROR),
        (document(statement(Condition={"IpAddress": {"aws:SourceIp": "not an address"}})), SYNTAX_ERROR),
        ('{"Statement": [], "Statement": []}', SYNTAX_ERROR),
        (document(Version="2012-10-18"), WRONG_VERSION),
        (document(statement(Principal={"AWS": "nobody"})), UNSUPPORTED_PRINCIPAL),
        (document(statement(Principal={"AWS": "arn:aws:iam::123456789012:group/g"})), UNSUPPORTED_PRINCIPAL),
        (document(statement(Principal={"Service": "not a service"})), UNSUPPORTED_SERVICE),
    ],
)
@pytest.mark.parametrize("block", [{}, {"BlockPublicPolicy": True}])
def test_what_is_no_policy_is_refused_and_the_old_one_stays(deployment, policy, refused, block):
    deployment.create()
    put(deployment)
    assert put_refused(deployment, policy, **block) == refused
    assert got(deployment) == POLICY
    assert refusal(deployment, "ValidateResourcePolicy", ResourcePolicy=policy) == refused


def test_a_broad_policy_is_accepted_unless_it_is_to_be_blocked(deployment):
    deployment.create()
    for members in ({}, {"BlockPublicPolicy": False}):
        put(deployment, BROAD, **members)
        assert got(deployment) == BROAD
    put(deployment, POLICY)
    assert put_refused(deployment, BROAD, BlockPublicPolicy=True) == PUBLIC
    assert got(deployment) == POLICY
    narrow = document(
        statement(Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT}}),
        statement(Effect="Deny", Principal="*", Action="secretsmanager:DeleteSecret"),
    )
    put(deployment, narrow, BlockPublicPolicy=True)
    assert got(deployment) == narrow


def test_a_put_is_checked_before_anything_is_said_about_the_secret(deployment):
    assert put_refused(deployment, "notjson") == SYNTAX_ERROR
    assert put_refused(deployment, BROAD, BlockPublicPolicy=True) == PUBLIC


# Listing


def test_policies_are_listed_by_name_the_default_first(deployment):
    arn = deployment.create()
    assert deployment.call("ListResourcePolicies", SecretId=arn) == {"ResourcePolicies": []}
    put(deployment)
    assert deployment.call("ListResourcePolicies", SecretId=arn) == {"ResourcePolicies": [{"PolicyName": "default"}]}


@pytest.fixture
def replica(deployment):
    """A cross-account replica, which has a policy of the service's own, and its account."""
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    arn = owner.create("app/db", None, CrossAccountPrimaryARN=deployment.create(), KmsKeyId=create_key(owner).key_id)
    return owner, arn


def test_the_services_own_policy_is_listed_after_default_and_can_be_read(replica):
    owner, arn = replica
    put(owner)
    names = [{"PolicyName": "default"}, {"PolicyName": "cross-account-replication"}]
    assert owner.call("ListResourcePolicies", SecretId=arn)["ResourcePolicies"] == names
    managed = owner.call("GetResourcePolicy", SecretId=arn, PolicyName="cross-account-replication")
    assert managed["PolicyName"] == "cross-account-replication"
    assert json.loads(managed["ResourcePolicy"])["Statement"]
    owner.call("DeleteResourcePolicy", SecretId=arn)
    assert owner.call("ListResourcePolicies", SecretId=arn)["ResourcePolicies"] == names[1:]


def test_pages_of_policies_go_on_where_they_ended(replica):
    owner, arn = replica
    put(owner)
    first = owner.call("ListResourcePolicies", SecretId=arn, MaxResults=1)
    assert first["ResourcePolicies"] == [{"PolicyName": "default"}]
    owner.call("DeleteResourcePolicy", SecretId=arn)
    rest = owner.call("ListResourcePolicies", SecretId=arn, MaxResults=1, NextToken=first["NextToken"])
    assert rest == {"ResourcePolicies": [{"PolicyName": "cross-account-replication"}]}
    other = owner.create("other")
    for secret_id, next_token in ((other, first["NextToken"]), (arn, "junk")):
        code, _ = refusal(owner, "ListResourcePolicies", SecretId=secret_id, NextToken=next_token)
        assert code == "InvalidNextTokenException"


@pytest.mark.parametrize("count", [0, 101])
def test_a_page_has_one_to_a_hundred_policies(deployment, count):
    deployment.create()
    code, _ = refusal(deployment, "ListResourcePolicies", SecretId="app/db", MaxResults=count)
    assert code == "ValidationException"


# Validation


def validated(deployment, policy: str, **members: Any) -> tuple[bool, list[tuple[str, str]]]:
    answer = deployment.call("ValidateResourcePolicy", ResourcePolicy=policy, **members)
    assert answer.keys() == {"PolicyValidationPassed", "ValidationErrors"}
    entries = [(entry["CheckName"], entry["ErrorMessage"]) for entry in answer["ValidationErrors"]]
    return answer["PolicyValidationPassed"], entries


BROAD_FOUND = ("BROAD_ACCESS_CHECK", "This resource policy grants broad access to your secret. See Statement[0].")
LOCK_OUT_FOUND = (
    "LOCK_OUT_CHECK",
    "Your requested changes will not allow you to manage this secret in the future.",
)


def test_a_sound_policy_passes_with_or_without_a_secret(deployment):
    deployment.create()
    assert validated(deployment, POLICY) == (True, [])
    assert validated(deployment, POLICY, SecretId="app/db") == (True, [])
    assert got(deployment) is None, "nothing is attached"


@pytest.mark.parametrize(
    ("policy", "findings"),
    [
        (BROAD, [BROAD_FOUND]),
        (LOCK_OUT, [LOCK_OUT_FOUND]),
        (document(statement(Principal="*"), statement(Effect="Deny", Principal="*")), [BROAD_FOUND, LOCK_OUT_FOUND]),
    ],
)
def test_findings_are_answers_and_no_errors(deployment, policy, findings):
    deployment.create()
    assert validated(deployment, policy) == (False, findings)
    assert validated(deployment, policy, SecretId="app/db") == (False, findings)


def test_the_secret_that_is_named_must_exist_and_be_well_named(deployment):
    for secret_id, refused in (("absent", SECRET_NOT_FOUND), ("bad name", INVALID_NAME)):
        members = {"SecretId": secret_id, "ResourcePolicy": POLICY}
        assert refusal(deployment, "ValidateResourcePolicy", **members) == refused


def test_a_scheduled_secrets_policy_can_be_validated(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert validated(deployment, POLICY, SecretId="app/db") == (True, [])


def test_who_may_not_put_a_policy_may_not_have_one_validated(deployment):
    deployment.create()
    put(deployment, document(statement(Effect="Deny", Principal="*", Action="secretsmanager:PutResourcePolicy")))
    code, text = refusal(deployment, "ValidateResourcePolicy", SecretId="app/db", ResourcePolicy=POLICY)
    assert code == "AccessDeniedException"
    assert "is not authorized to perform: secretsmanager:PutResourcePolicy on resource:" in str(text)
    assert validated(deployment, POLICY) == (True, [])


# Replicas


def test_a_replica_shows_its_primarys_policy_and_takes_none_of_its_own(deployment):
    deployment.create(AddReplicaRegions=[{"Region": "us-east-1"}])
    put(deployment)
    deployment.run_jobs()
    away = deployment.elsewhere(region="us-east-1")
    assert got(away) == POLICY
    assert validated(away, POLICY, SecretId="app/db") == (True, [])
    at_replica = (
        "InvalidParameterException",
        "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
    )
    assert put_refused(away, POLICY) == refusal(away, "DeleteResourcePolicy", SecretId="app/db") == at_replica

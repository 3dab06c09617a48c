"""The cases of the user guides' example policies for Secrets Manager, each with who is let in and who is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, parse_policy

ACCOUNT, PARTNER = "123456789012", "444455556666"
PREFIX = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:"
SECRET = f"{PREFIX}prod/db-a1b2c3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
USER = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary")
SESSION = CallerNames(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one", role_arn=ROLE)
PARTNERS_ROLE = f"arn:aws:iam::{PARTNER}:role/etl"
PARTNERS_SESSION = CallerNames(PARTNER, f"arn:aws:sts::{PARTNER}:assumed-role/etl/one", role_arn=PARTNERS_ROLE)


def statement(effect: str, actions: str | list[str], resource: Any = "*", **elements: Any) -> dict[str, Any]:
    names = [actions] if isinstance(actions, str) else actions
    prefixed = [name if ":" in name else f"secretsmanager:{name}" for name in names]
    return {"Effect": effect, "Action": prefixed, "Resource": resource, **elements}


def allow(actions: str | list[str], resource: Any = "*", **elements: Any) -> dict[str, Any]:
    return statement("Allow", actions, resource, **elements)


def deny(actions: str | list[str], resource: Any = "*", **elements: Any) -> dict[str, Any]:
    return statement("Deny", actions, resource, **elements)


def policy(*statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY) -> Policy:
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind=kind)


EVERYTHING = policy(allow("*"))


def allows(
    policies: Policies | Policy,
    action: str,
    resource: str = SECRET,
    *,
    caller: CallerNames = USER,
    **context: str | list[str],
) -> bool:
    """Keys are written with `__` for the colon; a plain name is one of the service's."""
    keys = {key.replace("__", ":") if "__" in key else f"secretsmanager:{key}": value for key, value in context.items()}
    request = AccessRequest(caller, f"secretsmanager:{action}", resource, Context(keys))
    return decide(request, policies if isinstance(policies, Policies) else Policies(identity=[policies])).allowed


def test_one_secret_may_be_read():
    reader = policy(allow(["GetSecretValue", "DescribeSecret"], SECRET))
    assert allows(reader, "GetSecretValue")
    assert allows(reader, "DescribeSecret")
    assert not allows(reader, "PutSecretValue")
    assert not allows(reader, "GetSecretValue", f"{PREFIX}prod/db-x9y8z7")
    assert not allows(reader, "ListSecrets", "*")


@pytest.mark.parametrize(
    ("written", "resource", "expected"),
    [
        ("prod/db-??????", "prod/db-a1b2c3", True),
        ("prod/db-??????", "prod/db-x9y8z7", True),
        ("prod/db-??????", "prod/db-backup-a1b2c3", False),
        ("prod/db-??????", "prod/db", False),
        ("prod/db-*", "prod/db-backup-a1b2c3", True),
        ("prod/*", "prod/x/y-a1b2c3", True),
        ("prod/*", "production/x-a1b2c3", False),
        ("*", "anything-a1b2c3", True),
    ],
)
def test_wildcards_stand_for_suffixes_and_for_names(written, resource, expected):
    assert allows(policy(allow("GetSecretValue", PREFIX + written)), "GetSecretValue", PREFIX + resource) is expected


def test_only_the_current_version_may_be_read_and_must_be_named():
    current = policy(
        allow("GetSecretValue", Condition={"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}})
    )
    assert allows(current, "GetSecretValue", VersionStage="AWSCURRENT")
    assert not allows(current, "GetSecretValue", VersionStage="AWSPREVIOUS")
    assert not allows(current, "GetSecretValue")


def test_many_secrets_may_be_read_in_a_batch_only_with_the_permission_for_each():
    batch = policy(allow(["BatchGetSecretValue", "ListSecrets"]), allow("GetSecretValue", SECRET))
    assert allows(batch, "BatchGetSecretValue", "*")
    assert allows(batch, "GetSecretValue")
    assert not allows(batch, "GetSecretValue", f"{PREFIX}other-a1b2c3")


def test_secrets_are_listed_by_statements_about_everything_only():
    assert allows(policy(allow("ListSecrets")), "ListSecrets", "*")
    assert not allows(policy(allow("ListSecrets", f"{PREFIX}*")), "ListSecrets", "*")


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "secretsmanager:ResourceTag/team"])
@pytest.mark.parametrize(
    ("of_secret", "of_caller", "expected"),
    [("blue", "blue", True), ("blue", "red", False), (None, "blue", False), ("blue", None, False), ("b", "*", False)],
)
def test_the_tags_of_caller_and_secret_must_be_equal(key, of_secret, of_caller, expected):
    same = policy(allow("*", Condition={"StringEquals": {key: "${aws:PrincipalTag/team}"}}))
    tags = {key.replace(":", "__"): of_secret, "aws__PrincipalTag/team": of_caller}
    assert allows(same, "GetSecretValue", **{name: tag for name, tag in tags.items() if tag is not None}) is expected


def test_a_constant_tag_opens_a_secret_but_gives_no_leave_to_tag():
    tagged = {"StringEquals": {"secretsmanager:ResourceTag/environment": "production"}}
    limited = policy(allow(["GetSecretValue", "TagResource"], Condition=tagged))
    assert allows(limited, "GetSecretValue", **{"secretsmanager__ResourceTag/environment": "production"})
    assert not allows(limited, "GetSecretValue", **{"secretsmanager__ResourceTag/environment": "test"})
    assert not allows(limited, "TagResource", **{"aws__RequestTag/environment": "production"})


def test_only_one_vpc_endpoint_lets_in():
    guarded = policy(allow("*"), deny("*", Condition={"StringNotEquals": {"aws:sourceVpce": "vpce-1234abcd"}}))
    assert allows(guarded, "GetSecretValue", aws__SourceVpce="vpce-1234abcd")
    assert not allows(guarded, "GetSecretValue", aws__SourceVpce="vpce-9999abcd")
    assert not allows(guarded, "GetSecretValue")


def test_only_some_networks_let_in_but_services_on_the_caller_s_behalf():
    block = {
        "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]},
        "Bool": {"aws:ViaAWSService": "false"},
    }
    guarded = policy(allow("*"), deny("*", Condition=block))
    assert allows(guarded, "GetSecretValue", aws__SourceIp="192.0.2.7", aws__ViaAWSService="false")
    assert allows(guarded, "GetSecretValue", aws__SourceIp="2001:db8::7", aws__ViaAWSService="false")
    assert allows(guarded, "GetSecretValue", aws__SourceIp="::ffff:192.0.2.7", aws__ViaAWSService="false")
    assert not allows(guarded, "GetSecretValue", aws__SourceIp="198.51.100.7", aws__ViaAWSService="false")
    assert not allows(guarded, "GetSecretValue", aws__ViaAWSService="false")
    assert allows(guarded, "GetSecretValue", aws__ViaAWSService="true")


@pytest.mark.parametrize(("sent", "expected"), [("true", True), ("false", False), (None, False)])
def test_policies_are_attached_only_with_public_ones_blocked(sent, expected):
    careful = policy(allow("PutResourcePolicy", Condition={"Bool": {"secretsmanager:BlockPublicPolicy": "true"}}))
    sent_keys = {} if sent is None else {"BlockPublicPolicy": sent}
    assert allows(careful, "PutResourcePolicy", **sent_keys) is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"RecoveryWindowInDays": "30"}, True),
        ({"RecoveryWindowInDays": "14"}, True),
        ({"RecoveryWindowInDays": "13"}, False),
        ({"RecoveryWindowInDays": "7"}, False),
        ({}, False),
        ({"ForceDeleteWithoutRecovery": "true"}, False),
        ({"ForceDeleteWithoutRecovery": "true", "RecoveryWindowInDays": "30"}, False),
        ({"ForceDeleteWithoutRecovery": "false", "RecoveryWindowInDays": "30"}, True),
    ],
)
def test_deletion_leaves_two_weeks_for_recovery_and_is_never_forced(sent, expected):
    window = {"NumericGreaterThanEquals": {"secretsmanager:RecoveryWindowInDays": "14"}}
    forced = {"Bool": {"secretsmanager:ForceDeleteWithoutRecovery": "true"}}
    careful = policy(allow("DeleteSecret", Condition=window), deny("DeleteSecret", Condition=forced))
    assert allows(careful, "DeleteSecret", **sent) is expected


def test_a_new_secret_must_bear_a_tag():
    required = {"Null": {"aws:RequestTag/owner": "false"}}
    tagging = policy(allow(["CreateSecret", "TagResource"], Condition=required))
    assert allows(tagging, "CreateSecret", **{"aws__RequestTag/owner": "mary", "aws__TagKeys": ["owner"]})
    assert not allows(tagging, "CreateSecret", **{"aws__RequestTag/team": "blue"})
    assert not allows(tagging, "CreateSecret")
    among = policy(allow("CreateSecret", Condition={"StringEquals": {"aws:RequestTag/owner": ["mary", "john"]}}))
    assert allows(among, "CreateSecret", **{"aws__RequestTag/owner": "john"})
    assert not allows(among, "CreateSecret", **{"aws__RequestTag/owner": "carol"})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(["owner"], True), (["owner", "team"], True), (["owner", "admin"], False), (["Owner"], False), (None, True)],
)
def test_only_certain_tag_keys_may_be_set(keys, expected):
    """The guide's pitfall stands, too: no key at all passes ForAllValues."""
    limited = policy(allow("TagResource", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["owner", "team"]}}))
    sent = {} if keys is None else {"aws__TagKeys": keys}
    assert allows(limited, "TagResource", **sent) is expected


def test_a_guard_tag_cannot_be_taken_away():
    guarded = policy(
        allow("*"), deny("UntagResource", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "guard"}})
    )
    assert allows(guarded, "UntagResource", aws__TagKeys=["team"])
    assert not allows(guarded, "UntagResource", aws__TagKeys=["team", "guard"])


def test_secrets_are_encrypted_with_one_key_only():
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    pinned = policy(allow(["CreateSecret", "UpdateSecret"], Condition={"ArnEquals": {"secretsmanager:KmsKeyArn": key}}))
    assert allows(pinned, "CreateSecret", KmsKeyArn=key)
    assert not allows(pinned, "CreateSecret", KmsKeyArn=key.replace("1234abcd", "00000000"))
    assert not allows(pinned, "CreateSecret")


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (["eu-west-1"], True),
        (["eu-west-1", "eu-central-1"], True),
        (["eu-west-1", "us-west-2"], False),
        (["us-west-2"], False),
        (None, True),
    ],
)
def test_secrets_are_replicated_to_some_regions_only(regions, expected):
    european = {"ForAllValues:StringLike": {"secretsmanager:AddReplicaRegions": "eu-*"}}
    limited = policy(allow(["CreateSecret", "ReplicateSecretToRegions"], Condition=european))
    sent = {} if regions is None else {"AddReplicaRegions": regions}
    assert allows(limited, "CreateSecret", **sent) is expected


def test_rotation_uses_one_function_only():
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotate"
    pinned = policy(allow("RotateSecret", Condition={"ArnEquals": {"secretsmanager:RotationLambdaARN": function}}))
    assert allows(pinned, "RotateSecret", RotationLambdaARN=function)
    assert not allows(pinned, "RotateSecret", RotationLambdaARN=f"{function}-other")
    own = policy(allow("*", Condition={"StringEquals": {"secretsmanager:resource/AllowRotationLambdaArn": function}}))
    assert allows(own, "PutSecretValue", **{"resource/AllowRotationLambdaArn": function})
    assert not allows(own, "PutSecretValue")


def test_another_account_s_role_needs_its_own_policy_too():
    shared = policy(allow("GetSecretValue", Principal={"AWS": PARTNERS_ROLE}), kind=PolicyKind.RESOURCE)
    reader = policy(allow("GetSecretValue", SECRET))
    assert not allows(Policies(resource=[shared]), "GetSecretValue", caller=PARTNERS_SESSION)
    assert not allows(Policies(identity=[reader]), "GetSecretValue", caller=PARTNERS_SESSION)
    both = Policies(identity=[reader], resource=[shared])
    assert allows(both, "GetSecretValue", caller=PARTNERS_SESSION)
    assert not allows(both, "DescribeSecret", caller=PARTNERS_SESSION)


def test_everyone_of_an_organization_s_account_is_let_in_by_a_condition():
    block = {"StringEquals": {"aws:PrincipalAccount": PARTNER}}
    shared = policy(allow("GetSecretValue", Principal="*", Condition=block), kind=PolicyKind.RESOURCE)
    policies = Policies(identity=[EVERYTHING], resource=[shared])
    assert allows(policies, "GetSecretValue", caller=PARTNERS_SESSION, aws__PrincipalAccount=PARTNER)
    assert not allows(policies, "GetSecretValue", caller=PARTNERS_SESSION, aws__PrincipalAccount="777788889999")


def test_a_service_is_let_in_for_its_own_source_only():
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotate"
    block = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:lambda:*:{ACCOUNT}:function:rotate*"},
    }
    named = {"Service": "lambda.amazonaws.com"}
    granted = policy(allow("GetSecretValue", Principal=named, Condition=block), kind=PolicyKind.RESOURCE)
    service = CallerNames("", "lambda.amazonaws.com", service="lambda.amazonaws.com")

    def is_let_in(**source: str) -> bool:
        return allows(Policies(resource=[granted]), "GetSecretValue", caller=service, **source)

    assert is_let_in(aws__SourceAccount=ACCOUNT, aws__SourceArn=function)
    assert not is_let_in(aws__SourceAccount=ACCOUNT, aws__SourceArn=function.replace(ACCOUNT, PARTNER))
    assert not is_let_in(aws__SourceAccount=PARTNER, aws__SourceArn=function)
    assert not is_let_in()


BOUNDARY = policy(allow(["s3:*", "cloudwatch:*", "GetSecretValue"]), kind=PolicyKind.BOUNDARY)


def test_a_boundary_limits_what_identity_policies_allow_and_allows_nothing_itself():
    limited = Policies(identity=[EVERYTHING], boundary=BOUNDARY)
    assert allows(limited, "GetSecretValue")
    assert not allows(limited, "DeleteSecret")
    assert not allows(Policies(boundary=BOUNDARY), "GetSecretValue")


def test_a_boundary_does_not_limit_what_a_resource_policy_gives_to_the_user_itself():
    own = policy(allow("DeleteSecret", Principal={"AWS": USER.arn}), kind=PolicyKind.RESOURCE)
    assert allows(Policies(resource=[own], boundary=BOUNDARY), "DeleteSecret")
    role = policy(allow("DeleteSecret", Principal={"AWS": ROLE}), kind=PolicyKind.RESOURCE)
    assert allows(Policies(resource=[role]), "DeleteSecret", caller=SESSION)
    assert not allows(Policies(resource=[role], boundary=BOUNDARY), "DeleteSecret", caller=SESSION)
    closed = policy(allow("*"), deny("DeleteSecret"), kind=PolicyKind.BOUNDARY)
    assert not allows(Policies(resource=[own], boundary=closed), "DeleteSecret")


def test_a_session_policy_narrows_a_session_to_one_secret():
    narrow = policy(allow("GetSecretValue", SECRET), kind=PolicyKind.SESSION)
    limited = Policies(identity=[EVERYTHING], session=[narrow])
    assert allows(limited, "GetSecretValue", caller=SESSION)
    assert not allows(limited, "GetSecretValue", f"{PREFIX}other-a1b2c3", caller=SESSION)
    assert not allows(Policies(session=[narrow]), "GetSecretValue", caller=SESSION)
    assert not allows(Policies(identity=[EVERYTHING], session=[]), "GetSecretValue", caller=SESSION)


def test_several_session_policies_add_up():
    two = [policy(allow(name), kind=PolicyKind.SESSION) for name in ("GetSecretValue", "DescribeSecret")]
    limited = Policies(identity=[EVERYTHING], session=two)
    assert allows(limited, "GetSecretValue", caller=SESSION)
    assert allows(limited, "DescribeSecret", caller=SESSION)
    assert not allows(limited, "PutSecretValue", caller=SESSION)


def test_a_resource_policy_gives_past_session_policies_to_the_session_itself():
    narrow = policy(allow("DescribeSecret"), kind=PolicyKind.SESSION)
    for principal, expected in ((SESSION.arn, True), (ROLE, False), (ACCOUNT, False), ("*", False)):
        given = policy(allow("GetSecretValue", Principal={"AWS": principal}), kind=PolicyKind.RESOURCE)
        policies = Policies(identity=[EVERYTHING], resource=[given], session=[narrow])
        assert allows(policies, "GetSecretValue", caller=SESSION) is expected

"""Users, groups, roles and their policies decide about secrets, on both databases, from one call to the next."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest

from strongroom.domain.secret import Tag
from strongroom.errors import (
    AccessDeniedException,
    MalformedPolicyDocumentException,
    ResourceNotFoundException,
    ServiceError,
)
from support.deployment import VALUE
from support.kms_keys import create_key
from support.people import (
    READ_EVERYTHING,
    add_group,
    add_managed_policy,
    add_user,
    allow,
    as_user,
    deny,
    policy,
    with_role,
    with_user,
)

GET = "secretsmanager:GetSecretValue"


@contextmanager
def refused(error: type[ServiceError], text: str):
    """Expect a refusal with exactly this text."""
    with pytest.raises(error) as caught:
        yield
    assert caught.value.message == text


def read(deployment, secret_id="app/db", **members: str):
    return deployment.call("GetSecretValue", SecretId=secret_id, **members)["SecretString"]


def denied(action: str, secret_id: str, *, reason: str | None = None, arn: str = "user/alice"):
    why = reason or f"because no identity-based policy allows the {action} action"
    text = (
        f"User: arn:aws:iam::123456789012:{arn} is not authorized to perform: {action} on resource: {secret_id} {why}"
    )
    return refused(AccessDeniedException, text)


def test_a_user_may_do_what_a_policy_of_its_own_allows_and_nothing_else(deployment):
    deployment.create()
    alice = with_user(deployment, "alice", READ_EVERYTHING)
    assert read(alice) == VALUE
    with denied("secretsmanager:DescribeSecret", "app/db"):
        alice.call("DescribeSecret", SecretId="app/db")


def test_permission_is_decided_before_existence(deployment):
    alice = with_user(deployment, "alice", policy(allow(GET, "arn:aws:secretsmanager:*:*:secret:app/*")))
    with refused(ResourceNotFoundException, "Secrets Manager can't find the specified secret."):
        read(alice, "app/missing")
    with denied(GET, "other/missing"):
        read(alice, "other/missing")


def test_a_group_grants_to_its_members_for_as_long_as_they_are_members(deployment):
    deployment.create()
    user = add_user(deployment, "alice")
    group = add_group(deployment, "staff", user, READ_EVERYTHING)
    alice = as_user(deployment, user)
    assert read(alice) == VALUE
    deployment.node.storage.write(lambda tx: tx.identities.remove_member(group, user))
    with denied(GET, "app/db"):
        read(alice)


def test_a_change_of_a_policy_counts_for_the_next_call(deployment):
    deployment.create()
    user = add_user(deployment, "alice", READ_EVERYTHING)
    alice = as_user(deployment, user)
    assert read(alice) == VALUE
    assert read(alice) == VALUE
    deployment.node.storage.write(lambda tx: tx.identities.put_inline_policy(user, "policy-0", policy(deny("*"))))
    with denied(GET, "app/db", reason="with an explicit deny in an identity-based policy"):
        read(alice)


def test_a_user_made_again_under_the_same_name_is_somebody_else(deployment):
    deployment.create()
    user = add_user(deployment, "alice")
    alice = as_user(deployment, user)
    grant = policy({"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": GET, "Resource": "*"})
    deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=grant)
    assert read(alice) == VALUE
    deployment.node.storage.write(lambda tx: tx.identities.delete(user))
    again = as_user(deployment, add_user(deployment, "alice", number=2))
    with denied(GET, "app/db"):
        read(again)
    shown = deployment.call("GetResourcePolicy", SecretId="app/db")["ResourcePolicy"]
    assert json.loads(shown)["Statement"][0]["Principal"] == {"AWS": "AIDAALICE1"}
    with denied(GET, "app/db"):
        read(alice)


def test_a_grant_follows_a_user_whose_name_changes(deployment):
    deployment.create()
    user = add_user(deployment, "alice")
    grant = policy({"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": GET, "Resource": "*"})
    deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=grant)
    renamed = replace(user, name="alicia")
    deployment.node.storage.write(lambda tx: tx.identities.put(renamed))
    assert read(as_user(deployment, renamed)) == VALUE


@pytest.mark.parametrize(
    "principal",
    [
        "111122223333",
        "arn:aws:iam::123456789012:user/nobody",
        "arn:aws:iam::123456789012:role/nobody",
        "arn:aws:sts::123456789012:assumed-role/nobody/s1",
        "arn:aws:iam::111122223333:root",
    ],
)
def test_a_policy_naming_whom_nobody_knows_is_refused(deployment, principal):
    deployment.create()
    text = policy({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": GET, "Resource": "*"})
    for operation in ("PutResourcePolicy", "ValidateResourcePolicy"):
        with refused(MalformedPolicyDocumentException, "This resource policy contains an unsupported principal."):
            deployment.call(operation, SecretId="app/db", ResourcePolicy=text)


def test_a_boundary_bounds_and_grants_nothing(deployment):
    deployment.create()
    limit = add_managed_policy(deployment, "limit", policy(allow("secretsmanager:Describe*")))
    everything = policy(allow("secretsmanager:*"))
    alice = with_user(deployment, "alice", everything, boundary_arn=limit.arn)
    alice.call("DescribeSecret", SecretId="app/db")
    with denied(GET, "app/db", reason=f"because no permissions boundary allows the {GET} action"):
        read(alice)
    bob = with_user(deployment, "bob", boundary_arn=limit.arn)
    with pytest.raises(AccessDeniedException):
        bob.call("DescribeSecret", SecretId="app/db")


def test_a_session_is_told_by_its_own_name_and_narrowed_by_its_own_policy(deployment):
    deployment.create()
    narrow = policy(allow("secretsmanager:DescribeSecret"))
    session = with_role(deployment, "app", policy(allow("secretsmanager:*")), policies=(narrow,))
    session.call("DescribeSecret", SecretId="app/db")
    arn = "arn:aws:sts::123456789012:assumed-role/app/s1"
    text = (
        f"User: {arn} is not authorized to perform: {GET} on resource: app/db "
        f"because no session policy allows the {GET} action"
    )
    with refused(AccessDeniedException, text):
        read(session)


def test_older_sessions_are_revoked_by_a_policy_about_their_issue(deployment):
    deployment.create()
    moment = deployment.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    revoke = policy(deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": moment}}))
    session = with_role(deployment, "app", READ_EVERYTHING, revoke)
    assert read(session) == VALUE
    older = replace(session.principal.session, issued_at=session.principal.session.issued_at.replace(year=2001))
    with pytest.raises(AccessDeniedException, match="explicit deny in an identity-based policy"):
        read(replace(session, principal=replace(session.principal, session=older)))


def test_tags_of_principal_and_secret_are_compared(deployment):
    deployment.create("mine", Tags=[{"Key": "team", "Value": "red"}])
    deployment.create("theirs", Tags=[{"Key": "team", "Value": "blue"}])
    same_team = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    alice = with_user(deployment, "alice", policy(allow(GET, Condition=same_team)), tags=(Tag("team", "red"),))
    assert read(alice, "mine") == VALUE
    with denied(GET, "theirs"):
        read(alice, "theirs")
    session = with_role(deployment, "app", policy(allow(GET, Condition=same_team)), tags=(Tag("Team", "blue"),))
    assert read(session, "theirs") == VALUE


def test_a_condition_on_the_stage_needs_the_stage_to_be_sent(deployment):
    deployment.create()
    current = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    alice = with_user(deployment, "alice", policy(allow(GET, Condition=current)))
    assert read(alice, VersionStage="AWSCURRENT") == VALUE
    with denied(GET, "app/db"):
        read(alice)


@pytest.mark.parametrize(
    ("members", "is_allowed"),
    [
        ({"RecoveryWindowInDays": 30}, True),
        ({"RecoveryWindowInDays": 13}, False),
        ({"ForceDeleteWithoutRecovery": True}, False),
        ({}, False),
    ],
)
def test_deletion_is_allowed_by_its_window_as_it_is_asked_for(deployment, members, is_allowed):
    deployment.create()
    window = {"NumericGreaterThanEquals": {"secretsmanager:RecoveryWindowInDays": "14"}}
    alice = with_user(deployment, "alice", policy(allow("secretsmanager:DeleteSecret", Condition=window)))
    if is_allowed:
        alice.call("DeleteSecret", SecretId="app/db", **members)
        return
    with denied("secretsmanager:DeleteSecret", "app/db"):
        alice.call("DeleteSecret", SecretId="app/db", **members)


def test_tagging_at_creation_needs_permission_about_the_arn_that_the_secret_will_have(deployment):
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/db-??????"
    alice = with_user(deployment, "alice", policy(allow("secretsmanager:CreateSecret", arn)))
    alice.call("CreateSecret", Name="app/db")
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    deployment.run_jobs()
    with pytest.raises(AccessDeniedException, match=r"TagResource on resource: arn:.*:app/db-\w{6} because"):
        alice.call("CreateSecret", Name="app/db", Tags=[{"Key": "a", "Value": "b"}])
    bob = with_user(
        deployment, "bob", policy(allow(["secretsmanager:CreateSecret", "secretsmanager:TagResource"], arn))
    )
    bob.call("CreateSecret", Name="app/db", Tags=[{"Key": "a", "Value": "b"}])


def test_replicas_at_creation_need_permission_to_replicate(deployment):
    alice = with_user(deployment, "alice", policy(allow("secretsmanager:CreateSecret")))
    with pytest.raises(AccessDeniedException, match="secretsmanager:ReplicateSecretToRegions"):
        alice.call("CreateSecret", Name="app/db", AddReplicaRegions=[{"Region": "us-east-1"}])


def test_a_required_tag_is_required_at_creation(deployment):
    owned = policy(
        allow(["secretsmanager:CreateSecret", "secretsmanager:TagResource"]),
        deny("secretsmanager:CreateSecret", Condition={"Null": {"aws:RequestTag/owner": "true"}}),
    )
    alice = with_user(deployment, "alice", owned)
    alice.call("CreateSecret", Name="a", Tags=[{"Key": "owner", "Value": "alice"}])
    with pytest.raises(AccessDeniedException, match="explicit deny"):
        alice.call("CreateSecret", Name="b")


def test_a_customers_key_needs_permission_of_its_own(deployment):
    key = create_key(deployment, "alias/mine")
    deployment.create("app/db", KmsKeyId=key.key_id)
    through_here = {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:*:*:secret:app/*"},
    }
    alice = with_user(deployment, "alice", READ_EVERYTHING)
    with refused(AccessDeniedException, "Access to KMS is not allowed"):
        read(alice)
    bob = with_user(deployment, "bob", READ_EVERYTHING, policy(allow("kms:Decrypt", key.arn, Condition=through_here)))
    assert read(bob) == VALUE


def test_writing_under_a_customers_key_needs_a_data_key(deployment):
    key = create_key(deployment, "alias/mine")
    deployment.create("app/db", KmsKeyId=key.key_id)
    put = policy(allow("secretsmanager:PutSecretValue"))
    alice = with_user(deployment, "alice", put)
    with refused(AccessDeniedException, "Access to KMS is not allowed"):
        alice.put("app/db", 2)
    with_user(deployment, "bob", put, policy(allow("kms:GenerateDataKey", key.arn))).put("app/db", 2)


def test_the_key_of_a_new_secret_is_pinned_by_its_arn(deployment):
    mine, other = create_key(deployment, "alias/mine"), create_key(deployment, "alias/other")
    pinned = {"ArnEquals": {"secretsmanager:KmsKeyArn": mine.arn}}
    create = policy(allow("secretsmanager:CreateSecret", Condition=pinned), allow("kms:*"))
    alice = with_user(deployment, "alice", create)
    alice.create("a", KmsKeyId="alias/mine")
    with denied("secretsmanager:CreateSecret", "b"):
        alice.create("b", KmsKeyId="alias/other")
    with denied("secretsmanager:CreateSecret", "c"):
        alice.create("c", KmsKeyId=other.arn)


def test_a_batch_is_read_secret_by_secret(deployment):
    deployment.create("mine")
    deployment.create("theirs")
    statements = [
        allow("secretsmanager:BatchGetSecretValue"),
        allow(GET, "arn:aws:secretsmanager:*:*:secret:mine-??????"),
    ]
    alice = with_user(deployment, "alice", policy(*statements))
    answer = alice.call("BatchGetSecretValue", SecretIdList=["mine", "theirs"])
    assert [entry["Name"] for entry in answer["SecretValues"]] == ["mine"]
    assert [(entry["SecretId"], entry["ErrorCode"]) for entry in answer["Errors"]] == [
        ("theirs", "AccessDeniedException")
    ]
    with pytest.raises(AccessDeniedException, match="secretsmanager:ListSecrets because no"):
        alice.call("BatchGetSecretValue", Filters=[{"Key": "name", "Values": ["m"]}])


def test_an_unreadable_policy_denies_everything_and_is_logged(deployment, caplog):
    deployment.create()
    spoiled = f"{{ spoiled on {type(deployment.node.storage).__name__}"  # what cannot be read is logged once
    alice = with_user(deployment, "alice", READ_EVERYTHING, spoiled)
    with denied(GET, "app/db", reason="with an explicit deny in an identity-based policy"):
        read(alice)
    assert "A stored identity policy cannot be read" in caplog.text
    assert deployment.node.service.metrics.value("unreadable_policies_total") == 1


def test_why_a_call_was_denied_stands_on_the_trail_and_nowhere_else(deployment):
    deployment.create()
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    alice = with_user(deployment, "alice", policy(allow(GET, Condition=condition, Sid="RedTeam")))
    with denied(GET, "app/db"):
        read(alice)
    record = deployment.trail()[-1]
    assert record["errorCode"] == "AccessDenied"
    assert record["additionalEventData"]["authorization"] == {
        "decision": "implicitDeny",
        "policyKind": "identity-based policy",
        "policy": None,
        "statement": None,
        "misses": [
            {
                "policyKind": "identity-based policy",
                "policy": "policy-0 of arn:aws:iam::123456789012:user/alice",
                "where": "Statement[0]",
                "sid": "RedTeam",
                "differs": "condition",
                "wanted": ["red"],
                "operator": "StringEquals",
                "key": "aws:PrincipalTag/team",
                "present": False,
            }
        ],
    }
    assert record["userIdentity"]["userName"] == "alice"


def test_a_session_is_recorded_with_its_issuer(deployment):
    deployment.create()
    session = with_role(deployment, "app", READ_EVERYTHING, source_identity="carol")
    read(session)
    identity = deployment.trail()[-1]["userIdentity"]
    assert (identity["type"], identity["principalId"]) == ("AssumedRole", "AROAAPP:s1")
    context = identity["sessionContext"]
    assert context["sessionIssuer"] == {
        "type": "Role",
        "principalId": "AROAAPP",
        "arn": "arn:aws:iam::123456789012:role/apps/app",
        "accountId": "123456789012",
        "userName": "app",
    }
    assert context["sourceIdentity"] == "carol"

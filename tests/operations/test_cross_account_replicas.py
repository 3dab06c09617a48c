"""A replica in another account: made there, associated by the primary's account, its owner's own in the rest.

The scene of most tests: `deployment` is the account of the primary, `owner` the account of the replica.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey
from support.deployment import VALUE, Deployment, token
from support.kms_keys import change_state, create_key, key_of_version
from support.refusals import MARKED_FOR_DELETION, SECRET_NOT_FOUND, Refusal, refusal, stage_not_found

OTHER_ACCOUNT, THIRD_ACCOUNT = "999988887777", "000000000001"
IPE = "InvalidParameterException"
REPLICA_REFUSED = (
    IPE,
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)
KEY_NEEDED = (IPE, "A cross-account replica needs a customer managed KMS key in KmsKeyId.")


@dataclass
class Pair:
    """A primary and a replica made for it, each with its account."""

    primary: str
    replica: str
    home: Deployment
    owner: Deployment
    key: KmsKey

    def associate(self, **members: Any) -> dict[str, Any]:
        return self.home.call(
            "AssociateCrossAccountReplica", SecretId=self.primary, CrossAccountReplicaARN=self.replica, **members
        )

    def dissociate(self) -> dict[str, Any]:
        return self.home.call(
            "DisassociateCrossAccountReplica", SecretId=self.primary, CrossAccountReplicaARN=self.replica
        )

    def at_replica(self) -> dict[str, Any]:
        return self.owner.call("DescribeSecret", SecretId=self.replica)

    def at_primary(self) -> dict[str, Any]:
        return self.home.call("DescribeSecret", SecretId=self.primary)

    def statuses(self) -> tuple[str, str | None]:
        """Return what the replica shows, and what the primary shows."""
        (entry,) = self.at_primary().get("CrossAccountReplicas", [{}])
        return self.at_replica()["CrossAccountPrimary"]["ReplicationStatus"], entry.get("ReplicationStatus")

    def read(self, **members: Any) -> str:
        return str(self.owner.call("GetSecretValue", SecretId=self.replica, **members)["SecretString"])


@pytest.fixture
def pair(deployment):
    """A primary with a value, and a replica that is not associated yet."""
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    key = create_key(owner)
    primary = deployment.create("app/db")
    replica = owner.create("copies/db", None, CrossAccountPrimaryARN=primary, KmsKeyId=key.key_id)
    return Pair(primary, replica, deployment, owner, key)


@pytest.fixture
def followed(pair):
    """The same, associated and in sync."""
    pair.associate()
    pair.home.run_jobs()
    return pair


def test_a_new_replica_is_pending_empty_and_knows_its_primary(pair):
    shown = pair.at_replica()
    assert shown["CrossAccountPrimary"] == {"PrimarySecretARN": pair.primary, "ReplicationStatus": "Pending"}
    assert shown.keys().isdisjoint({"VersionIdsToStages", "PrimaryRegion", "ReplicationStatus"})
    assert refusal(pair.owner, "GetSecretValue", SecretId=pair.replica) == stage_not_found("AWSCURRENT")
    assert "CrossAccountReplicas" not in pair.at_primary()
    assert pair.home.run_jobs() == 0


def test_an_associated_replica_is_in_progress_and_then_in_sync(pair):
    assert pair.associate() == {
        "ARN": pair.primary,
        "CrossAccountReplicaARN": pair.replica,
        "ReplicationStatus": "InProgress",
    }
    assert pair.statuses() == ("InProgress", "InProgress")
    assert pair.home.run_jobs() == 1
    assert pair.statuses() == ("InSync", "InSync")
    assert pair.at_primary()["CrossAccountReplicas"] == [
        {
            "ReplicaSecretARN": pair.replica,
            "ReplicationStatus": "InSync",
            "StatusMessage": "Replication succeeded",
        }
    ]
    assert pair.at_replica()["CrossAccountPrimary"] == {
        "PrimarySecretARN": pair.primary,
        "ReplicationStatus": "InSync",
        "StatusMessage": "Replication succeeded",
    }


def test_it_is_no_replica_in_another_region(followed):
    assert followed.at_primary().keys().isdisjoint({"PrimaryRegion", "ReplicationStatus"})
    assert followed.at_replica().keys().isdisjoint({"PrimaryRegion", "ReplicationStatus"})


def test_the_value_arrives_sealed_with_the_replicas_own_key(followed):
    assert followed.read() == VALUE
    assert followed.read(VersionId=token(1)) == VALUE
    assert key_of_version(followed.owner, followed.replica, token(1)) == followed.key.arn
    assert key_of_version(followed.home, followed.primary, token(1)) != followed.key.arn


def test_values_and_labels_follow_every_change_of_the_primary(followed):
    followed.home.put(followed.primary, 2)
    followed.home.put(followed.primary, 3, "blue one", "blue")
    assert followed.statuses() == ("InProgress", "InProgress")
    followed.home.run_jobs()
    assert followed.statuses() == ("InSync", "InSync")
    assert followed.owner.stages(followed.replica) == followed.home.stages(followed.primary)
    assert (followed.read(), followed.read(VersionStage="blue")) == ("value 2", "blue one")
    move = {"VersionStage": "blue", "RemoveFromVersionId": token(3), "MoveToVersionId": token(2)}
    followed.home.call("UpdateSecretVersionStage", SecretId=followed.primary, **move)
    followed.home.run_jobs()
    assert followed.read(VersionStage="blue") == "value 2"


def test_bytes_follow_as_bytes(pair):
    pair.home.call("PutSecretValue", SecretId=pair.primary, SecretBinary=b"\x00\xff", ClientRequestToken=token(2))
    pair.associate()
    pair.home.run_jobs()
    assert pair.owner.call("GetSecretValue", SecretId=pair.replica)["SecretBinary"] == "AP8="


def test_tags_policy_and_description_stay_each_sides_own(followed):
    primary, replica = followed.primary, followed.replica
    policy = '{"Statement": {"Effect": "Deny", "Principal": {"AWS": "000000000001"}, "Action": "*"}}'
    followed.owner.call("TagResource", SecretId=replica, Tags=[{"Key": "whose", "Value": "ours"}])
    followed.owner.call("PutResourcePolicy", SecretId=replica, ResourcePolicy=policy)
    followed.home.call("TagResource", SecretId=primary, Tags=[{"Key": "whose", "Value": "theirs"}])
    followed.home.call("UpdateSecret", SecretId=primary, Description="the primary", Type="SalesforceClientSecret")
    followed.home.run_jobs()
    shown = followed.at_replica()
    assert shown["Tags"] == [{"Key": "whose", "Value": "ours"}]
    assert shown.keys().isdisjoint({"Description", "Type"})
    assert followed.owner.call("GetResourcePolicy", SecretId=replica)["ResourcePolicy"] == policy
    assert "ResourcePolicy" not in followed.home.call("GetResourcePolicy", SecretId=primary)
    followed.owner.call("UntagResource", SecretId=replica, TagKeys=["whose"])
    followed.owner.call("DeleteResourcePolicy", SecretId=replica)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutSecretValue", {"SecretString": "x", "ClientRequestToken": token(9)}),
        ("UpdateSecret", {"SecretString": "x", "ClientRequestToken": token(9)}),
        ("UpdateSecret", {"Description": "x"}),
        ("UpdateSecret", {"Type": "x"}),
        ("UpdateSecretVersionStage", {"VersionStage": "x", "MoveToVersionId": token(1)}),
        ("RotateSecret", {"ClientRequestToken": token(9)}),
        ("CancelRotateSecret", {}),
        ("ReplicateSecretToRegions", {"AddReplicaRegions": [{"Region": "us-east-1"}]}),
        ("RemoveRegionsFromReplication", {"RemoveReplicaRegions": ["us-east-1"]}),
        ("AssociateCrossAccountReplica", {"CrossAccountReplicaARN": "x" * 20}),
        ("DisassociateCrossAccountReplica", {"CrossAccountReplicaARN": "x" * 20}),
    ],
)
def test_what_follows_the_primary_cannot_be_changed_at_the_replica(followed, operation, members):
    assert refusal(followed.owner, operation, SecretId=followed.replica, **members) == REPLICA_REFUSED


def test_the_managed_policy_lets_the_primarys_account_accept_and_nothing_else(pair):
    listed = pair.owner.call("ListResourcePolicies", SecretId=pair.replica)["ResourcePolicies"]
    assert listed == [{"PolicyName": "cross-account-replication"}]
    managed = {"SecretId": pair.replica, "PolicyName": "cross-account-replication"}
    document = pair.owner.call("GetResourcePolicy", **managed)["ResourcePolicy"]
    assert "arn:aws:iam::123456789012:root" in document
    assert '"secretsmanager:AcceptCrossAccountReplication"' in document
    for operation in ("DescribeSecret", "GetSecretValue"):
        assert refusal(pair.home, operation, SecretId=pair.replica)[0] == "AccessDeniedException"
    code, _ = refusal(pair.owner, "DeleteResourcePolicy", **managed)
    assert code == IPE


def test_the_key_of_the_replica_can_be_changed_there_and_copies_are_sealed_with_it(followed):
    new = create_key(followed.owner, "alias/new")
    followed.owner.call("UpdateSecret", SecretId=followed.replica, KmsKeyId="alias/new")
    assert key_of_version(followed.owner, followed.replica, token(1)) == new.arn
    followed.home.put(followed.primary, 2)
    followed.home.run_jobs()
    assert key_of_version(followed.owner, followed.replica, token(2)) == new.arn
    assert followed.at_replica()["KmsKeyId"] == "alias/new"


@pytest.mark.parametrize("kms_key_id", ["", "alias/aws/secretsmanager"])
def test_the_replica_never_comes_under_the_default_key(followed, kms_key_id):
    assert refusal(followed.owner, "UpdateSecret", SecretId=followed.replica, KmsKeyId=kms_key_id) == KEY_NEEDED
    assert followed.at_replica()["KmsKeyId"] == followed.key.key_id


def test_associating_again_repairs_a_failed_replica(followed):
    change_state(followed.owner, followed.key, KeyState.DISABLED)
    followed.home.put(followed.primary, 2)
    followed.home.run_jobs()
    assert followed.statuses() == ("Failed", "Failed")
    (entry,) = followed.at_primary()["CrossAccountReplicas"]
    assert f"{followed.key.arn} is disabled." in entry["StatusMessage"]
    change_state(followed.owner, followed.key, KeyState.ENABLED)
    assert followed.associate()["ReplicationStatus"] == "InProgress"
    followed.home.run_jobs()
    assert followed.statuses() == ("InSync", "InSync")
    assert followed.read() == "value 2"


def test_associating_twice_is_harmless(followed):
    for _ in range(2):
        followed.associate(ReplicaRestriction="SameOrg")
    followed.home.run_jobs()
    assert followed.statuses() == ("InSync", "InSync")
    assert len(followed.at_primary()["CrossAccountReplicas"]) == 1


def test_a_primary_has_at_most_one(followed):
    third = followed.home.elsewhere(account_id=THIRD_ACCOUNT)
    another = third.create("copy", None, CrossAccountPrimaryARN=followed.primary, KmsKeyId=create_key(third).key_id)
    members = {"SecretId": followed.primary, "CrossAccountReplicaARN": another}
    assert refusal(followed.home, "AssociateCrossAccountReplica", **members) == (
        "LimitExceededException",
        "A primary secret can have at most one cross-account replica.",
    )
    followed.dissociate()
    followed.home.call("AssociateCrossAccountReplica", **members)


def not_a_replica(arn: str, primary: str) -> Refusal:
    return IPE, (
        f"The secret {arn} is not a cross-account replica of {primary}. Its owner must create it with "
        "CrossAccountPrimaryARN set to that ARN."
    )


def test_only_a_secret_made_for_this_primary_can_be_associated(pair):
    other = pair.home.create("other")
    far = pair.owner.elsewhere(region="us-east-1")
    strangers = {
        "made for another primary": (other, pair.replica),
        "no replica": (pair.primary, pair.owner.create("plain")),
        "of the primary's own account": (pair.primary, other),
        "in another region": (pair.primary, far.create("far")),
        "missing": (pair.primary, pair.replica[:-6] + "zzzzzz"),
        "without its suffix": (pair.primary, pair.replica[:-7]),
        "a bare name": (pair.primary, "copies/db-of-some-length"),
    }
    for why, (primary, arn) in strangers.items():
        members = {"SecretId": primary, "CrossAccountReplicaARN": arn}
        refused = refusal(pair.home, "AssociateCrossAccountReplica", **members)
        assert (why, refused) == (why, not_a_replica(arn, primary))
    assert pair.statuses() == ("Pending", None)


def test_a_role_is_refused_never_ignored(pair):
    members = {"SecretId": pair.primary, "CrossAccountReplicaARN": pair.replica}
    role = "arn:aws:iam::123456789012:role/replication"
    assert refusal(pair.home, "AssociateCrossAccountReplica", **members, ReplicationRoleARN=role) == (
        IPE,
        "This version of Strongroom does not support the parameter ReplicationRoleARN.",
    )


def test_the_replicas_owner_may_refuse_by_policy(pair):
    deny = '{"Statement": {"Effect": "Deny", "Principal": {"AWS": "123456789012"}, "Action": "*"}}'
    pair.owner.call("PutResourcePolicy", SecretId=pair.replica, ResourcePolicy=deny)
    members = {"SecretId": pair.primary, "CrossAccountReplicaARN": pair.replica}
    code, text = refusal(pair.home, "AssociateCrossAccountReplica", **members)
    assert code == "AccessDeniedException"
    assert text == (
        "User: arn:aws:iam::123456789012:root is not authorized to perform: "
        f"secretsmanager:AcceptCrossAccountReplication on resource: {pair.replica} "
        "with an explicit deny in a resource-based policy"
    )
    assert pair.statuses() == ("Pending", None)


def test_who_may_not_read_the_primary_may_not_have_it_copied(pair):
    deny = '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue"}}'
    pair.home.call("PutResourcePolicy", SecretId=pair.primary, ResourcePolicy=deny)
    members = {"SecretId": pair.primary, "CrossAccountReplicaARN": pair.replica}
    code, text = refusal(pair.home, "AssociateCrossAccountReplica", **members)
    assert code == "AccessDeniedException"
    assert "secretsmanager:GetSecretValue" in str(text)


def test_a_dissociated_replica_is_detached_and_keeps_what_it_has(followed):
    assert followed.dissociate() == {"ARN": followed.primary, "CrossAccountReplicaARN": followed.replica}
    followed.home.put(followed.primary, 2)
    assert followed.home.run_jobs() == 0
    assert followed.statuses() == ("Detached", None)
    assert followed.read() == VALUE
    put = {"SecretId": followed.replica, "SecretString": "x", "ClientRequestToken": token(9)}
    assert refusal(followed.owner, "PutSecretValue", **put) == REPLICA_REFUSED
    assert followed.owner.call("ListResourcePolicies", SecretId=followed.replica)["ResourcePolicies"]


def test_a_detached_replica_can_be_associated_again(followed):
    followed.dissociate()
    followed.home.put(followed.primary, 2)
    followed.associate()
    followed.home.run_jobs()
    assert (followed.statuses(), followed.read()) == (("InSync", "InSync"), "value 2")


def test_a_copy_under_way_does_not_reach_a_dissociated_replica(followed):
    followed.home.put(followed.primary, 2)
    followed.dissociate()
    followed.home.run_jobs()
    assert followed.read() == VALUE


def test_what_is_not_associated_cannot_be_dissociated(pair):
    members = {"SecretId": pair.primary, "CrossAccountReplicaARN": pair.replica}
    for _ in range(2):
        assert refusal(pair.home, "DisassociateCrossAccountReplica", **members) == (
            IPE,
            f"The secret {pair.replica} is not associated with this primary secret.",
        )
        pair.associate()
        pair.dissociate()


@pytest.mark.parametrize("is_detached", [False, True])
def test_a_promoted_replica_is_a_secret_of_its_own(followed, is_detached):
    if is_detached:
        followed.dissociate()
    else:
        followed.home.put(followed.primary, 2)  # a copy is under way
    assert followed.owner.call("StopReplicationToReplica", SecretId=followed.replica) == {"ARN": followed.replica}
    followed.home.run_jobs()
    assert followed.read() == VALUE
    assert followed.at_replica().keys().isdisjoint({"CrossAccountPrimary", "PrimaryRegion"})
    assert "CrossAccountReplicas" not in followed.at_primary()
    assert followed.owner.call("ListResourcePolicies", SecretId=followed.replica)["ResourcePolicies"] == []
    followed.owner.put(followed.replica, 3)
    assert followed.read() == "value 3"
    members = {"SecretId": followed.primary, "CrossAccountReplicaARN": followed.replica}
    refused = refusal(followed.home, "AssociateCrossAccountReplica", **members)
    assert refused == not_a_replica(followed.replica, followed.primary)


def test_the_primary_cannot_be_deleted_while_a_replica_is_associated(followed):
    text = f"You can't delete secret {followed.primary} that still has replica regions [{followed.replica}]."
    for members in ({}, {"ForceDeleteWithoutRecovery": True}):
        assert refusal(followed.home, "DeleteSecret", SecretId=followed.primary, **members) == (IPE, text)
    followed.dissociate()
    followed.home.call("DeleteSecret", SecretId=followed.primary, ForceDeleteWithoutRecovery=True)
    followed.home.run_jobs()
    assert refusal(followed.home, "DescribeSecret", SecretId=followed.primary) == SECRET_NOT_FOUND
    assert followed.at_replica()["CrossAccountPrimary"] == {
        "PrimarySecretARN": followed.primary,
        "ReplicationStatus": "Detached",
    }
    assert followed.read() == VALUE


def test_an_orphaned_replica_can_still_be_promoted(followed):
    followed.dissociate()
    followed.home.call("DeleteSecret", SecretId=followed.primary, ForceDeleteWithoutRecovery=True)
    followed.home.run_jobs()
    followed.owner.call("StopReplicationToReplica", SecretId=followed.replica)
    followed.owner.put(followed.replica, 2)
    assert followed.read() == "value 2"


def test_the_replica_is_deleted_and_restored_by_its_owner(followed):
    followed.owner.call("DeleteSecret", SecretId=followed.replica)
    followed.home.put(followed.primary, 2)
    followed.home.run_jobs()
    assert refusal(followed.owner, "GetSecretValue", SecretId=followed.replica) == MARKED_FOR_DELETION
    assert followed.statuses() == ("Failed", "Failed")
    followed.owner.call("RestoreSecret", SecretId=followed.replica)
    assert followed.read() == VALUE
    followed.associate()
    followed.home.run_jobs()
    assert (followed.statuses(), followed.read()) == (("InSync", "InSync"), "value 2")


def test_a_replica_deleted_for_good_fails_the_copies_and_can_be_dissociated(followed):
    followed.owner.call("DeleteSecret", SecretId=followed.replica, ForceDeleteWithoutRecovery=True)
    followed.home.run_jobs()
    followed.home.put(followed.primary, 2)
    followed.home.run_jobs()
    (entry,) = followed.at_primary()["CrossAccountReplicas"]
    assert entry["ReplicationStatus"] == "Failed"
    followed.dissociate()
    assert "CrossAccountReplicas" not in followed.at_primary()


def test_both_kinds_of_replica_live_side_by_side(followed):
    home, away = followed.home, followed.home.elsewhere(region="us-east-1")
    home.call("ReplicateSecretToRegions", SecretId=followed.primary, AddReplicaRegions=[{"Region": "us-east-1"}])
    home.run_jobs()
    home.put(followed.primary, 2)
    home.run_jobs()
    assert followed.read() == away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 2"
    shown = followed.at_primary()
    assert [entry["Region"] for entry in shown["ReplicationStatus"]] == ["us-east-1"]
    assert [entry["ReplicaSecretARN"] for entry in shown["CrossAccountReplicas"]] == [followed.replica]
    code, _ = refusal(home, "RemoveRegionsFromReplication", SecretId="app/db", RemoveReplicaRegions=[home.region])
    assert code == IPE, "the region of the cross-account replica is no replica region"
    home.call("RemoveRegionsFromReplication", SecretId="app/db", RemoveReplicaRegions=["us-east-1"])
    shown = followed.at_primary()
    assert shown.keys().isdisjoint({"PrimaryRegion", "ReplicationStatus"})
    assert [entry["ReplicaSecretARN"] for entry in shown["CrossAccountReplicas"]] == [followed.replica]


PRIMARY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/db-a1B2c3"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("SecretString", "v"),
        ("SecretBinary", b"v"),
        ("Description", "d"),
        ("AddReplicaRegions", [{"Region": "us-east-1"}]),
        ("Type", "SalesforceClientSecret"),
    ],
)
def test_a_replica_is_made_without_what_it_gets_from_its_primary(deployment, member, value):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    members = {"CrossAccountPrimaryARN": PRIMARY, "KmsKeyId": create_key(owner).key_id, "ClientRequestToken": token(1)}
    assert refusal(owner, "CreateSecret", Name="copy", **members, **{member: value}) == (
        IPE,
        f"You can't specify {member} together with CrossAccountPrimaryARN.",
    )
    assert refusal(owner, "DescribeSecret", SecretId="copy") == SECRET_NOT_FOUND


def test_a_replica_needs_a_customer_managed_key(deployment):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    create_key(owner, "alias/aws/other", manager=KeyManager.AWS)
    owner.create("under/the/default/key")
    keys: list[dict[str, str]] = [
        {},
        {"KmsKeyId": ""},
        {"KmsKeyId": "alias/aws/secretsmanager"},
        {"KmsKeyId": "alias/aws/other"},
    ]
    for key in keys:
        members = {"CrossAccountPrimaryARN": PRIMARY} | key
        assert (key, refusal(owner, "CreateSecret", Name="copy", **members)) == (key, KEY_NEEDED)
    code, _ = refusal(owner, "CreateSecret", Name="copy", CrossAccountPrimaryARN=PRIMARY, KmsKeyId="alias/none")
    assert code == "EncryptionFailure"
    assert refusal(owner, "DescribeSecret", SecretId="copy") == SECRET_NOT_FOUND


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (PRIMARY[:-7], "It must be the complete ARN of a secret."),
        ("a-name-of-twenty-characters", "It must be the complete ARN of a secret."),
        (PRIMARY.replace("secretsmanager", "ssm"), "It must be the complete ARN of a secret."),
        (PRIMARY.replace("123456789012", OTHER_ACCOUNT), "It must be in another account."),
        (PRIMARY.replace("eu-central-1", "us-east-1"), "It must be in the Region and partition of the replica."),
        (PRIMARY.replace("arn:aws:", "arn:aws-cn:"), "It must be in the Region and partition of the replica."),
    ],
)
def test_the_primary_must_be_a_secret_of_another_account_in_the_same_region(deployment, arn, why):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    members = {"CrossAccountPrimaryARN": arn, "KmsKeyId": create_key(owner).key_id}
    assert refusal(owner, "CreateSecret", Name="copy", **members) == (
        IPE,
        f"CrossAccountPrimaryARN can't be used. {why}",
    )


def test_tags_may_be_given_to_a_new_replica(deployment):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    members = {"CrossAccountPrimaryARN": PRIMARY, "KmsKeyId": create_key(owner).key_id}
    created = owner.call("CreateSecret", Name="copy", Tags=[{"Key": "a", "Value": "b"}], **members)
    assert created.keys() == {"ARN", "Name"}
    assert owner.call("DescribeSecret", SecretId="copy")["Tags"] == [{"Key": "a", "Value": "b"}]

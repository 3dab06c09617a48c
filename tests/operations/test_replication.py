"""Replicas in other regions of one deployment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.domain.kms_key import KeyState
from strongroom.errors import InvalidParameterException, InvalidRequestException, ResourceNotFoundException
from support.deployment import VALUE, Deployment, token
from support.kms_keys import change_state, create_key, key_of_version

HOME, AWAY, FAR = "eu-central-1", "us-east-1", "ap-south-1"
LEASE = timedelta(minutes=1)
POLICY = '{"Statement": {"Effect": "Deny", "Principal": {"AWS": "999988887777"}, "Action": "*"}}'
REPLICA_REFUSED = "Operation not permitted on a replica secret. Call must be made in primary secret's region."


def replicated(deployment: Deployment, *regions: str, **members: object) -> tuple[str, Deployment]:
    arn = deployment.create(
        "app/db", AddReplicaRegions=[{"Region": region} for region in regions or (AWAY,)], **members
    )
    deployment.run_jobs()
    return arn, deployment.elsewhere(region=AWAY)


def status(deployment: Deployment) -> dict[str, tuple[str, str | None]]:
    shown = deployment.call("DescribeSecret", SecretId="app/db").get("ReplicationStatus", [])
    return {entry["Region"]: (entry["Status"], entry.get("StatusMessage")) for entry in shown}


def test_a_new_replica_is_in_progress_and_then_in_sync(deployment: Deployment) -> None:
    answer = deployment.call(
        "CreateSecret",
        Name="app/db",
        SecretString=VALUE,
        ClientRequestToken=token(1),
        AddReplicaRegions=[{"Region": AWAY}],
    )
    assert answer["ReplicationStatus"] == [
        {"Region": AWAY, "KmsKeyId": "alias/aws/secretsmanager", "Status": "InProgress"}
    ]
    deployment.run_jobs()
    assert status(deployment) == {AWAY: ("InSync", "Replication succeeded")}


def test_a_replica_has_the_same_suffix_value_labels_tags_and_description(deployment: Deployment) -> None:
    arn, away = replicated(deployment, Tags=[{"Key": "team", "Value": "blue"}], Description="the database")
    shown = away.call("DescribeSecret", SecretId="app/db")
    assert shown["ARN"] == arn.replace(HOME, AWAY)
    assert (shown["Description"], shown["Tags"]) == ("the database", [{"Key": "team", "Value": "blue"}])
    assert shown["PrimaryRegion"] == deployment.call("DescribeSecret", SecretId=arn)["PrimaryRegion"] == HOME
    assert "ReplicationStatus" not in shown
    value = away.call("GetSecretValue", SecretId="app/db")
    assert (value["SecretString"], value["VersionId"]) == (VALUE, token(1))


def test_every_change_of_the_primary_follows(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    deployment.put(arn, 2)
    deployment.put(arn, 3, None, "blue")
    deployment.call("TagResource", SecretId=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert status(deployment) == {AWAY: ("InProgress", None)}
    deployment.run_jobs()
    assert away.stages("app/db") == deployment.stages("app/db")
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 2"
    assert away.call("GetSecretValue", SecretId="app/db", VersionStage="blue")["SecretString"] == "value 3"
    assert away.call("DescribeSecret", SecretId="app/db")["Tags"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutSecretValue", {"SecretString": "x", "ClientRequestToken": token(9)}),
        ("UpdateSecret", {"Description": "x"}),
        ("UpdateSecret", {"SecretString": "x", "ClientRequestToken": token(9)}),
        ("UpdateSecretVersionStage", {"VersionStage": "x", "MoveToVersionId": token(1)}),
        ("DeleteSecret", {}),
        ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}),
        ("RestoreSecret", {}),
        ("RotateSecret", {"ClientRequestToken": token(9)}),
        ("CancelRotateSecret", {}),
        ("PutResourcePolicy", {"ResourcePolicy": POLICY}),
        ("DeleteResourcePolicy", {}),
        ("AssociateCrossAccountReplica", {"CrossAccountReplicaARN": "x" * 20}),
        ("DisassociateCrossAccountReplica", {"CrossAccountReplicaARN": "x" * 20}),
        ("TagResource", {"Tags": []}),
        ("UntagResource", {"TagKeys": []}),
        ("ReplicateSecretToRegions", {"AddReplicaRegions": [{"Region": FAR}]}),
        ("RemoveRegionsFromReplication", {"RemoveReplicaRegions": [AWAY]}),
    ],
)
def test_changes_at_a_replica_are_refused(deployment: Deployment, operation: str, members: dict[str, object]) -> None:
    _, away = replicated(deployment)
    with pytest.raises(InvalidParameterException) as caught:
        away.call(operation, SecretId="app/db", **members)
    assert caught.value.message == REPLICA_REFUSED


def test_a_primary_with_replicas_cannot_be_deleted(deployment: Deployment) -> None:
    arn, _ = replicated(deployment, AWAY, FAR)
    for members in ({}, {"ForceDeleteWithoutRecovery": True}):
        with pytest.raises(InvalidParameterException) as caught:
            deployment.call("DeleteSecret", SecretId=arn, **members)
        assert caught.value.message == f"You can't delete secret {arn} that still has replica regions [{FAR}, {AWAY}]."


@pytest.mark.parametrize("region", [HOME, "mars-north-1", "cn-north-1"])
def test_regions_that_cannot_have_a_replica_are_refused(deployment: Deployment, region: str) -> None:
    with pytest.raises(InvalidParameterException) as caught:
        deployment.create("app/db", AddReplicaRegions=[{"Region": region}])
    assert caught.value.message == "Invalid replica region."
    with pytest.raises(ResourceNotFoundException):
        deployment.call("DescribeSecret", SecretId="app/db")


def test_a_taken_name_fails_the_replica_until_overwriting_is_allowed(deployment: Deployment) -> None:
    away = deployment.elsewhere(region=AWAY)
    other = away.create("app/db", "somebody else's")
    arn, _ = replicated(deployment)
    assert status(deployment) == {
        AWAY: ("Failed", f"Replication failed: Secret name app/db already exists in region {AWAY}.")
    }
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "somebody else's"
    deployment.call(
        "ReplicateSecretToRegions",
        SecretId=arn,
        AddReplicaRegions=[{"Region": AWAY}],
        ForceOverwriteReplicaSecret=True,
    )
    deployment.run_jobs()
    assert status(deployment) == {AWAY: ("InSync", "Replication succeeded")}
    assert away.call("GetSecretValue", SecretId="app/db")["ARN"] == arn.replace(HOME, AWAY) != other


def test_an_unusable_key_fails_the_replica_and_not_the_call(deployment: Deployment) -> None:
    deployment.create("app/db", AddReplicaRegions=[{"Region": AWAY, "KmsKeyId": "alias/none"}])
    deployment.run_jobs()
    outcome, message = status(deployment)[AWAY]
    assert outcome == "Failed"
    assert "alias/none is not found" in str(message)


def test_overwriting_that_fails_leaves_the_other_secret_as_it_was(deployment: Deployment) -> None:
    away = deployment.elsewhere(region=AWAY)
    other = away.create("app/db", "somebody else's")
    regions = [{"Region": AWAY, "KmsKeyId": "alias/none"}]
    arn = deployment.create("app/db", AddReplicaRegions=regions, ForceOverwriteReplicaSecret=True)
    deployment.run_jobs()
    assert status(deployment)[AWAY][0] == "Failed"
    assert away.call("GetSecretValue", SecretId=other)["SecretString"] == "somebody else's"
    create_key(away, "alias/none")
    deployment.put(arn, 2)
    deployment.run_jobs()
    assert status(deployment) == {AWAY: ("InSync", "Replication succeeded")}
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 2"


def test_a_primary_that_cannot_be_read_leaves_no_half_made_replica(deployment: Deployment) -> None:
    key = create_key(deployment, "alias/mine")
    arn = deployment.create("app/db", KmsKeyId="alias/mine")
    change_state(deployment, key, KeyState.DISABLED)
    deployment.call("ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=[{"Region": AWAY}])
    deployment.run_jobs()
    outcome, message = status(deployment)[AWAY]
    assert outcome == "Failed"
    assert f"{key.arn} is disabled." in str(message)
    away = deployment.elsewhere(region=AWAY)
    with pytest.raises(ResourceNotFoundException):
        away.call("DescribeSecret", SecretId="app/db")
    change_state(deployment, key, KeyState.ENABLED)
    deployment.call("ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=[{"Region": AWAY}])
    deployment.run_jobs()
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_the_replica_of_another_primary_is_never_overwritten(deployment: Deployment) -> None:
    _, away = replicated(deployment)
    far = deployment.elsewhere(region=FAR)
    arn = far.create("app/db", "far value", AddReplicaRegions=[{"Region": AWAY}], ForceOverwriteReplicaSecret=True)
    deployment.run_jobs()
    assert status(far) == {
        AWAY: (
            "Failed",
            f"Replication failed: Secret name app/db is currently replicated to {AWAY} with a different arn",
        )
    }
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE
    far.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
    deployment.run_jobs()
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


@pytest.mark.parametrize("former", ["a secret", "a replica"])
def test_a_name_whose_secret_only_waits_to_be_purged_is_no_longer_taken(deployment: Deployment, former: str) -> None:
    if former == "a replica":
        arn, away = replicated(deployment)
        deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
        lease_all_jobs(deployment)
        deployment.call("DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)
        deployment.run_jobs()
    else:
        away = deployment.elsewhere(region=AWAY)
        away.create("app/db", "another value")
        away.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
        lease_all_jobs(deployment)
    arn = deployment.create("app/db", "new value", AddReplicaRegions=[{"Region": AWAY}])
    deployment.run_jobs()
    assert status(deployment) == {AWAY: ("InSync", "Replication succeeded")}
    deployment.clock.advance(2 * LEASE)
    deployment.run_jobs()
    value = away.call("GetSecretValue", SecretId="app/db")
    assert (value["ARN"], value["SecretString"]) == (arn.replace(HOME, AWAY), "new value")


def lease_all_jobs(deployment: Deployment) -> None:
    """Claim what is due, as a node does that is killed before it has done it."""
    now = deployment.clock.now()
    claimed = deployment.node.storage.write(
        lambda tx: tx.claim_jobs("a node that was killed", now, now + LEASE, 9, newest=False)
    )
    assert claimed


def test_a_secret_that_can_still_be_restored_keeps_its_name_from_a_replica(deployment: Deployment) -> None:
    away = deployment.elsewhere(region=AWAY)
    away.create("app/db", "another value")
    away.call("DeleteSecret", SecretId="app/db")
    replicated(deployment)
    assert status(deployment)[AWAY][0] == "Failed"
    away.call("RestoreSecret", SecretId="app/db")
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "another value"


def test_a_primary_with_replicas_of_its_own_is_never_overwritten(deployment: Deployment) -> None:
    away = deployment.elsewhere(region=AWAY)
    away.create("app/db", "away value", AddReplicaRegions=[{"Region": FAR}])
    deployment.create("app/db", AddReplicaRegions=[{"Region": AWAY}], ForceOverwriteReplicaSecret=True)
    deployment.run_jobs()
    assert status(deployment)[AWAY][0] == "Failed"
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == "away value"


def test_a_policy_follows_the_primary_and_its_removal_too(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    deployment.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=POLICY)
    deployment.run_jobs()
    assert away.call("GetResourcePolicy", SecretId="app/db")["ResourcePolicy"] == POLICY
    assert away.call("ListResourcePolicies", SecretId="app/db")["ResourcePolicies"] == [{"PolicyName": "default"}]
    deployment.call("DeleteResourcePolicy", SecretId=arn)
    deployment.run_jobs()
    assert "ResourcePolicy" not in away.call("GetResourcePolicy", SecretId="app/db")


def test_a_promoted_replica_comes_back_only_by_overwriting(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    away.call("StopReplicationToReplica", SecretId="app/db")
    away.put("app/db", 3, "its own")
    for overwrite, outcome, value in ((False, "Failed", "its own"), (True, "InSync", VALUE)):
        regions = [{"Region": AWAY}]
        deployment.call(
            "ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=regions, ForceOverwriteReplicaSecret=overwrite
        )
        deployment.run_jobs()
        assert status(deployment)[AWAY][0] == outcome
        assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == value


def test_a_region_named_twice_is_refused(deployment: Deployment) -> None:
    with pytest.raises(InvalidParameterException) as caught:
        deployment.create("app/db", AddReplicaRegions=[{"Region": AWAY}, {"Region": AWAY}])
    assert caught.value.message == "Invalid replica region."


def test_removing_a_region_deletes_its_replica_for_good(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    answer = deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
    assert answer == {"ARN": arn}
    deployment.run_jobs()
    with pytest.raises(ResourceNotFoundException):
        away.call("DescribeSecret", SecretId="app/db")
    assert "PrimaryRegion" not in deployment.call("DescribeSecret", SecretId=arn)
    deployment.call("DeleteSecret", SecretId=arn)
    replicated_again = deployment.elsewhere(region=FAR)
    replicated_again.create("app/db")


def test_a_removed_region_can_be_replicated_to_again(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    for _ in range(2):
        deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
        deployment.run_jobs()
        deployment.call("ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=[{"Region": AWAY}])
        deployment.run_jobs()
        assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_a_region_without_a_replica_cannot_be_removed(deployment: Deployment) -> None:
    arn, _ = replicated(deployment)
    with pytest.raises(InvalidParameterException):
        deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[FAR])


def test_a_promoted_replica_lives_its_own_life(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    deployment.put(arn, 2)
    assert away.call("StopReplicationToReplica", SecretId="app/db") == {"ARN": arn.replace(HOME, AWAY)}
    deployment.run_jobs()
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE
    assert status(deployment) == {}
    assert "PrimaryRegion" not in away.call("DescribeSecret", SecretId="app/db")
    away.put("app/db", 3)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "value 2"
    deployment.call("DeleteSecret", SecretId=arn)


def test_what_is_no_replica_cannot_be_promoted(deployment: Deployment) -> None:
    deployment.create("app/db")
    with pytest.raises(InvalidParameterException):
        deployment.call("StopReplicationToReplica", SecretId="app/db")


def test_the_key_of_a_replica_can_be_changed_at_the_replica(deployment: Deployment) -> None:
    _, away = replicated(deployment)
    away.call("UpdateSecret", SecretId="app/db", KmsKeyId="alias/aws/secretsmanager")
    assert away.call("DescribeSecret", SecretId="app/db")["KmsKeyId"] == "alias/aws/secretsmanager"
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_a_replica_given_another_key_is_sealed_with_it(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    key = create_key(away)
    regions = [{"Region": AWAY, "KmsKeyId": key.key_id}]
    deployment.call("ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=regions)
    deployment.run_jobs()
    there = away.call("DescribeSecret", SecretId="app/db")
    assert there["KmsKeyId"] == key.key_id
    assert key_of_version(away, there["ARN"], token(1)) == key.arn
    assert away.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_the_last_access_is_each_regions_own(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    away.call("GetSecretValue", SecretId="app/db")
    shown = deployment.call("DescribeSecret", SecretId=arn)
    assert "LastAccessedDate" not in shown
    assert shown["ReplicationStatus"][0]["LastAccessedDate"] % 86_400 == 0
    deployment.put(arn, 2)
    deployment.run_jobs()
    assert "LastAccessedDate" in away.call("DescribeSecret", SecretId="app/db")


def test_replicating_a_scheduled_secret_is_refused(deployment: Deployment) -> None:
    arn = deployment.create("app/db")
    deployment.call("DeleteSecret", SecretId=arn)
    with pytest.raises(InvalidRequestException):
        deployment.call("ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=[{"Region": AWAY}])


def test_replicas_are_listed_and_filtered_by_their_primary_region(deployment: Deployment) -> None:
    _, away = replicated(deployment)
    found = away.call("ListSecrets", Filters=[{"Key": "primary-region", "Values": [HOME]}])["SecretList"]
    assert [entry["Name"] for entry in found] == ["app/db"]
    assert away.call("ListSecrets", Filters=[{"Key": "primary-region", "Values": [AWAY]}])["SecretList"] == []


def test_regions_are_checked_before_the_name_is_looked_up(deployment: Deployment) -> None:
    deployment.create("app/db")
    with pytest.raises(InvalidParameterException, match="Invalid replica region"):
        deployment.create("app/db", AddReplicaRegions=[{"Region": "mars-north-1"}])


def test_a_replica_says_so_before_it_says_that_it_was_deleted(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
    with pytest.raises(InvalidParameterException) as caught:
        away.put("app/db", 2)
    assert caught.value.message == REPLICA_REFUSED


def test_replication_of_a_scheduled_secret_is_neither_removed_nor_stopped(deployment: Deployment) -> None:
    arn, away = replicated(deployment)
    deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
    with pytest.raises(InvalidRequestException, match="marked for deletion"):
        away.call("StopReplicationToReplica", SecretId="app/db")
    deployment.call("DeleteSecret", SecretId=arn)
    with pytest.raises(InvalidRequestException, match="marked for deletion"):
        deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])


def test_rotation_belongs_to_the_primary(deployment: Deployment) -> None:
    _, away = replicated(deployment)
    for operation, members in (("RotateSecret", {"ClientRequestToken": token(9)}), ("CancelRotateSecret", {})):
        with pytest.raises(InvalidParameterException) as caught:
            away.call(operation, SecretId="app/db", **members)
        assert caught.value.message == REPLICA_REFUSED

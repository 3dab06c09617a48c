from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain import replication
from strongroom.domain.identifiers import SecretReference
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.errors import InvalidParameterException, LimitExceededException, ServiceError
from support.factories import ACCOUNT_ID, REGION, make_secret

OTHER_ACCOUNT, AWAY = "999988887777", "us-east-1"
PLAIN = make_secret()
PRIMARY = make_secret(primary_region=REGION)
REGIONAL = make_secret(region=AWAY, primary_region=REGION)
ACROSS = make_secret(account_id=OTHER_ACCOUNT, name="copy", cross_account_primary=PLAIN.arn)
KNOWN = (REGION, AWAY, "us-west-2", "cn-north-1", "cn-northwest-1", "us-gov-west-1")
IN_SYNC = ReplicaStatus.IN_SYNC


def refused(error: type[ServiceError], work, *args: Any, **options: Any) -> str | None:
    with pytest.raises(error) as caught:
        work(*args, **options)
    return caught.value.message


@pytest.mark.parametrize(
    ("secret", "expected"), [(PLAIN, False), (PRIMARY, False), (REGIONAL, True), (ACROSS, True)], ids=str
)
def test_a_replica_follows_another_region_or_another_account(secret, expected):
    assert replication.is_replica(secret) is expected


def test_only_what_is_no_replica_is_changed_here():
    for secret in (PLAIN, PRIMARY):
        replication.require_primary(secret)
    for secret in (REGIONAL, ACROSS):
        assert refused(InvalidParameterException, replication.require_primary, secret) == (
            "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        )


def test_a_cross_account_replica_keeps_a_life_of_its_own_and_a_regional_one_does_not():
    replication.require_primary(ACROSS, except_cross_account=True)
    refused(InvalidParameterException, replication.require_primary, REGIONAL, except_cross_account=True)


def test_only_replicas_are_promoted():
    for secret in (REGIONAL, ACROSS):
        replication.require_replica(secret)
    for secret in (PLAIN, PRIMARY):
        text = f"The secret {secret.arn} is not a replica secret."
        assert refused(InvalidParameterException, replication.require_replica, secret) == text


def test_a_replica_has_the_primarys_arn_with_the_region_replaced():
    assert replication.replica_arn(PRIMARY, AWAY) == REGIONAL.arn
    named_like_a_region = make_secret(name=f"{REGION}/x")
    assert replication.replica_arn(named_like_a_region, AWAY) == (
        f"arn:aws:secretsmanager:{AWAY}:{ACCOUNT_ID}:secret:{REGION}/x-a1B2c3"
    )


def test_a_replica_knows_the_arn_of_its_primary():
    assert replication.primary_arn(REGIONAL) == PRIMARY.arn
    assert replication.primary_arn(ACROSS) == PLAIN.arn


def test_an_arn_tells_the_place_of_a_secret():
    arn = make_secret(name="a/b-c", region=AWAY).arn
    assert replication.place_of(arn) == SecretReference(ACCOUNT_ID, AWAY, "a/b-c", arn)
    entry = Replica(arn, None, IN_SYNC)
    assert (entry.region, entry.account_id) == (AWAY, ACCOUNT_ID)


@pytest.mark.parametrize("wanted", [[], [AWAY], [AWAY, "us-west-2"]])
def test_known_regions_of_the_partition_are_accepted(wanted):
    replication.require_replica_regions(wanted, own=REGION, known=KNOWN)


@pytest.mark.parametrize(
    "wanted",
    [[REGION], [AWAY, REGION], ["mars-north-1"], ["cn-north-1"], ["us-gov-west-1"], [AWAY, AWAY], [""]],
)
def test_own_unknown_foreign_and_repeated_regions_are_refused(wanted):
    text = refused(InvalidParameterException, replication.require_replica_regions, wanted, own=REGION, known=KNOWN)
    assert text == "Invalid replica region."


@pytest.mark.parametrize(("own", "other"), [("cn-north-1", "cn-northwest-1"), ("us-gov-west-1", "us-east-1")])
def test_other_partitions_replicate_among_themselves(own, other):
    if own.startswith("cn-"):
        replication.require_replica_regions([other], own=own, known=KNOWN)
    else:
        refused(InvalidParameterException, replication.require_replica_regions, [other], own=own, known=KNOWN)


ENTRIES = [Replica(REGIONAL.arn, None, IN_SYNC), Replica(ACROSS.arn, "k", ReplicaStatus.FAILED)]


def test_replicas_in_other_regions_are_those_of_the_own_account():
    assert replication.in_other_regions(PRIMARY, ENTRIES) == ENTRIES[:1]


def test_regions_without_a_replica_cannot_be_removed():
    replication.require_present([AWAY], ENTRIES[:1])
    text = refused(InvalidParameterException, replication.require_present, [AWAY, "us-west-2"], ENTRIES[:1])
    assert text == "The secret has no replica in region us-west-2."


def test_a_primary_is_deleted_once_it_has_no_replica_of_any_kind():
    replication.require_none(PRIMARY, [])
    text = refused(InvalidParameterException, replication.require_none, PRIMARY, ENTRIES)
    assert text == f"You can't delete secret {PRIMARY.arn} that still has replica regions [{AWAY}, {ACROSS.arn}]."


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (PLAIN.arn[:-7], "It must be the complete ARN of a secret."),
        (PLAIN.arn + ":x", "It must be the complete ARN of a secret."),
        (PLAIN.arn.replace("db", "d b"), "It must be the complete ARN of a secret."),
        (ACROSS.arn, "It must be in another account."),
        (REGIONAL.arn, "It must be in the Region and partition of the replica."),
        (PLAIN.arn.replace("arn:aws:", "arn:aws-cn:"), "It must be in the Region and partition of the replica."),
    ],
)
def test_a_primary_across_accounts_is_another_accounts_in_the_same_place(arn, why):
    place = {"account_id": OTHER_ACCOUNT, "region": REGION}
    assert replication.require_cross_account_primary(PLAIN.arn, **place) == PLAIN.arn
    text = refused(InvalidParameterException, replication.require_cross_account_primary, arn, **place)
    assert text == f"CrossAccountPrimaryARN can't be used. {why}"


def test_a_primary_is_associated_with_one_replica_that_was_made_for_it():
    entry = Replica(ACROSS.arn, None, IN_SYNC)
    for present in ([], ENTRIES[:1], [entry]):
        assert replication.require_associable(PLAIN, ACROSS, present, ACROSS.arn) is ACROSS
    another = Replica(ACROSS.arn.replace(OTHER_ACCOUNT, "000000000001"), None, IN_SYNC)
    text = refused(LimitExceededException, replication.require_associable, PLAIN, ACROSS, [another], ACROSS.arn)
    assert text == "A primary secret can have at most one cross-account replica."
    for found in (None, PLAIN, make_secret(cross_account_primary=REGIONAL.arn)):
        text = refused(InvalidParameterException, replication.require_associable, PLAIN, found, [], ACROSS.arn)
        assert text == (
            f"The secret {ACROSS.arn} is not a cross-account replica of {PLAIN.arn}. Its owner must create it with "
            "CrossAccountPrimaryARN set to that ARN."
        )


def test_only_what_is_associated_is_dissociated():
    assert replication.require_associated(PLAIN, ENTRIES[1], ACROSS.arn) is ENTRIES[1]
    for entry, arn in ((None, ACROSS.arn), (ENTRIES[0], ENTRIES[0].arn)):
        text = refused(InvalidParameterException, replication.require_associated, PLAIN, entry, arn)
        assert text == f"The secret {arn} is not associated with this primary secret."


@pytest.mark.parametrize(
    ("entry", "has_versions", "status"),
    [
        (None, False, ReplicaStatus.PENDING),
        (None, True, ReplicaStatus.DETACHED),
        (ENTRIES[1], False, ReplicaStatus.FAILED),
        (ENTRIES[0], True, ReplicaStatus.IN_SYNC),
    ],
)
def test_a_cross_account_replica_shows_the_state_of_its_link(entry, has_versions, status):
    assert replication.cross_account_status(entry, has_versions=has_versions) is status


def test_the_managed_policy_lets_the_primarys_account_accept_and_nothing_else():
    (statement,) = json.loads(replication.managed_policy(ACROSS))["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        "Action": "secretsmanager:AcceptCrossAccountReplication",
        "Resource": "*",
    }
    in_china = make_secret(region="cn-north-1", account_id=OTHER_ACCOUNT, cross_account_primary=PLAIN.arn)
    assert "arn:aws-cn:iam::" in replication.managed_policy(in_china)


def test_why_a_name_cannot_be_had_is_told():
    assert replication.name_taken("n", AWAY) == f"Replication failed: Secret name n already exists in region {AWAY}."
    assert replication.name_replicated("n", AWAY) == (
        f"Replication failed: Secret name n is currently replicated to {AWAY} with a different arn"
    )


def test_states_are_named_as_on_the_wire():
    assert {status.value for status in ReplicaStatus} == {"InSync", "Failed", "InProgress", "Pending", "Detached"}

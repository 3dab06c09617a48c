"""Timestamps: milliseconds on the wire, whole days of access, and a date of change that always grows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.domain.kms_key import DEFAULT_ALIAS
from support.clock import NOW
from support.deployment import VALUE, token

START = NOW.timestamp()
DAY = 86_400
MIDNIGHT = START - START % DAY


def described(deployment):
    return deployment.call("DescribeSecret", SecretId="app/db")


def versions(deployment):
    listed = deployment.call("ListSecretVersionIds", SecretId="app/db", IncludeDeprecated=True)["Versions"]
    return {int(version["VersionId"][:8]): version for version in listed}


def test_instants_have_three_decimals(deployment):
    deployment.clock.advance(timedelta(microseconds=999))
    deployment.create()
    deployment.put("app/db", 2)
    deleted = deployment.call("DeleteSecret", SecretId="app/db")
    entry = deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"][0]
    dates = [
        described(deployment)["CreatedDate"],
        described(deployment)["LastChangedDate"],
        described(deployment)["DeletedDate"],
        entry["CreatedDate"],
        entry["LastChangedDate"],
        entry["DeletedDate"],
        versions(deployment)[2]["CreatedDate"],
        deleted["DeletionDate"],
    ]
    assert [f"{date % 1:.6f}" for date in dates] == ["0.678000"] * len(dates)


def test_the_date_of_access_is_a_whole_day_and_absent_before_the_first_read(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    assert "LastAccessedDate" not in described(deployment)
    assert "LastAccessedDate" not in deployment.call("ListSecrets")["SecretList"][0]
    deployment.call("GetSecretValue", SecretId="app/db")
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT
    assert deployment.call("ListSecrets")["SecretList"][0]["LastAccessedDate"] == MIDNIGHT
    deployment.call("GetSecretValue", SecretId="app/db")
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT


def test_each_version_has_its_own_date_of_access(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    deployment.call("GetSecretValue", SecretId="app/db", VersionId=token(1))
    deployment.clock.advance(timedelta(days=1))
    deployment.call("GetSecretValue", SecretId="app/db")
    deployment.clock.advance(timedelta(days=1))
    dates = {number: version.get("LastAccessedDate") for number, version in versions(deployment).items()}
    assert dates == {1: MIDNIGHT, 2: None, 3: MIDNIGHT + DAY}
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT + DAY


def test_a_day_begins_at_midnight_utc(deployment):
    deployment.create()
    deployment.clock.advance_seconds(DAY - START % DAY - 3)
    deployment.call("GetSecretValue", SecretId="app/db")
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT
    deployment.call("GetSecretValue", SecretId="app/db")
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT + DAY


def test_only_a_successful_read_of_a_value_is_an_access(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.call("ListSecretVersionIds", SecretId="app/db")
    deployment.call("CreateSecret", Name="app/db", SecretString=VALUE, ClientRequestToken=token(1))
    for members in ({"VersionId": token(9)}, {"VersionStage": "NOBODYS"}):
        with pytest.raises(Exception, match="can't find"):
            deployment.call("GetSecretValue", SecretId="app/db", **members)
    assert "LastAccessedDate" not in described(deployment)
    assert all("LastAccessedDate" not in version for version in versions(deployment).values())


def test_the_date_of_access_survives_changes(deployment):
    deployment.create()
    deployment.call("GetSecretValue", SecretId="app/db")
    deployment.call("UpdateSecret", SecretId="app/db", Description="d", KmsKeyId=DEFAULT_ALIAS)
    deployment.put("app/db", 2)
    assert described(deployment)["LastAccessedDate"] == MIDNIGHT
    assert versions(deployment)[1]["LastAccessedDate"] == MIDNIGHT


CHANGES = [
    ("UpdateSecret", {}),
    ("UpdateSecret", {"Description": "d"}),
    ("UpdateSecret", {"Description": "d"}),
    ("UpdateSecret", {"SecretString": VALUE, "ClientRequestToken": token(2)}),
    ("PutSecretValue", {"SecretString": VALUE, "ClientRequestToken": token(3)}),
    ("TagResource", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ("UntagResource", {"TagKeys": ["a"]}),
    ("UpdateSecretVersionStage", {"VersionStage": "A", "MoveToVersionId": token(1)}),
    ("DeleteSecret", {}),
    ("RestoreSecret", {}),
]


def test_the_date_of_change_grows_with_every_change_even_within_one_millisecond(deployment):
    deployment.create()
    dates = [described(deployment)["LastChangedDate"]]
    for operation, members in CHANGES:
        deployment.clock.advance_seconds(-2)
        deployment.call(operation, SecretId="app/db", **members)
        dates.append(described(deployment)["LastChangedDate"])
    assert deployment.clock.now() == NOW + timedelta(seconds=2)
    assert dates == sorted(set(dates))
    assert dates[-1] < START + 2.5
    deployment.call("UpdateSecret", SecretId="app/db")
    assert described(deployment)["LastChangedDate"] == START + 3


def test_the_date_of_change_does_not_go_back_with_the_clock(deployment):
    deployment.create()
    before = described(deployment)["LastChangedDate"]
    deployment.clock.advance(timedelta(hours=-1))
    deployment.call("UpdateSecret", SecretId="app/db", Description="d")
    assert described(deployment)["LastChangedDate"] > before


def test_reading_and_describing_are_no_changes(deployment):
    deployment.create()
    before = described(deployment)["LastChangedDate"]
    for operation in ("GetSecretValue", "DescribeSecret", "ListSecretVersionIds"):
        deployment.call(operation, SecretId="app/db")
    deployment.call("ListSecrets")
    assert described(deployment)["LastChangedDate"] == before


def test_the_date_of_creation_is_the_secrets_or_the_versions_own(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.call("UpdateSecret", SecretId="app/db", Description="d")
    assert described(deployment)["CreatedDate"] == START + 1
    assert deployment.call("GetSecretValue", SecretId="app/db")["CreatedDate"] == START + 2
    assert {number: one["CreatedDate"] for number, one in versions(deployment).items()} == {1: START + 1, 2: START + 2}

from __future__ import annotations

from typing import Any

from support.deployment import token
from support.refusals import (
    BOTH_VALUES,
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    refusal,
    token_in_use,
)


def update(deployment, **members: Any):
    return deployment.call("UpdateSecret", SecretId="app/db", **members)


def described(deployment):
    return deployment.call("DescribeSecret", SecretId="app/db")


def test_a_value_becomes_the_current_version_as_with_put(deployment):
    arn = deployment.create("app/db", "one")
    deployment.put("app/db", 2, "two", "AWSCURRENT", "K")
    deployment.put("app/db", 3, "three", "AWSPENDING")
    answer = update(deployment, SecretString="four", ClientRequestToken=token(4))
    assert answer == {"ARN": arn, "Name": "app/db", "VersionId": token(4)}
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS", "K"}, token(4): {"AWSCURRENT"}}
    update(deployment, SecretBinary=b"\x00five", ClientRequestToken=token(5))
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretBinary"] == "AGZpdmU="


def test_without_a_value_there_is_no_version_and_no_label_moves(deployment):
    arn = deployment.create()
    deployment.put("app/db", 2, "v", "AWSPENDING")
    before = deployment.stages("app/db")
    assert update(deployment) == {"ARN": arn, "Name": "app/db"}
    assert update(deployment, ClientRequestToken=token(3)) == {"ARN": arn, "Name": "app/db"}
    assert update(deployment, Description="d", ClientRequestToken=token(3)) == {"ARN": arn, "Name": "app/db"}
    assert deployment.stages("app/db") == before


def test_the_first_value_of_a_secret_without_one(deployment):
    deployment.create("app/db", None)
    assert update(deployment, SecretString="v", ClientRequestToken=token(1))["VersionId"] == token(1)
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_an_absent_member_stays_and_an_empty_description_is_cleared(deployment):
    deployment.create(Description="old", Tags=[{"Key": "a", "Value": "b"}])
    update(deployment)
    assert described(deployment)["Description"] == "old"
    update(deployment, Description="new")
    assert described(deployment)["Description"] == "new"
    update(deployment, SecretString="v", ClientRequestToken=token(2))
    assert described(deployment)["Description"] == "new"
    update(deployment, Description="")
    assert "Description" not in described(deployment)
    assert described(deployment)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_null_member_is_an_absent_one(deployment):
    deployment.create(Description="old")
    update(deployment, Description=None, KmsKeyId=None, SecretString=None, ClientRequestToken=None)
    assert described(deployment)["Description"] == "old"


def test_name_and_tags_are_not_members(deployment):
    deployment.create()
    update(deployment, Name="other", Tags=[{"Key": "a", "Value": "b"}])
    assert described(deployment)["Name"] == "app/db"
    assert "Tags" not in described(deployment)


def test_the_same_token_and_value_repeat_the_answer_and_make_no_version(deployment):
    deployment.create("app/db", "one")
    first = update(deployment, SecretString="two", ClientRequestToken=token(2))
    deployment.put("app/db", 3, "three")
    before = described(deployment)
    assert update(deployment, SecretString="two", ClientRequestToken=token(2)) == first
    assert described(deployment) == before
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}


def test_a_token_in_use_for_another_value_is_refused_and_nothing_changes(deployment):
    arn = deployment.create("app/db", "one", Description="old")
    before = described(deployment)
    members = {"SecretId": arn, "ClientRequestToken": token(1), "Description": "new"}
    assert refusal(deployment, "UpdateSecret", **members, SecretString="two") == token_in_use(token(1), arn)
    assert refusal(deployment, "UpdateSecret", **members, SecretBinary=b"one") == token_in_use(token(1), arn)
    assert described(deployment) == before


def test_an_identical_value_under_a_new_token_is_a_new_version(deployment):
    deployment.create("app/db", "same")
    before = described(deployment)["LastChangedDate"]
    update(deployment, SecretString="same", ClientRequestToken=token(2))
    assert deployment.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT"}}
    assert described(deployment)["LastChangedDate"] > before


def test_a_value_needs_a_token_and_is_text_or_bytes(deployment):
    deployment.create()
    assert refusal(deployment, "UpdateSecret", SecretId="app/db", SecretString="v") == TOKEN_MISSING
    assert refusal(deployment, "UpdateSecret", SecretId="app/db", SecretBinary=b"v") == TOKEN_MISSING
    both = {"SecretString": "v", "SecretBinary": b"v", "ClientRequestToken": token(2)}
    assert refusal(deployment, "UpdateSecret", SecretId="app/db", **both) == BOTH_VALUES


def test_the_secret_must_exist_and_not_be_scheduled(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    for members in ({}, {"Description": "d"}, {"SecretString": "v", "ClientRequestToken": token(2)}):
        assert refusal(deployment, "UpdateSecret", SecretId="absent", **members) == SECRET_NOT_FOUND
        assert refusal(deployment, "UpdateSecret", SecretId="app/db", **members) == MARKED_FOR_DELETION


def test_an_absent_type_stays_and_an_empty_one_clears_it(deployment):
    deployment.create()
    update(deployment, Type="SalesforceClientSecret")
    update(deployment, Description="d")
    assert described(deployment)["Type"] == "SalesforceClientSecret"
    assert "VersionId" not in update(deployment, Type="PaddleApiKey")
    assert described(deployment)["Type"] == "PaddleApiKey"
    update(deployment, Type="")
    assert "Type" not in described(deployment)

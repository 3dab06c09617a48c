"""Access keys: made, shown once, disabled, deleted, and when they were last used."""

from __future__ import annotations

import json

import pytest

from strongroom.errors import AccessDeniedException, InvalidInput, LimitExceeded, NoSuchEntity, ValidationException
from strongroom.storage.base import KeyUse
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION
from support.iam import TRUST_ACCOUNT, allow, document


def keys(iam, **members: str) -> list[str]:
    return [key["AccessKeyId"] for key in iam("ListAccessKeys", **members)["AccessKeyMetadata"]]


def test_a_key_is_made_for_its_user_and_works(iam):
    user = iam("CreateUser", UserName="alice", Path="/a/")["User"]
    made = iam("CreateAccessKey", UserName="ALICE")["AccessKey"]
    assert (made["UserName"], made["Status"], len(made["SecretAccessKey"])) == ("alice", "Active", 40)
    found = iam.deployment.node.companions.access_keys.find_active(made["AccessKeyId"])
    assert found.principal.arn == user["Arn"]
    assert found.principal.principal_id == user["UserId"]
    [listed] = iam("ListAccessKeys", UserName="alice")["AccessKeyMetadata"]
    assert listed == {name: value for name, value in made.items() if name != "SecretAccessKey"}


def test_the_secret_is_on_no_record(iam):
    iam("CreateUser", UserName="alice")
    made = iam("CreateAccessKey", UserName="alice")["AccessKey"]
    record = iam.deployment.trail()[-1]
    assert record["eventName"] == "CreateAccessKey"
    assert record["eventSource"] == "iam.amazonaws.com"
    shown = record["responseElements"]["accessKey"]
    assert (shown["accessKeyId"], shown["userName"], shown["status"]) == (made["AccessKeyId"], "alice", "Active")
    assert made["SecretAccessKey"] not in json.dumps(iam.deployment.trail())


def test_a_user_has_two_keys_at_most(iam):
    iam("CreateUser", UserName="alice")
    first = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    second = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    iam("UpdateAccessKey", UserName="alice", AccessKeyId=first, Status="Inactive")
    with pytest.raises(LimitExceeded, match=r"^Cannot exceed quota for AccessKeysPerUser: 2$"):
        iam("CreateAccessKey", UserName="alice")
    iam("DeleteAccessKey", UserName="alice", AccessKeyId=first)
    assert keys(iam, UserName="alice") == [second]


def test_a_disabled_key_is_not_found_until_it_is_enabled(iam):
    find = iam.deployment.node.companions.access_keys.find_active
    iam("CreateUser", UserName="alice")
    key_id = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    iam("UpdateAccessKey", UserName="alice", AccessKeyId=key_id, Status="Inactive")
    assert find(key_id) is None
    assert iam("ListAccessKeys", UserName="alice")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    iam("UpdateAccessKey", UserName="alice", AccessKeyId=key_id, Status="Active")
    assert find(key_id) is not None
    with pytest.raises(InvalidInput):
        iam("UpdateAccessKey", UserName="alice", AccessKeyId=key_id, Status="Expired")
    with pytest.raises(ValidationException):
        iam("UpdateAccessKey", UserName="alice", AccessKeyId=key_id, Status="Off")


def test_a_key_is_changed_under_its_users_name_only(iam):
    for name in ("alice", "bob"):
        iam("CreateUser", UserName=name)
    key_id = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    sentence = f"^The Access Key with id {key_id} cannot be found.$"
    for members in ({"UserName": "bob"}, {}):
        with pytest.raises(NoSuchEntity, match=sentence):
            iam("DeleteAccessKey", AccessKeyId=key_id, **members)
        with pytest.raises(NoSuchEntity, match=sentence):
            iam("UpdateAccessKey", AccessKeyId=key_id, Status="Inactive", **members)
    assert keys(iam, UserName="alice") == [key_id]


def test_a_user_rotates_its_own_keys(iam):
    alice = iam.user("alice", Path="/a/")
    iam("CreateUser", UserName="bob")
    own = f"arn:aws:iam::{ACCOUNT_ID}:user/a/${{aws:username}}"
    policy = document(allow("iam:*AccessKey*", own))
    iam("PutUserPolicy", UserName="alice", PolicyName="own-keys", PolicyDocument=policy)
    first = alice("CreateAccessKey")["AccessKey"]
    assert first["UserName"] == "alice"
    assert keys(alice) == keys(alice, UserName="alice") == [first["AccessKeyId"]]
    assert alice("GetAccessKeyLastUsed", AccessKeyId=first["AccessKeyId"])["UserName"] == "alice"
    alice("UpdateAccessKey", AccessKeyId=first["AccessKeyId"], Status="Inactive")
    alice("DeleteAccessKey", AccessKeyId=first["AccessKeyId"])
    with pytest.raises(AccessDeniedException):
        alice("CreateAccessKey", UserName="bob")


def test_the_root_has_keys_of_its_own(iam):
    present = keys(iam)
    made = iam("CreateAccessKey")["AccessKey"]
    assert "UserName" not in made
    assert set(keys(iam)) == {*present, made["AccessKeyId"]}
    with pytest.raises(LimitExceeded):
        iam("CreateAccessKey")
    iam("DeleteAccessKey", AccessKeyId=made["AccessKeyId"])
    assert made["AccessKeyId"] not in keys(iam)


def test_a_session_has_no_keys(iam):
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("PutRolePolicy", RoleName="deploy", PolicyName="p", PolicyDocument=document(allow("iam:*")))
    with pytest.raises(ValidationException, match="Must specify userName"):
        iam.as_role("deploy")("CreateAccessKey")


def test_when_a_key_was_last_used_is_told(iam):
    iam("CreateUser", UserName="alice")
    key_id = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    never = {"ServiceName": "N/A", "Region": "N/A"}
    assert iam("GetAccessKeyLastUsed", AccessKeyId=key_id) == {"UserName": "alice", "AccessKeyLastUsed": never}
    use = KeyUse(NOW, REGION, "secretsmanager")
    iam.deployment.node.storage.write(lambda tx: tx.identities.record_key_uses({key_id: use}))
    told = iam("GetAccessKeyLastUsed", AccessKeyId=key_id)["AccessKeyLastUsed"]
    assert told == {"LastUsedDate": NOW.replace(microsecond=0), "ServiceName": "secretsmanager", "Region": REGION}
    with pytest.raises(NoSuchEntity):
        iam("GetAccessKeyLastUsed", AccessKeyId="AKIAUNKNOWNUNKNOWN22")


def test_the_use_of_others_keys_is_told_to_who_may_ask(iam):
    asker = iam.user("asker")
    iam("CreateUser", UserName="alice")
    iam("CreateUser", UserName="bob")
    ids = {name: iam("CreateAccessKey", UserName=name)["AccessKey"]["AccessKeyId"] for name in ("alice", "bob")}
    policy = document(allow("iam:GetAccessKeyLastUsed", f"arn:aws:iam::{ACCOUNT_ID}:user/alice"))
    iam("PutUserPolicy", UserName="asker", PolicyName="p", PolicyDocument=policy)
    assert asker("GetAccessKeyLastUsed", AccessKeyId=ids["alice"])["UserName"] == "alice"
    for key_id in (ids["bob"], "AKIAUNKNOWNUNKNOWN22"):
        with pytest.raises(AccessDeniedException):
            asker("GetAccessKeyLastUsed", AccessKeyId=key_id)


def test_the_keys_of_another_account_are_out_of_sight(iam):
    stranger = iam.deployment.elsewhere(account_id="210987654321").caller().principal
    iam("CreateUser", UserName="alice")
    key_id = iam("CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    with pytest.raises(NoSuchEntity):
        type(iam)(iam.deployment, stranger)("GetAccessKeyLastUsed", AccessKeyId=key_id)

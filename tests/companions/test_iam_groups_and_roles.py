"""Groups and their members; roles and whom they trust."""

from __future__ import annotations

import json

import pytest

from strongroom.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    ValidationException,
)
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, document, policy_arn, trust


def test_a_group_is_told_with_its_members_in_pages(iam):
    made = iam("CreateGroup", GroupName="staff", Path="/dept/")["Group"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:group/dept/staff"
    assert made["GroupId"].startswith("AGPA")
    for name in ("carol", "Bob", "alice"):
        iam("CreateUser", UserName=name)
        iam("AddUserToGroup", GroupName="staff", UserName=name)
    iam("AddUserToGroup", GroupName="staff", UserName="alice")
    pages = iam.pages("GetGroup", "Users", 2, GroupName="staff")
    assert [[user["UserName"] for user in page] for page in pages] == [["alice", "Bob"], ["carol"]]
    assert iam("GetGroup", GroupName="staff")["Group"] == made
    assert [group["GroupName"] for group in iam("ListGroupsForUser", UserName="bob")["Groups"]] == ["staff"]
    assert [group["GroupName"] for group in iam("ListGroups", PathPrefix="/dept/")["Groups"]] == ["staff"]
    assert iam("ListGroups", PathPrefix="/other/")["Groups"] == []


def test_members_are_removed_also_those_that_are_none(iam):
    iam("CreateGroup", GroupName="staff")
    iam("CreateUser", UserName="alice")
    iam("RemoveUserFromGroup", GroupName="staff", UserName="alice")
    iam("AddUserToGroup", GroupName="staff", UserName="alice")
    iam("RemoveUserFromGroup", GroupName="staff", UserName="alice")
    assert iam("GetGroup", GroupName="staff")["Users"] == []
    with pytest.raises(NoSuchEntity, match=r"The group with name none cannot be found."):
        iam("AddUserToGroup", GroupName="none", UserName="alice")


def test_a_user_is_in_ten_groups_at_most(iam):
    iam("CreateUser", UserName="alice")
    for number in range(11):
        iam("CreateGroup", GroupName=f"g{number}")
    for number in range(10):
        iam("AddUserToGroup", GroupName=f"g{number}", UserName="alice")
    with pytest.raises(LimitExceeded, match=r"^Cannot exceed quota for GroupsPerUser: 10$"):
        iam("AddUserToGroup", GroupName="g10", UserName="alice")


def test_a_renamed_group_keeps_its_members_and_policies(iam):
    iam("CreateGroup", GroupName="staff")
    iam("CreateGroup", GroupName="other")
    iam("CreateUser", UserName="alice")
    iam("AddUserToGroup", GroupName="staff", UserName="alice")
    iam("PutGroupPolicy", GroupName="staff", PolicyName="p", PolicyDocument=READ_ALL)
    iam("UpdateGroup", GroupName="staff", NewGroupName="crew", NewPath="/a/")
    assert [user["UserName"] for user in iam("GetGroup", GroupName="crew")["Users"]] == ["alice"]
    assert iam("ListGroupPolicies", GroupName="crew")["PolicyNames"] == ["p"]
    with pytest.raises(EntityAlreadyExists, match=r"Group with name OTHER already exists."):
        iam("UpdateGroup", GroupName="crew", NewGroupName="OTHER")


def test_a_group_that_still_has_something_is_not_deleted(iam):
    arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    iam("CreateUser", UserName="alice")
    iam("CreateGroup", GroupName="staff")
    iam("AttachGroupPolicy", GroupName="staff", PolicyArn=arn)
    iam("PutGroupPolicy", GroupName="staff", PolicyName="p", PolicyDocument=READ_ALL)
    iam("AddUserToGroup", GroupName="staff", UserName="alice")
    for sentence, name, members in (
        ("must detach all policies first.", "DetachGroupPolicy", {"PolicyArn": arn}),
        ("must delete policies first.", "DeleteGroupPolicy", {"PolicyName": "p"}),
        ("must remove users from group first.", "RemoveUserFromGroup", {"UserName": "alice"}),
    ):
        with pytest.raises(DeleteConflict, match=sentence):
            iam("DeleteGroup", GroupName="staff")
        iam(name, GroupName="staff", **members)
    iam("DeleteGroup", GroupName="staff")
    assert iam("ListGroups")["Groups"] == []


def test_a_role_tells_of_itself_what_the_operation_tells(iam):
    made = iam(
        "CreateRole",
        RoleName="deploy",
        Path="/ci/",
        AssumeRolePolicyDocument=TRUST_ACCOUNT,
        Description="ships",
        MaxSessionDuration=7_200,
        Tags=[{"Key": "k", "Value": "v"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/ci/deploy"
    assert made["RoleId"].startswith("AROA")
    assert "MaxSessionDuration" not in made
    shown = iam("GetRole", RoleName="deploy")["Role"]
    assert shown == made | {"MaxSessionDuration": 7_200, "RoleLastUsed": {}}
    assert shown["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT)
    [listed] = iam("ListRoles", PathPrefix="/ci/")["Roles"]
    assert listed == {name: value for name, value in shown.items() if name not in ("Tags", "RoleLastUsed")}
    assert iam("ListInstanceProfilesForRole", RoleName="deploy")["InstanceProfiles"] == []


def test_a_role_is_changed(iam):
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("UpdateRole", RoleName="deploy", MaxSessionDuration=3_601)
    iam("UpdateRole", RoleName="deploy", Description="first")
    assert iam("UpdateRoleDescription", RoleName="deploy", Description="second")["Role"]["Description"] == "second"
    shown = iam("GetRole", RoleName="deploy")["Role"]
    assert (shown["MaxSessionDuration"], shown["Description"]) == (3_601, "second")
    with pytest.raises(EntityAlreadyExists, match=r"^Role with name DEPLOY already exists.$"):
        iam("CreateRole", RoleName="DEPLOY", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    with pytest.raises(ValidationException):
        iam("UpdateRole", RoleName="deploy", MaxSessionDuration=60)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("no json", "This policy contains invalid Json"),
        (trust(f"arn:aws:iam::{ACCOUNT_ID}:user/nobody"), "Invalid principal in policy"),
        (trust("arn:aws:iam::999999999999:root"), "Invalid principal in policy"),
        (READ_ALL, "Missing required field Principal"),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(iam, policy, sentence):
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    with pytest.raises(MalformedPolicyDocument, match=sentence):
        iam("CreateRole", RoleName="other", AssumeRolePolicyDocument=policy)
    with pytest.raises(MalformedPolicyDocument, match=sentence):
        iam("UpdateAssumeRolePolicy", RoleName="deploy", PolicyDocument=policy)
    assert iam("GetRole", RoleName="deploy")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT)


def test_a_trust_policy_has_2048_characters_without_white_space(iam):
    fits = TRUST_ACCOUNT + " " * 4_000
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=fits)
    long = json.loads(TRUST_ACCOUNT)
    long["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "x" * 2_000}}
    with pytest.raises(LimitExceeded, match=r"^Cannot exceed quota for ACLSizePerRole: 2048$"):
        iam("UpdateAssumeRolePolicy", RoleName="deploy", PolicyDocument=json.dumps(long))


def test_a_trusted_principal_is_shown_by_its_arn_of_today_or_by_its_id(iam):
    alice = iam("CreateUser", UserName="alice")["User"]
    bob = iam("CreateUser", UserName="bob")["User"]
    iam("CreateRole", RoleName="one", AssumeRolePolicyDocument=trust(alice["Arn"]))
    iam("CreateRole", RoleName="both", AssumeRolePolicyDocument=trust(alice["Arn"], bob["Arn"]))
    iam("UpdateUser", UserName="bob", NewUserName="robert")
    iam("DeleteUser", UserName="alice")
    iam("CreateUser", UserName="alice")

    def trusted(name):
        return iam("GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]

    assert trusted("one") == alice["UserId"]
    assert trusted("both") == [alice["UserId"], f"arn:aws:iam::{ACCOUNT_ID}:user/robert"]


def test_a_role_trusts_providers_that_are_there(iam):
    arn = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/oidc.example.com"
    policy = document({"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"})
    with pytest.raises(MalformedPolicyDocument):
        iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=policy)
    iam("CreateOpenIDConnectProvider", Url="https://oidc.example.com")
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=policy)


def test_a_role_that_still_has_policies_is_not_deleted(iam):
    arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("AttachRolePolicy", RoleName="deploy", PolicyArn=arn)
    iam("PutRolePolicy", RoleName="deploy", PolicyName="p", PolicyDocument=READ_ALL)
    for sentence, name, members in (
        ("must detach all policies first.", "DetachRolePolicy", {"PolicyArn": arn}),
        ("must delete policies first.", "DeleteRolePolicy", {"PolicyName": "p"}),
    ):
        with pytest.raises(DeleteConflict, match=sentence):
            iam("DeleteRole", RoleName="deploy")
        iam(name, RoleName="deploy", **members)
    iam("DeleteRole", RoleName="deploy")
    with pytest.raises(NoSuchEntity, match=r"^The role with name deploy cannot be found.$"):
        iam("GetRole", RoleName="deploy")


def test_a_role_has_a_boundary_and_tags(iam):
    iam("CreatePolicy", PolicyName="limit", PolicyDocument=READ_ALL)
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("PutRolePermissionsBoundary", RoleName="deploy", PermissionsBoundary=policy_arn("limit"))
    iam("TagRole", RoleName="deploy", Tags=[{"Key": "a", "Value": "1"}])
    shown = iam("GetRole", RoleName="deploy")["Role"]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("limit")
    assert shown["Tags"] == iam("ListRoleTags", RoleName="deploy")["Tags"] == [{"Key": "a", "Value": "1"}]
    iam("UntagRole", RoleName="deploy", TagKeys=["A"])
    iam("DeleteRolePermissionsBoundary", RoleName="deploy")
    assert not {"PermissionsBoundary", "Tags"} & iam("GetRole", RoleName="deploy")["Role"].keys()

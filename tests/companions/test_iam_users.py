"""Users: their life, their names, who they are to themselves."""

from __future__ import annotations

import pytest

from strongroom.errors import (
    AccessDeniedException,
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
    ValidationException,
)
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, Iam, allow, deny, document, policy_arn


def test_a_user_is_told_as_it_was_made(iam):
    made = iam("CreateUser", UserName="alice", Path="/people/", Tags=[{"Key": "team", "Value": "Grüße"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/people/alice"
    assert made["UserId"].startswith("AIDA")
    assert len(made["UserId"]) == 21
    assert made["Tags"] == [{"Key": "team", "Value": "Grüße"}]
    assert made["CreateDate"] == iam.deployment.clock.now().replace(microsecond=0)
    assert iam("GetUser", UserName="alice")["User"] == made
    assert iam("GetUser", UserName="ALICE")["User"] == made


def test_names_differ_in_more_than_their_case(iam):
    iam("CreateUser", UserName="alice")
    with pytest.raises(EntityAlreadyExists, match=r"^User with name Alice already exists.$"):
        iam("CreateUser", UserName="Alice")


def test_a_user_made_again_is_another_one(iam):
    first = iam("CreateUser", UserName="alice")["User"]["UserId"]
    iam("DeleteUser", UserName="alice")
    assert iam("CreateUser", UserName="alice")["User"]["UserId"] != first


def test_an_unknown_user_is_not_found(iam):
    with pytest.raises(NoSuchEntity, match=r"^The user with name bob cannot be found.$"):
        iam("GetUser", UserName="bob")


def test_without_a_name_the_caller_is_meant(iam):
    assert iam("GetUser")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:root"
    alice = iam.user("alice")
    iam("PutUserPolicy", UserName="alice", PolicyName="p", PolicyDocument=document(allow("iam:GetUser")))
    assert alice("GetUser")["User"]["UserName"] == "alice"


def test_a_role_is_no_user_to_itself(iam):
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("PutRolePolicy", RoleName="deploy", PolicyName="p", PolicyDocument=document(allow("iam:*")))
    with pytest.raises(ValidationException, match="Must specify userName when calling with non-User credentials"):
        iam.as_role("deploy")("GetUser")


def test_users_are_listed_by_name_and_path_in_pages(iam):
    for name, path in (("bob", "/a/"), ("Alice", "/a/b/"), ("carol", "/"), ("dave", "/a/")):
        iam("CreateUser", UserName=name, Path=path, Tags=[{"Key": "k", "Value": "v"}])
    pages = iam.pages("ListUsers", "Users", 2, PathPrefix="/a/")
    assert [[user["UserName"] for user in page] for page in pages] == [["Alice", "bob"], ["dave"]]
    assert "Tags" not in pages[0][0]


def test_a_marker_is_as_short_as_a_request_may_hold(iam):
    for name in ("a" * 64, "b"):
        iam("CreateUser", UserName=name)
        iam("CreateGroup", GroupName=name * (128 // len(name)))
        iam("CreatePolicy", PolicyName=name * (128 // len(name)), PolicyDocument=READ_ALL)
    for listing in ("ListUsers", "ListGroups", "ListPolicies", "GetAccountAuthorizationDetails"):
        answer = iam(listing, MaxItems=1)
        assert len(answer["Marker"]) <= 320
        iam(listing, Marker=answer["Marker"])


def test_a_page_follows_the_last_name_even_if_it_is_gone(iam):
    for name in ("a", "b", "c"):
        iam("CreateUser", UserName=name)
    marker = iam("ListUsers", MaxItems=2)["Marker"]
    iam("DeleteUser", UserName="b")
    assert [user["UserName"] for user in iam("ListUsers", Marker=marker)["Users"]] == ["c"]


@pytest.mark.parametrize("other", [{"PathPrefix": "/x/"}, {"Marker": "made up"}])
def test_a_marker_of_another_list_is_refused(iam, other):
    for name in ("a", "b"):
        iam("CreateUser", UserName=name)
    marker = iam("ListUsers", MaxItems=1)["Marker"]
    with pytest.raises(ValidationException):
        iam("ListUsers", **({"Marker": marker} | other))


def test_a_renamed_user_keeps_its_id_keys_and_policies(iam):
    made = iam("CreateUser", UserName="alice")["User"]
    key = iam("CreateAccessKey", UserName="alice")["AccessKey"]
    iam("PutUserPolicy", UserName="alice", PolicyName="p", PolicyDocument=READ_ALL)
    iam("UpdateUser", UserName="alice", NewUserName="Alicia", NewPath="/people/")
    renamed = iam("GetUser", UserName="Alicia")["User"]
    assert renamed["UserId"] == made["UserId"]
    assert renamed["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/people/Alicia"
    assert iam("ListUserPolicies", UserName="Alicia")["PolicyNames"] == ["p"]
    [shown] = iam("ListAccessKeys", UserName="Alicia")["AccessKeyMetadata"]
    assert shown["AccessKeyId"] == key["AccessKeyId"]
    found = iam.deployment.node.companions.access_keys.find_active(key["AccessKeyId"])
    assert found.principal.arn == renamed["Arn"]
    with pytest.raises(NoSuchEntity):
        iam("GetUser", UserName="alice")


def test_a_name_that_is_taken_is_not_given_but_its_case_may_change(iam):
    iam("CreateUser", UserName="alice")
    iam("CreateUser", UserName="bob")
    with pytest.raises(EntityAlreadyExists):
        iam("UpdateUser", UserName="alice", NewUserName="BOB")
    iam("UpdateUser", UserName="alice", NewUserName="ALICE")
    assert iam("GetUser", UserName="alice")["User"]["UserName"] == "ALICE"


def test_renaming_must_be_allowed_for_the_new_name_too(iam):
    caller = iam.user("renamer")
    iam("CreateUser", UserName="tmp-1")
    statement = allow("iam:UpdateUser", f"arn:aws:iam::{ACCOUNT_ID}:user/tmp-*")
    iam("PutUserPolicy", UserName="renamer", PolicyName="p", PolicyDocument=document(statement))
    caller("UpdateUser", UserName="tmp-1", NewUserName="tmp-2")
    with pytest.raises(AccessDeniedException, match="on resource: user admin"):
        caller("UpdateUser", UserName="tmp-2", NewUserName="admin")


@pytest.mark.parametrize(
    ("give", "take", "sentence"),
    [
        (
            ("AttachUserPolicy", {"PolicyArn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}),
            "DetachUserPolicy",
            "Cannot delete entity, must detach all policies first.",
        ),
        (
            ("PutUserPolicy", {"PolicyName": "p", "PolicyDocument": READ_ALL}),
            "DeleteUserPolicy",
            "Cannot delete entity, must delete policies first.",
        ),
        (
            ("AddUserToGroup", {"GroupName": "staff"}),
            "RemoveUserFromGroup",
            "Cannot delete entity, must remove users from group first.",
        ),
        (("CreateAccessKey", {}), "DeleteAccessKey", "Cannot delete entity, must delete access keys first."),
    ],
)
def test_a_user_that_still_has_something_is_not_deleted(iam, give, take, sentence):
    iam("CreateGroup", GroupName="staff")
    iam("CreateUser", UserName="alice")
    given = iam(give[0], UserName="alice", **give[1])
    with pytest.raises(DeleteConflict) as refusal:
        iam("DeleteUser", UserName="alice")
    assert refusal.value.message == sentence
    members = {name: value for name, value in give[1].items() if name != "PolicyDocument"}
    if "AccessKey" in given:
        members = {"AccessKeyId": given["AccessKey"]["AccessKeyId"]}
    iam(take, UserName="alice", **members)
    iam("DeleteUser", UserName="alice")
    assert iam("ListUsers")["Users"] == []


def test_a_policy_about_a_path_holds_for_a_user_named_without_it(iam):
    caller = iam.user("helpdesk")
    iam("CreateUser", UserName="boss", Path="/admins/")
    iam("CreateUser", UserName="clerk")
    statements = allow("iam:*"), deny("iam:DeleteUser", f"arn:aws:iam::{ACCOUNT_ID}:user/admins/*")
    iam("PutUserPolicy", UserName="helpdesk", PolicyName="p", PolicyDocument=document(*statements))
    with pytest.raises(AccessDeniedException, match="explicit deny"):
        caller("DeleteUser", UserName="boss")
    caller("DeleteUser", UserName="clerk")


def test_who_may_create_below_a_path_may_not_elsewhere(iam):
    caller = iam.user("helpdesk")
    iam("CreateUser", UserName="taken", Path="/admins/")
    statement = allow("iam:CreateUser", f"arn:aws:iam::{ACCOUNT_ID}:user/clerks/*")
    iam("PutUserPolicy", UserName="helpdesk", PolicyName="p", PolicyDocument=document(statement))
    caller("CreateUser", UserName="clerk", Path="/clerks/")
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/admins/clerk2"
    with pytest.raises(AccessDeniedException, match=f"iam:CreateUser on resource: {arn} because"):
        caller("CreateUser", UserName="clerk2", Path="/admins/")
    with pytest.raises(EntityAlreadyExists):
        caller("CreateUser", UserName="taken", Path="/clerks/")


def test_renaming_by_tags_is_about_the_same_user(iam):
    caller = iam.user("helpdesk")
    iam("CreateUser", UserName="clerk", Tags=[{"Key": "team", "Value": "blue"}])
    statement = allow("iam:UpdateUser", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})
    iam("PutUserPolicy", UserName="helpdesk", PolicyName="p", PolicyDocument=document(statement))
    caller("UpdateUser", UserName="clerk", NewPath="/clerks/")


def test_a_policy_about_tags_of_users_holds(iam):
    caller = iam.user("helpdesk")
    iam("CreateUser", UserName="clerk", Tags=[{"Key": "team", "Value": "blue"}])
    iam("CreateUser", UserName="boss", Tags=[{"Key": "team", "Value": "red"}])
    condition = {"StringEquals": {"aws:ResourceTag/team": "blue", "iam:ResourceTag/team": "blue"}}
    statement = allow("iam:DeleteUser", Condition=condition)
    iam("PutUserPolicy", UserName="helpdesk", PolicyName="p", PolicyDocument=document(statement))
    caller("DeleteUser", UserName="clerk")
    with pytest.raises(AccessDeniedException):
        caller("DeleteUser", UserName="boss")


def test_who_is_not_allowed_learns_nothing_of_what_exists(iam):
    caller = iam.user("nobody")
    for name in ("nobody", "unknown"):
        with pytest.raises(AccessDeniedException) as refusal:
            caller("GetUser", UserName=name)
        assert f"is not authorized to perform: iam:GetUser on resource: user {name} because" in refusal.value.message


def test_tags_of_users_are_the_same_in_any_case(iam):
    iam("CreateUser", UserName="alice", Tags=[{"Key": "Team", "Value": "a"}, {"Key": "b", "Value": ""}])
    iam("TagUser", UserName="alice", Tags=[{"Key": "TEAM", "Value": "z"}])
    tags = [{"Key": "TEAM", "Value": "z"}, {"Key": "b", "Value": ""}]
    assert iam("ListUserTags", UserName="alice")["Tags"] == tags
    assert iam.pages("ListUserTags", "Tags", 1, UserName="alice") == [[tags[0]], [tags[1]]]
    iam("UntagUser", UserName="alice", TagKeys=["team", "unknown"])
    assert iam("ListUserTags", UserName="alice")["Tags"] == tags[1:]
    with pytest.raises(InvalidInput, match="Duplicate tag keys found"):
        iam("TagUser", UserName="alice", Tags=[{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}])
    with pytest.raises(InvalidInput, match="reserved"):
        iam("TagUser", UserName="alice", Tags=[{"Key": "AWS:x", "Value": "1"}])


def test_a_user_has_fifty_tags_at_most(iam):
    iam("CreateUser", UserName="alice", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])
    iam("TagUser", UserName="alice", Tags=[{"Key": "k1", "Value": "new"}])
    with pytest.raises(LimitExceeded):
        iam("TagUser", UserName="alice", Tags=[{"Key": "another", "Value": ""}])


def test_a_boundary_is_a_policy_that_is_there(iam):
    iam("CreatePolicy", PolicyName="limit", PolicyDocument=READ_ALL)
    iam("CreateUser", UserName="alice", PermissionsBoundary=policy_arn("limit"))
    shown = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": policy_arn("limit")}
    assert iam("GetUser", UserName="alice")["User"]["PermissionsBoundary"] == shown
    assert iam("GetPolicy", PolicyArn=policy_arn("limit"))["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with pytest.raises(DeleteConflict, match=r"Cannot delete a policy attached to entities."):
        iam("DeletePolicy", PolicyArn=policy_arn("limit"))
    with pytest.raises(NoSuchEntity, match=r"Scope ARN: .* does not exist or is not attachable."):
        iam("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=policy_arn("other"))
    with pytest.raises(ValidationException, match="PermissionsBoundary is invalid"):
        iam("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary="x" * 20)
    iam("DeleteUserPermissionsBoundary", UserName="alice")
    assert "PermissionsBoundary" not in iam("GetUser", UserName="alice")["User"]


def test_somebody_may_hand_out_permissions_within_a_boundary_only(iam):
    iam("CreatePolicy", PolicyName="limit", PolicyDocument=READ_ALL)
    delegate = iam.user("delegate")
    condition = {"StringEquals": {"iam:PermissionsBoundary": policy_arn("limit")}}
    statement = allow(["iam:CreateUser", "iam:PutUserPolicy"], Condition=condition)
    iam("PutUserPolicy", UserName="delegate", PolicyName="p", PolicyDocument=document(statement))
    with pytest.raises(AccessDeniedException):
        delegate("CreateUser", UserName="new")
    delegate("CreateUser", UserName="new", PermissionsBoundary=policy_arn("limit"))
    delegate("PutUserPolicy", UserName="new", PolicyName="p", PolicyDocument=READ_ALL)
    iam("DeleteUserPermissionsBoundary", UserName="new")
    with pytest.raises(AccessDeniedException):
        delegate("PutUserPolicy", UserName="new", PolicyName="p", PolicyDocument=document(allow("*")))


def test_what_does_not_exist_here_is_told_so(iam):
    iam("CreateUser", UserName="alice")
    for name, member in (
        ("ListMFADevices", "MFADevices"),
        ("ListSigningCertificates", "Certificates"),
        ("ListSSHPublicKeys", "SSHPublicKeys"),
        ("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
    ):
        assert iam(name, UserName="alice") == {member: [], "IsTruncated": False}
        with pytest.raises(NoSuchEntity):
            iam(name, UserName="bob")
    assert iam("ListVirtualMFADevices", AssignmentStatus="Any")["VirtualMFADevices"] == []
    assert iam("ListAccountAliases")["AccountAliases"] == []
    with pytest.raises(NoSuchEntity, match=r"Login Profile for User alice cannot be found."):
        iam("GetLoginProfile", UserName="alice")


def test_a_user_of_another_account_is_out_of_sight(iam):
    iam("CreateUser", UserName="alice")
    stranger = iam.deployment.elsewhere(account_id="210987654321").caller().principal
    with pytest.raises(NoSuchEntity):
        Iam(iam.deployment, stranger)("GetUser", UserName="alice")

"""Managed policies, their versions and who has them; inline policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.errors import (
    AccessDeniedException,
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    ValidationException,
)
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, allow, document, policy_arn

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
KINDS = ("User", "Group", "Role")


@pytest.fixture(params=KINDS)
def holder(request, iam):
    """One of each kind, as (kind, members that name it)."""
    kind = request.param
    iam(f"Create{kind}", **named(kind), **({"AssumeRolePolicyDocument": TRUST_ACCOUNT} if kind == "Role" else {}))
    return kind, named(kind)


def named(kind: str) -> dict[str, str]:
    return {f"{kind}Name": "holder"}


def test_a_policy_is_told_as_it_was_made(iam):
    tags = [{"Key": "k", "Value": "v"}]
    made = iam("CreatePolicy", PolicyName="read", Path="/a/", PolicyDocument=READ_ALL, Description="reads", Tags=tags)[
        "Policy"
    ]
    assert made["Arn"] == policy_arn("read", "/a/")
    assert made["PolicyId"].startswith("ANPA")
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["IsAttachable"]) == ("v1", 0, True)
    shown = iam("GetPolicy", PolicyArn=made["Arn"])["Policy"]
    assert shown == made | {"Description": "reads", "Tags": tags}
    assert iam("GetPolicyVersion", PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]["Document"] == json.loads(
        READ_ALL
    )


def test_a_policy_name_is_taken_whatever_its_path_and_case(iam):
    iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)
    with pytest.raises(EntityAlreadyExists) as refusal:
        iam("CreatePolicy", PolicyName="READ", Path="/a/", PolicyDocument=READ_ALL)
    assert refusal.value.message == "A policy called READ already exists. Duplicate names are not allowed."


def test_a_document_that_is_no_policy_is_refused(iam, holder):
    kind, names = holder
    with pytest.raises(MalformedPolicyDocument):
        iam("CreatePolicy", PolicyName="p", PolicyDocument="{}")
    with pytest.raises(MalformedPolicyDocument):
        iam(f"Put{kind}Policy", **names, PolicyName="p", PolicyDocument=document({"Effect": "Allow"}))


def test_a_policy_is_as_long_as_its_quota(iam):
    def of_size(size):
        text = document(allow("secretsmanager:GetSecretValue", Sid=""))
        missing = size - len(text.replace(" ", ""))
        return document(allow("secretsmanager:GetSecretValue", Sid="x" * missing))

    iam("CreatePolicy", PolicyName="fits", PolicyDocument=of_size(6_144))
    with pytest.raises(LimitExceeded, match=r"^Cannot exceed quota for PolicySize: 6144$"):
        iam("CreatePolicy", PolicyName="long", PolicyDocument=of_size(6_145))
    iam("CreateUser", UserName="alice")
    iam("PutUserPolicy", UserName="alice", PolicyName="a", PolicyDocument=of_size(1_024))
    iam("PutUserPolicy", UserName="alice", PolicyName="b", PolicyDocument=of_size(1_024))
    iam("PutUserPolicy", UserName="alice", PolicyName="b", PolicyDocument=of_size(1_000))
    with pytest.raises(LimitExceeded, match=r"^Maximum policy size of 2048 bytes exceeded for user alice$"):
        iam("PutUserPolicy", UserName="alice", PolicyName="b", PolicyDocument=of_size(1_025))


def test_versions_are_numbered_on_and_one_is_in_force(iam):
    arn = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    newer = document(allow("*"))
    made = iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=newer)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"], "Document" in made) == ("v2", False, False)
    iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=newer, SetAsDefault=True)
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    with pytest.raises(DeleteConflict, match=r"^Cannot delete the default version of a policy.$"):
        iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
    iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    assert iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=newer)["PolicyVersion"]["VersionId"] == "v4"
    versions = [page[0]["VersionId"] for page in iam.pages("ListPolicyVersions", "Versions", 1, PolicyArn=arn)]
    assert versions == ["v4", "v2", "v1"]
    with pytest.raises(NoSuchEntity, match=f"^Policy {arn} version v3 does not exist or is not attachable.$"):
        iam("GetPolicyVersion", PolicyArn=arn, VersionId="v3")


def test_a_policy_has_five_versions_at_most(iam):
    arn = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    for _ in range(4):
        iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=READ_ALL)
    with pytest.raises(LimitExceeded, match=r"A managed policy can have up to 5 versions."):
        iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=READ_ALL)


def test_a_policy_in_use_or_with_more_versions_is_not_deleted(iam):
    arn = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    iam("CreateUser", UserName="alice")
    iam("AttachUserPolicy", UserName="alice", PolicyArn=arn)
    iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=READ_ALL)
    with pytest.raises(DeleteConflict, match=r"^Cannot delete a policy attached to entities.$"):
        iam("DeletePolicy", PolicyArn=arn)
    iam("DetachUserPolicy", UserName="alice", PolicyArn=arn)
    with pytest.raises(DeleteConflict, match=r"^This policy has more than one version."):
        iam("DeletePolicy", PolicyArn=arn)
    iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
    iam("DeletePolicy", PolicyArn=arn)
    with pytest.raises(NoSuchEntity, match=f"^Policy {arn} was not found.$"):
        iam("GetPolicy", PolicyArn=arn)


def test_a_policy_made_again_starts_again(iam):
    first = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]
    iam("DeletePolicy", PolicyArn=first["Arn"])
    again = iam("CreatePolicy", PolicyName="read", PolicyDocument=document(allow("*")))["Policy"]
    assert again["PolicyId"] != first["PolicyId"]
    assert again["DefaultVersionId"] == "v1"


def test_policies_of_aws_are_read_and_attached_and_never_changed(iam):
    shown = iam("GetPolicy", PolicyArn=ADMINISTRATOR)["Policy"]
    assert (shown["PolicyName"], shown["DefaultVersionId"]) == ("AdministratorAccess", "v1")
    version = iam("GetPolicyVersion", PolicyArn=ADMINISTRATOR, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Action"] == ["*"]
    for name, members in (
        ("DeletePolicy", {}),
        ("CreatePolicyVersion", {"PolicyDocument": READ_ALL}),
        ("DeletePolicyVersion", {"VersionId": "v1"}),
        ("SetDefaultPolicyVersion", {"VersionId": "v1"}),
        ("TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("UntagPolicy", {"TagKeys": ["a"]}),
    ):
        with pytest.raises(AccessDeniedException, match=f"iam:{name} on resource: policy {ADMINISTRATOR}$"):
            iam(name, PolicyArn=ADMINISTRATOR, **members)
    with pytest.raises(NoSuchEntity):
        iam("GetPolicy", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")


def test_who_may_read_policies_may_read_those_of_aws(iam):
    reader = iam.user("reader")
    iam("AttachUserPolicy", UserName="reader", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    assert reader("GetPolicy", PolicyArn=ADMINISTRATOR)["Policy"]["PolicyName"] == "AdministratorAccess"


@pytest.mark.parametrize(
    ("arn", "refusal"),
    [
        ("AdministratorAccess-of-AWS", ValidationException),
        (f"arn:aws:iam::{ACCOUNT_ID}:role/some-role", InvalidInput),
        ("arn:aws:iam::aws:policy/arn:aws:iam::aws:policy/SecurityAudit", InvalidInput),
        ("arn:aws:s3:::some-bucket/policy/some", InvalidInput),
    ],
)
def test_an_arn_that_is_no_policys_is_refused(iam, holder, arn, refusal):
    kind, names = holder
    with pytest.raises(refusal) as refused:
        iam(f"Attach{kind}Policy", **names, PolicyArn=arn)
    with pytest.raises(refusal):
        iam("GetPolicy", PolicyArn=arn)
    expected = f"ARN {arn} is not valid." if refusal is InvalidInput else "Invalid ARN:  Could not be parsed!"
    assert refused.value.message == expected


def test_policies_are_attached_and_detached(iam, holder):
    kind, names = holder
    arn = iam("CreatePolicy", PolicyName="read", Path="/a/", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    for each in (arn, arn, ADMINISTRATOR):
        iam(f"Attach{kind}Policy", **names, PolicyArn=each)
    attached = iam(f"ListAttached{kind}Policies", **names)["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR},
        {"PolicyName": "read", "PolicyArn": arn},
    ]
    assert iam(f"ListAttached{kind}Policies", **names, PathPrefix="/a/")["AttachedPolicies"] == attached[1:]
    pages = iam.pages(f"ListAttached{kind}Policies", "AttachedPolicies", 1, **names)
    assert [policy for page in pages for policy in page] == attached
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    iam(f"Detach{kind}Policy", **names, PolicyArn=arn)
    with pytest.raises(NoSuchEntity, match=f"^Policy {arn} was not found.$"):
        iam(f"Detach{kind}Policy", **names, PolicyArn=arn)
    with pytest.raises(NoSuchEntity, match=r"does not exist or is not attachable.$"):
        iam(f"Attach{kind}Policy", **names, PolicyArn=policy_arn("unknown"))


def test_ten_policies_are_attached_at_most(iam, holder):
    kind, names = holder
    for number in range(11):
        iam("CreatePolicy", PolicyName=f"p{number}", PolicyDocument=READ_ALL)
    for number in (*range(10), 0):
        iam(f"Attach{kind}Policy", **names, PolicyArn=policy_arn(f"p{number}"))
    with pytest.raises(LimitExceeded, match=f"^Cannot exceed quota for PoliciesPer{kind}: 10$"):
        iam(f"Attach{kind}Policy", **names, PolicyArn=policy_arn("p10"))


def test_inline_policies_are_written_read_and_deleted(iam, holder):
    kind, names = holder
    odd = document(allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:a%2Fb +é*"))
    for name, text in (("b", READ_ALL), ("a", READ_ALL), ("a", odd)):
        iam(f"Put{kind}Policy", **names, PolicyName=name, PolicyDocument=text)
    assert iam(f"Get{kind}Policy", **names, PolicyName="a") == names | {
        "PolicyName": "a",
        "PolicyDocument": json.loads(odd),
    }
    assert iam.pages(f"List{kind}Policies", "PolicyNames", 1, **names) == [["a"], ["b"]]
    iam(f"Delete{kind}Policy", **names, PolicyName="a")
    for operation in (f"Get{kind}Policy", f"Delete{kind}Policy"):
        with pytest.raises(NoSuchEntity, match=f"^The {kind.lower()} policy with name a cannot be found.$"):
            iam(operation, **names, PolicyName="a")


def test_policies_are_listed_by_owner_use_and_path(iam):
    iam("CreatePolicy", PolicyName="zebra", Path="/a/", PolicyDocument=READ_ALL)
    iam("CreatePolicy", PolicyName="Apple", PolicyDocument=READ_ALL)
    iam("CreateUser", UserName="alice", PermissionsBoundary=policy_arn("Apple"))
    iam("AttachUserPolicy", UserName="alice", PolicyArn=ADMINISTRATOR)

    def listed(**members: Any) -> list[str]:
        return [policy["PolicyName"] for policy in iam("ListPolicies", **members)["Policies"]]

    assert listed(Scope="Local") == ["Apple", "zebra"]
    assert listed(Scope="Local", PathPrefix="/a/") == ["zebra"]
    assert "AdministratorAccess" in listed(Scope="AWS")
    assert listed() == listed(Scope="Local") + listed(Scope="AWS")
    assert listed(OnlyAttached=True) == ["Apple", "AdministratorAccess"]
    assert listed(PolicyUsageFilter="PermissionsBoundary") == ["Apple"]
    assert listed(PolicyUsageFilter="PermissionsPolicy") == ["AdministratorAccess"]
    pages = iam.pages("ListPolicies", "Policies", 1)
    assert [policy["PolicyName"] for page in pages for policy in page] == listed()
    assert not any({"Description", "Tags"} & policy.keys() for page in pages for policy in page)


def test_who_uses_a_policy_is_told(iam):
    arn = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    user = iam("CreateUser", UserName="alice", Path="/a/", PermissionsBoundary=arn)["User"]
    group = iam("CreateGroup", GroupName="staff", Path="/a/")["Group"]
    role = iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)["Role"]
    iam("AttachGroupPolicy", GroupName="staff", PolicyArn=arn)
    iam("AttachRolePolicy", RoleName="deploy", PolicyArn=arn)
    users = [{"UserName": "alice", "UserId": user["UserId"]}]
    groups = [{"GroupName": "staff", "GroupId": group["GroupId"]}]
    roles = [{"RoleName": "deploy", "RoleId": role["RoleId"]}]

    def told(**members: str) -> tuple[Any, ...]:
        answer = iam("ListEntitiesForPolicy", PolicyArn=arn, **members)
        return answer["PolicyUsers"], answer["PolicyGroups"], answer["PolicyRoles"]

    assert told() == (users, groups, roles)
    assert told(PathPrefix="/a/") == (users, groups, [])
    assert told(EntityFilter="Role") == ([], [], roles)
    assert told(EntityFilter="LocalManagedPolicy") == ([], [], [])
    assert told(PolicyUsageFilter="PermissionsBoundary") == (users, [], [])
    assert told(PolicyUsageFilter="PermissionsPolicy") == ([], groups, roles)
    assert [len(page) for page in iam.pages("ListEntitiesForPolicy", "PolicyRoles", 1, PolicyArn=arn)] == [0, 1, 0]


def test_tags_of_policies_differ_by_case(iam):
    arn = iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL)["Policy"]["Arn"]
    tags = [{"Key": "K", "Value": "1"}, {"Key": "k", "Value": "2"}]
    iam("TagPolicy", PolicyArn=arn, Tags=tags)
    assert iam("ListPolicyTags", PolicyArn=arn)["Tags"] == tags
    iam("UntagPolicy", PolicyArn=arn, TagKeys=["k"])
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["Tags"] == tags[:1]

"""The account as a whole, and the simulator."""

from __future__ import annotations

import json

import pytest

from strongroom.errors import AccessDeniedException, InvalidInput, NoSuchEntity, ValidationException
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, allow, deny, document, policy_arn

BUCKET = "arn:aws:s3:::bucket/key"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT_ID}:secret:app/db-AbCdEf"
GET = "secretsmanager:GetSecretValue"


@pytest.fixture
def filled(iam):
    """An account with one of everything."""
    iam("CreatePolicy", PolicyName="read", PolicyDocument=READ_ALL, Description="reads")
    iam("CreatePolicyVersion", PolicyArn=policy_arn("read"), PolicyDocument=READ_ALL)
    iam("CreateUser", UserName="alice", Tags=[{"Key": "team", "Value": "blue"}])
    iam("CreateGroup", GroupName="staff")
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam("AddUserToGroup", GroupName="staff", UserName="alice")
    iam("AttachGroupPolicy", GroupName="staff", PolicyArn=policy_arn("read"))
    iam("AttachRolePolicy", RoleName="deploy", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam("PutUserPolicy", UserName="alice", PolicyName="own", PolicyDocument=READ_ALL)
    iam("CreateOpenIDConnectProvider", Url="https://oidc.example.com")
    return iam


def test_what_there_is_is_counted(filled):
    told = filled("GetAccountSummary")["SummaryMap"]
    counted = {
        name: told[name] for name in ("Users", "Groups", "Roles", "Policies", "Providers", "PolicyVersionsInUse")
    }
    assert counted == {"Users": 1, "Groups": 1, "Roles": 1, "Policies": 1, "Providers": 1, "PolicyVersionsInUse": 2}
    assert (told["AccountAccessKeysPresent"], told["AccountMFAEnabled"]) == (1, 0)
    assert (told["AccessKeysPerUserQuota"], told["PolicySizeQuota"]) == (2, 6_144)


def test_everything_that_is_granted_is_told(filled):
    told = filled("GetAccountAuthorizationDetails")
    [user], [group], [role] = told["UserDetailList"], told["GroupDetailList"], told["RoleDetailList"]
    assert user["UserPolicyList"] == [{"PolicyName": "own", "PolicyDocument": json.loads(READ_ALL)}]
    assert (user["GroupList"], user["Tags"]) == (["staff"], [{"Key": "team", "Value": "blue"}])
    assert group["AttachedManagedPolicies"] == [{"PolicyName": "read", "PolicyArn": policy_arn("read")}]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT)
    own, aws = told["Policies"]
    assert [version["VersionId"] for version in own["PolicyVersionList"]] == ["v1", "v2"]
    assert own["PolicyVersionList"][0]["Document"] == json.loads(READ_ALL)
    assert aws["PolicyName"] == "IAMReadOnlyAccess"


def test_everything_is_told_in_pages_and_by_kind(filled):
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    counts, marker = [], {}
    for _ in range(5):
        told = filled("GetAccountAuthorizationDetails", MaxItems=1, **marker)
        counts.append(tuple(len(told[name]) for name in lists))
        marker = {"Marker": told["Marker"]} if told["IsTruncated"] else {}
    assert counts == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1)]
    assert marker == {}
    told = filled("GetAccountAuthorizationDetails", Filter=["Role", "AWSManagedPolicy"])
    assert [len(told[name]) for name in lists] == [0, 0, 1, 1]


def decisions(answer):
    return [
        (result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"])
        for result in answer["EvaluationResults"]
    ]


def test_the_simulator_decides_as_the_server_does(filled):
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
    filled("PutUserPolicy", UserName="alice", PolicyName="own", PolicyDocument=document(deny(GET, SECRET)))
    actions = [GET, "s3:GetObject"]
    answer = filled("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=actions, ResourceArns=[SECRET, BUCKET])
    assert decisions(answer) == [
        (GET, SECRET, "explicitDeny"),
        (GET, BUCKET, "allowed"),
        ("s3:GetObject", SECRET, "implicitDeny"),
        ("s3:GetObject", BUCKET, "implicitDeny"),
    ]
    denied, allowed = answer["EvaluationResults"][:2]
    assert denied["MatchedStatements"] == [{"SourcePolicyId": "user_alice_own", "SourcePolicyType": "IAM Policy"}]
    assert allowed["MatchedStatements"] == [{"SourcePolicyId": "read", "SourcePolicyType": "IAM Policy"}]
    assert denied["ResourceSpecificResults"][0]["EvalResourceDecision"] == "explicitDeny"
    pages = filled.pages(
        "SimulatePrincipalPolicy",
        "EvaluationResults",
        3,
        PolicySourceArn=arn,
        ActionNames=actions,
        ResourceArns=[SECRET, BUCKET],
    )
    assert [result for page in pages for result in page] == answer["EvaluationResults"]


@pytest.mark.parametrize("source", ["group/staff", "role/deploy"])
def test_groups_and_roles_are_simulated(filled, source):
    action = GET if source.startswith("group") else "iam:GetUser"
    arn = f"arn:aws:iam::{ACCOUNT_ID}:{source}"
    answer = filled("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=[action, "kms:Decrypt"])
    assert decisions(answer) == [(action, "*", "allowed"), ("kms:Decrypt", "*", "implicitDeny")]


def test_a_boundary_limits_a_simulation_and_is_told(filled):
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
    filled("CreatePolicy", PolicyName="limit", PolicyDocument=document(allow("s3:*")))
    filled("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=policy_arn("limit"))
    [result] = filled("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=[GET])["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    [result] = filled(
        "SimulatePrincipalPolicy",
        PolicySourceArn=arn,
        ActionNames=[GET],
        PermissionsBoundaryPolicyInputList=[READ_ALL],
    )["EvaluationResults"]
    assert (result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]) == (
        "allowed",
        {"AllowedByPermissionsBoundary": True},
    )


def test_context_decides_and_what_is_missing_is_told(iam):
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    policies = [document(allow(GET, Condition=condition))]
    entries = [
        {"ContextKeyName": "AWS:principaltag/team", "ContextKeyValues": ["blue"], "ContextKeyType": "string"},
        {"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"},
    ]

    def simulate(entries):
        answer = iam("SimulateCustomPolicy", PolicyInputList=policies, ActionNames=[GET], ContextEntries=entries)
        return answer["EvaluationResults"][0]["EvalDecision"], answer["EvaluationResults"][0]["MissingContextValues"]

    assert simulate(entries) == ("allowed", [])
    assert simulate(entries[:1]) == ("implicitDeny", ["aws:SourceIp"])
    assert simulate([]) == ("implicitDeny", ["aws:PrincipalTag/team", "aws:SourceIp"])
    with pytest.raises(InvalidInput):
        simulate([entries[0] | {"ContextKeyValues": ["blue", "red"]}])


def test_a_resource_policy_grants_in_a_simulation_what_it_grants(iam):
    user = iam("CreateUser", UserName="alice")["User"]["Arn"]
    policy = document({"Effect": "Allow", "Principal": {"AWS": user}, "Action": GET, "Resource": "*"})
    members = {"PolicySourceArn": user, "ActionNames": [GET], "ResourcePolicy": policy}
    assert decisions(iam("SimulatePrincipalPolicy", **members, ResourceArns=[SECRET])) == [(GET, SECRET, "allowed")]
    foreign = SECRET.replace(ACCOUNT_ID, "210987654321")
    assert decisions(iam("SimulatePrincipalPolicy", **members, ResourceArns=[foreign]))[0][2] == "implicitDeny"
    with pytest.raises(InvalidInput):
        iam("SimulatePrincipalPolicy", **members, ResourceArns=[BUCKET])
    with pytest.raises(InvalidInput, match="CallerArn"):
        iam("SimulateCustomPolicy", PolicyInputList=[READ_ALL], ActionNames=[GET], ResourcePolicy=policy)


def test_a_custom_policy_is_simulated_for_nobody_who_is_allowed_everything(iam):
    members = {"PolicyInputList": [READ_ALL], "ActionNames": [GET, "s3:GetObject"], "ResourceArns": [SECRET]}
    told = [("secretsmanager:GetSecretValue", SECRET, "allowed"), ("s3:GetObject", SECRET, "implicitDeny")]
    assert decisions(iam("SimulateCustomPolicy", **members)) == told
    with pytest.raises(InvalidInput, match="CallerArn"):
        iam("SimulateCustomPolicy", **members, CallerArn=f"arn:aws:iam::{ACCOUNT_ID}:root")


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ("arn-of-whom:user/alice", ValidationException),
        ("x" * 20, ValidationException),
        (f"arn:aws:iam::{ACCOUNT_ID}:root", InvalidInput),
        ("arn:aws:iam::210987654321:user/alice", AccessDeniedException),
    ],
)
def test_a_source_that_is_no_principal_of_the_account_is_refused(iam, source, refusal):
    with pytest.raises(refusal):
        iam("SimulatePrincipalPolicy", PolicySourceArn=source, ActionNames=[GET])


def test_what_cannot_be_simulated_is_refused(iam):
    unknown = f"arn:aws:iam::{ACCOUNT_ID}:user/nobody"
    with pytest.raises(NoSuchEntity):
        iam("SimulatePrincipalPolicy", PolicySourceArn=unknown, ActionNames=[GET])
    with pytest.raises(InvalidInput):
        iam("SimulateCustomPolicy", PolicyInputList=["{}"], ActionNames=[GET])
    with pytest.raises(InvalidInput):
        iam("SimulateCustomPolicy", PolicyInputList=[READ_ALL], ActionNames=["GetSecretValue"])


def test_simulating_another_principal_must_be_allowed(iam):
    alice = iam.user("alice")
    iam("CreateUser", UserName="bob")
    own = document(allow("iam:SimulatePrincipalPolicy", f"arn:aws:iam::{ACCOUNT_ID}:user/alice"))
    iam("PutUserPolicy", UserName="alice", PolicyName="p", PolicyDocument=own)
    alice("SimulatePrincipalPolicy", PolicySourceArn=alice.principal.arn, ActionNames=[GET])
    with pytest.raises(AccessDeniedException):
        alice("SimulatePrincipalPolicy", PolicySourceArn=f"arn:aws:iam::{ACCOUNT_ID}:user/bob", ActionNames=[GET])

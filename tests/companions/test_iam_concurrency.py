"""Calls at the same time: no change undoes another, and nothing is left that refers to what is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from strongroom.errors import ServiceError
from support.iam import READ_ALL, policy_arn


def at_once(*calls: Any) -> list[str | None]:
    """Run calls at the same time and return the code of what was refused, for each."""

    def run(call: Any) -> str | None:
        try:
            call()
        except ServiceError as error:
            return error.code
        return None

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_no_tag_and_no_boundary_is_lost(iam):
    iam("CreatePolicy", PolicyName="limit", PolicyDocument=READ_ALL)
    iam("CreateUser", UserName="alice")

    def tag(key):
        return lambda: iam("TagUser", UserName="alice", Tags=[{"Key": key, "Value": ""}])

    keys = [f"k{number}" for number in range(8)]
    boundary = {"UserName": "alice", "PermissionsBoundary": policy_arn("limit")}
    assert set(at_once(*map(tag, keys), lambda: iam("PutUserPermissionsBoundary", **boundary))) == {None}
    shown = iam("GetUser", UserName="alice")["User"]
    assert [each["Key"] for each in shown["Tags"]] == keys
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("limit")


def test_a_quota_holds(iam):
    iam("CreateUser", UserName="alice")
    refused = at_once(*[lambda: iam("CreateAccessKey", UserName="alice")] * 6)
    assert sorted(refused, key=str) == ["LimitExceeded"] * 4 + [None] * 2
    assert len(iam("ListAccessKeys", UserName="alice")["AccessKeyMetadata"]) == 2


def test_a_policy_is_attached_or_deleted(iam):
    iam("CreateUser", UserName="alice")
    for number in range(5):
        arn = iam("CreatePolicy", PolicyName=f"p{number}", PolicyDocument=READ_ALL)["Policy"]["Arn"]
        attachment = {"UserName": "alice", "PolicyArn": arn}
        at_once(
            lambda attachment=attachment: iam("AttachUserPolicy", **attachment),
            lambda arn=arn: iam("DeletePolicy", PolicyArn=arn),
        )
    attached = {policy["PolicyArn"] for policy in iam("ListAttachedUserPolicies", UserName="alice")["AttachedPolicies"]}
    present = {policy["Arn"] for policy in iam("ListPolicies", Scope="Local")["Policies"]}
    assert attached == present


def test_a_name_is_given_once(iam):
    refused = at_once(*[lambda: iam("CreateUser", UserName="alice")] * 4)
    assert sorted(refused, key=str) == ["EntityAlreadyExists"] * 3 + [None]

"""Sequences of calls of IAM, drawn by chance, against a small model of it: the same answers, nothing dangling.

The model is a handful of dictionaries. It knows what refers to what, so it knows which call must be refused;
the database is asked after every call that no row refers to what is gone. All calls are about the same few
names, since what is apart never meets.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

import apsw
import pytest

from strongroom.errors import ServiceError
from support.deployment import config_for, deployed
from support.iam import READ_ALL, TRUST_ACCOUNT, Iam, policy_arn

NAMES = ("a", "b")
KINDS = ("User", "Group", "Role")
POLICIES = ("p", "q")
STEPS = 400


class Model:
    """What IAM should have; a call is refused with the code of the error that it returns."""

    def __init__(self) -> None:
        self.holders: set[tuple[str, str]] = set()
        self.versions: dict[str, list[int]] = {}
        self.latest: dict[str, int] = {}
        self.attached: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.inline: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.boundaries: dict[tuple[str, str], str] = {}
        self.members: set[tuple[str, str]] = set()
        self.keys: dict[str, int] = defaultdict(int)

    def uses(self, policy: str) -> int:
        return sum(policy in held for held in self.attached.values())

    def bounds(self, policy: str) -> int:
        return sum(policy == bound for bound in self.boundaries.values())

    def refusal_to_delete(self, kind: str, name: str) -> str | None:
        holder = (kind, name)
        if holder not in self.holders:
            return "NoSuchEntity"
        in_use = self.attached[holder] or self.inline[holder]
        if kind == "User":
            in_use = in_use or self.keys[name] or any(user == name for _, user in self.members)
        if kind == "Group":
            in_use = in_use or any(group == name for group, _ in self.members)
        return "DeleteConflict" if in_use else None


class Calls:
    """Makes calls and says beforehand what is to come of them."""

    def __init__(self, iam: Iam) -> None:
        self.iam = iam
        self.database = apsw.Connection(str(iam.deployment.config.database_path))
        self.model = Model()

    def call(self, refusal: str | None, name: str, **members: Any) -> dict[str, Any]:
        """Perform a call that is to be refused with a code, or not."""
        answer, code = {}, None
        try:
            answer = self.iam(name, **members)
        except ServiceError as error:
            code = error.code
        assert code == refusal, name
        return answer

    def missing(self, *needed: tuple[str, str]) -> str | None:
        return None if set(needed) <= self.model.holders else "NoSuchEntity"

    def create(self, kind: str, name: str) -> None:
        refusal = "EntityAlreadyExists" if (kind, name) in self.model.holders else None
        more = {"AssumeRolePolicyDocument": TRUST_ACCOUNT} if kind == "Role" else {}
        self.call(refusal, f"Create{kind}", **{f"{kind}Name": name}, **more)
        self.model.holders.add((kind, name))

    def delete(self, kind: str, name: str) -> None:
        refusal = self.model.refusal_to_delete(kind, name)
        self.call(refusal, f"Delete{kind}", **{f"{kind}Name": name})
        if refusal is None:
            self.model.holders.remove((kind, name))
            self.model.boundaries.pop((kind, name), None)

    def rename_a_to_b(self, kind: str) -> None:
        model, old, new = self.model, (kind, "a"), (kind, "b")
        refusal = self.missing(old) or ("EntityAlreadyExists" if new in model.holders else None)
        self.call(refusal, f"Update{kind}", **{f"{kind}Name": "a", f"New{kind}Name": "b"})
        if refusal is not None:
            return
        model.holders = (model.holders - {old}) | {new}
        model.attached[new], model.inline[new] = model.attached.pop(old, set()), model.inline.pop(old, set())
        if old in model.boundaries:
            model.boundaries[new] = model.boundaries.pop(old)
        if kind == "User":
            model.keys["b"] = model.keys.pop("a", 0)
            model.members = {(group, "b" if user == "a" else user) for group, user in model.members}
        else:
            model.members = {("b" if group == "a" else group, user) for group, user in model.members}

    def create_policy(self, policy: str) -> None:
        refusal = "EntityAlreadyExists" if policy in self.model.versions else None
        self.call(refusal, "CreatePolicy", PolicyName=policy, PolicyDocument=READ_ALL)
        if refusal is None:
            self.model.versions[policy], self.model.latest[policy] = [1], 1

    def create_version(self, policy: str) -> None:
        versions = self.model.versions.get(policy)
        refusal = "NoSuchEntity" if versions is None else "LimitExceeded" if len(versions) == 5 else None
        self.call(refusal, "CreatePolicyVersion", PolicyArn=policy_arn(policy), PolicyDocument=READ_ALL)
        if versions is not None and refusal is None:
            self.model.latest[policy] += 1
            versions.append(self.model.latest[policy])

    def delete_version(self, policy: str, number: int) -> None:
        versions = self.model.versions.get(policy, [])
        refusal = "NoSuchEntity" if number not in versions else "DeleteConflict" if number == 1 else None
        self.call(refusal, "DeletePolicyVersion", PolicyArn=policy_arn(policy), VersionId=f"v{number}")
        if refusal is None:
            versions.remove(number)

    def delete_policy(self, policy: str) -> None:
        model, refusal = self.model, None
        if policy not in model.versions:
            refusal = "NoSuchEntity"
        elif model.uses(policy) or model.bounds(policy) or len(model.versions[policy]) > 1:
            refusal = "DeleteConflict"
        self.call(refusal, "DeletePolicy", PolicyArn=policy_arn(policy))
        if refusal is None:
            del model.versions[policy]

    def attach(self, kind: str, name: str, policy: str) -> None:
        refusal = self.missing((kind, name)) or (None if policy in self.model.versions else "NoSuchEntity")
        self.call(refusal, f"Attach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=policy_arn(policy))
        if refusal is None:
            self.model.attached[kind, name].add(policy)

    def detach(self, kind: str, name: str, policy: str) -> None:
        held = self.model.attached[kind, name]
        refusal = self.missing((kind, name)) or (None if policy in held else "NoSuchEntity")
        self.call(refusal, f"Detach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=policy_arn(policy))
        held.discard(policy)

    def put_or_delete_inline(self, kind: str, name: str, *, put: bool) -> None:
        held, members = self.model.inline[kind, name], {f"{kind}Name": name, "PolicyName": "own"}
        refusal = self.missing((kind, name)) or (None if put or held else "NoSuchEntity")
        if put:
            self.call(refusal, f"Put{kind}Policy", **members, PolicyDocument=READ_ALL)
        else:
            self.call(refusal, f"Delete{kind}Policy", **members)
        held.clear()
        if put and refusal is None:
            held.add("own")

    def put_or_delete_boundary(self, kind: str, name: str, policy: str | None) -> None:
        refusal = self.missing((kind, name))
        if policy is None:
            self.call(refusal, f"Delete{kind}PermissionsBoundary", **{f"{kind}Name": name})
            self.model.boundaries.pop((kind, name), None)
            return
        refusal = refusal or (None if policy in self.model.versions else "NoSuchEntity")
        arn = policy_arn(policy)
        self.call(refusal, f"Put{kind}PermissionsBoundary", **{f"{kind}Name": name}, PermissionsBoundary=arn)
        if refusal is None:
            self.model.boundaries[kind, name] = policy

    def change_membership(self, group: str, user: str, *, add: bool) -> None:
        refusal = self.missing(("Group", group), ("User", user))
        name = "AddUserToGroup" if add else "RemoveUserFromGroup"
        self.call(refusal, name, GroupName=group, UserName=user)
        if refusal is None:
            change = self.model.members.add if add else self.model.members.discard
            change((group, user))

    def create_key(self, user: str) -> None:
        refusal = self.missing(("User", user)) or ("LimitExceeded" if self.model.keys[user] == 2 else None)
        self.call(refusal, "CreateAccessKey", UserName=user)
        self.model.keys[user] += refusal is None

    def delete_keys(self, user: str) -> None:
        refusal = self.missing(("User", user))
        for key in self.call(refusal, "ListAccessKeys", UserName=user).get("AccessKeyMetadata", ()):
            self.iam("DeleteAccessKey", UserName=user, AccessKeyId=key["AccessKeyId"])
        self.model.keys[user] = 0

    def delete_when_it_has_one_thing_at_most(self, kind: str, name: str, spared: str) -> None:
        """Take from a holder all but one kind of what it has, then delete it: each refusal has its own reason."""
        holder, model = (kind, name), self.model
        if holder not in model.holders:
            return
        for policy in () if spared == "attached" else sorted(model.attached[holder]):
            self.detach(kind, name, policy)
        if spared != "inline" and model.inline[holder]:
            self.put_or_delete_inline(kind, name, put=False)
        for group, user in () if spared == "members" else sorted(model.members):
            if name == {"User": user, "Group": group}.get(kind):
                self.change_membership(group, user, add=False)
        if kind == "User" and spared != "keys":
            self.delete_keys(name)
        self.delete(kind, name)

    def everything_is_told_as_the_model_has_it(self) -> None:
        told, model = self.iam("GetAccountAuthorizationDetails"), self.model
        for kind in KINDS:
            details = {detail[f"{kind}Name"]: detail for detail in told[f"{kind}DetailList"]}
            assert {(kind, name) for name in details} == {holder for holder in model.holders if holder[0] == kind}
            for name, detail in details.items():
                attached = {policy["PolicyName"] for policy in detail["AttachedManagedPolicies"]}
                assert attached == model.attached[kind, name]
                assert {policy["PolicyName"] for policy in detail[f"{kind}PolicyList"]} == model.inline[kind, name]
                bound = detail.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
                expected = model.boundaries.get((kind, name))
                assert bound == (None if expected is None else policy_arn(expected))
        groups = {(group, user["UserName"]) for user in told["UserDetailList"] for group in user["GroupList"]}
        assert groups == model.members
        for detail in told["Policies"]:
            numbers = [int(version["VersionId"][1:]) for version in detail["PolicyVersionList"]]
            assert numbers == model.versions[detail["PolicyName"]]
            assert detail["AttachmentCount"] == model.uses(detail["PolicyName"])
            assert detail["PermissionsBoundaryUsageCount"] == model.bounds(detail["PolicyName"])
        assert {detail["PolicyName"] for detail in told["Policies"]} == model.versions.keys()

    def no_row_is_left_dangling(self) -> None:
        for table, column, target in REFERENCES:
            query = f"SELECT {column} FROM {table} WHERE {column} NOT IN (SELECT {target} FROM identities)"
            assert list(self.database.execute(query)) == [], f"{table}.{column}"


REFERENCES = (
    ("identity_policies", "holder_id", "unique_id"),
    ("identity_attachments", "holder_id", "unique_id"),
    ("identity_attachments", "policy_arn", "arn"),
    ("group_members", "group_id", "unique_id"),
    ("group_members", "user_id", "unique_id"),
    ("policy_versions", "policy_arn", "arn"),
)


def draw(chance: Random) -> tuple[str, dict[str, Any]]:
    """Return the name of a step and its arguments."""
    kind, name, policy = chance.choice(KINDS), chance.choice(NAMES), chance.choice(POLICIES)
    spared = chance.choice(("attached", "inline", "members", "keys", "nothing"))
    holder, truth = {"kind": kind, "name": name}, chance.random() < 0.6
    bounded = {"kind": chance.choice(("User", "Role")), "name": name, "policy": policy if truth else None}
    return chance.choice(
        (
            ("create", holder),
            ("create", holder),
            ("delete_when_it_has_one_thing_at_most", holder | {"spared": spared}),
            ("rename_a_to_b", {"kind": chance.choice(("User", "Group"))}),
            ("create_policy", {"policy": policy}),
            ("create_version", {"policy": policy}),
            ("delete_version", {"policy": policy, "number": chance.randint(1, 4)}),
            ("delete_policy", {"policy": policy}),
            ("attach", holder | {"policy": policy}),
            ("detach", holder | {"policy": policy}),
            ("put_or_delete_inline", holder | {"put": truth}),
            ("put_or_delete_boundary", bounded),
            ("change_membership", {"group": name, "user": chance.choice(NAMES), "add": truth}),
            ("create_key", {"user": name}),
        )
    )


@pytest.mark.parametrize("seed", range(3))
def test_calls_by_chance_do_what_the_model_says(tmp_path, seed):
    chance = Random(seed)
    with deployed(config_for("sqlite", tmp_path)) as deployment:
        calls = Calls(Iam(deployment))
        for _ in range(STEPS):
            step, arguments = draw(chance)
            getattr(calls, step)(**arguments)
            calls.everything_is_told_as_the_model_has_it()
            calls.no_row_is_left_dangling()

"""Any sequence of calls of IAM against a small model of it: the same answers, and nothing is left dangling.

The model is a handful of dictionaries. It knows what refers to what, so it knows which call must be refused; the
database is asked after every call that no row refers to what is gone.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import apsw
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strongroom.errors import ServiceError
from support.deployment import config_for, deployed
from support.iam import READ_ALL, TRUST_ACCOUNT, Iam, policy_arn

NAMES = ("a", "b")
KINDS = ("User", "Group", "Role")
MANAGED = ("p", "q")
names, kinds, policies = st.sampled_from(NAMES), st.sampled_from(KINDS), st.sampled_from(MANAGED)


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


class IamMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.context = deployed(config_for("sqlite", Path(self.directory.name)))
        self.iam = Iam(self.context.__enter__())
        self.database = apsw.Connection(str(self.iam.deployment.config.database_path))
        self.model = Model()

    def teardown(self) -> None:
        self.database.close()
        self.context.__exit__(None, None, None)
        self.directory.cleanup()

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

    @rule(kind=kinds, name=names)
    def create(self, kind: str, name: str) -> None:
        refusal = "EntityAlreadyExists" if (kind, name) in self.model.holders else None
        more = {"AssumeRolePolicyDocument": TRUST_ACCOUNT} if kind == "Role" else {}
        self.call(refusal, f"Create{kind}", **{f"{kind}Name": name}, **more)
        self.model.holders.add((kind, name))

    @rule(kind=kinds, name=names)
    def delete(self, kind: str, name: str) -> None:
        refusal = self.model.refusal_to_delete(kind, name)
        self.call(refusal, f"Delete{kind}", **{f"{kind}Name": name})
        if refusal is None:
            self.model.holders.remove((kind, name))
            self.model.boundaries.pop((kind, name), None)

    @rule(kind=st.sampled_from(("User", "Group")))
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

    @rule(policy=policies)
    def create_policy(self, policy: str) -> None:
        refusal = "EntityAlreadyExists" if policy in self.model.versions else None
        self.call(refusal, "CreatePolicy", PolicyName=policy, PolicyDocument=READ_ALL)
        if refusal is None:
            self.model.versions[policy], self.model.latest[policy] = [1], 1

    @rule(policy=policies)
    def create_version(self, policy: str) -> None:
        versions = self.model.versions.get(policy)
        refusal = "NoSuchEntity" if versions is None else "LimitExceeded" if len(versions) == 5 else None
        self.call(refusal, "CreatePolicyVersion", PolicyArn=policy_arn(policy), PolicyDocument=READ_ALL)
        if versions is not None and refusal is None:
            self.model.latest[policy] += 1
            versions.append(self.model.latest[policy])

    @rule(policy=policies, number=st.integers(1, 4))
    def delete_version(self, policy: str, number: int) -> None:
        versions = self.model.versions.get(policy, [])
        refusal = "NoSuchEntity" if number not in versions else "DeleteConflict" if number == 1 else None
        self.call(refusal, "DeletePolicyVersion", PolicyArn=policy_arn(policy), VersionId=f"v{number}")
        if refusal is None:
            versions.remove(number)

    @rule(policy=policies)
    def delete_policy(self, policy: str) -> None:
        model, refusal = self.model, None
        if policy not in model.versions:
            refusal = "NoSuchEntity"
        elif model.uses(policy) or model.bounds(policy) or len(model.versions[policy]) > 1:
            refusal = "DeleteConflict"
        self.call(refusal, "DeletePolicy", PolicyArn=policy_arn(policy))
        if refusal is None:
            del model.versions[policy]

    @rule(kind=kinds, name=names, policy=policies)
    def attach(self, kind: str, name: str, policy: str) -> None:
        refusal = self.missing((kind, name)) or (None if policy in self.model.versions else "NoSuchEntity")
        self.call(refusal, f"Attach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=policy_arn(policy))
        if refusal is None:
            self.model.attached[kind, name].add(policy)

    @rule(kind=kinds, name=names, policy=policies)
    def detach(self, kind: str, name: str, policy: str) -> None:
        held = self.model.attached[kind, name]
        refusal = self.missing((kind, name)) or (None if policy in held else "NoSuchEntity")
        self.call(refusal, f"Detach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=policy_arn(policy))
        held.discard(policy)

    @rule(kind=kinds, name=names, put=st.booleans())
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

    @rule(kind=st.sampled_from(("User", "Role")), name=names, policy=policies | st.none())
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

    @rule(group=names, user=names, add=st.booleans())
    def change_membership(self, group: str, user: str, *, add: bool) -> None:
        refusal = self.missing(("Group", group), ("User", user))
        name = "AddUserToGroup" if add else "RemoveUserFromGroup"
        self.call(refusal, name, GroupName=group, UserName=user)
        if refusal is None:
            change = self.model.members.add if add else self.model.members.discard
            change((group, user))

    @rule(user=names)
    def create_key(self, user: str) -> None:
        refusal = self.missing(("User", user)) or ("LimitExceeded" if self.model.keys[user] == 2 else None)
        self.call(refusal, "CreateAccessKey", UserName=user)
        self.model.keys[user] += refusal is None

    @rule(user=names)
    def delete_keys(self, user: str) -> None:
        refusal = self.missing(("User", user))
        for key in self.call(refusal, "ListAccessKeys", UserName=user).get("AccessKeyMetadata", ()):
            self.iam("DeleteAccessKey", UserName=user, AccessKeyId=key["AccessKeyId"])
        self.model.keys[user] = 0

    @invariant()
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

    @invariant()
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

TestIamMachine = IamMachine.TestCase
TestIamMachine.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)

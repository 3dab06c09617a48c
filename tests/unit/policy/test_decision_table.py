"""Every combination of what the kinds of policies say, against IAM's rules written out as an oracle.

The oracle knows no statements: only what each kind says (nothing, silence, an Allow, a Deny), how the resource
policy names the caller, and whose the resource is.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import pytest

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, parse_policy

OWNER, PARTNER = "123456789012", "444455556666"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:prod/db-a1b2c3"
GET, OTHER = "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"


class Says(Enum):
    NONE = "no policy"
    SILENT = "silent"
    ALLOW = "allow"
    DENY = "deny"


class Names(Enum):
    """How the resource policy's statement names the caller."""

    ACCOUNT = "account"
    ROLE = "role"
    EVERYONE = "everyone"
    CALLER = "caller"


class Who(Enum):
    ROOT = "root"
    USER = "user"
    SESSION = "session"


@dataclass(frozen=True)
class Case:
    who: Who
    same_account: bool
    union: bool
    identity: Says
    resource: Says
    names: Names
    boundary: Says
    session: Says


def caller_of(case: Case) -> CallerNames:
    account = OWNER if case.same_account else PARTNER
    match case.who:
        case Who.ROOT:
            return CallerNames(account, f"arn:aws:iam::{account}:root")
        case Who.USER:
            return CallerNames(account, f"arn:aws:iam::{account}:user/mary")
        case Who.SESSION:
            role = f"arn:aws:iam::{account}:role/path/app"
            return CallerNames(account, f"arn:aws:sts::{account}:assumed-role/app/one", role_arn=role)


def written(kind: PolicyKind, says: Says, principal: Any = None) -> Policy:
    effect, action = ("Deny", GET) if says is Says.DENY else ("Allow", OTHER if says is Says.SILENT else GET)
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    if principal is not None:
        statement["Principal"] = principal
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}), kind=kind)


IDENTITY, BOUNDARY, SESSION = (
    {says: written(kind, says) for says in Says if says is not Says.NONE}
    for kind in (PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION)
)


@cache
def resource_policy(says: Says, names: Names, caller: CallerNames) -> Policy:
    principals = {
        Names.ACCOUNT: {"AWS": caller.account_id},
        Names.ROLE: {"AWS": caller.role_arn},
        Names.EVERYONE: "*",
        Names.CALLER: {"AWS": caller.arn},
    }
    return written(PolicyKind.RESOURCE, says, principals[names])


@cache
def decided(case: Case) -> str:
    """Return "allowed", or the kind that denied or lacks an Allow, from the denial's words."""
    caller = caller_of(case)
    policies = Policies(
        identity=[IDENTITY[case.identity]] if case.identity in IDENTITY else [],
        resource=[] if case.resource is Says.NONE else [resource_policy(case.resource, case.names, caller)],
        boundary=BOUNDARY.get(case.boundary),
        session=[SESSION[case.session]] if case.session in SESSION else None,
    )
    decision = decide(AccessRequest(caller, GET, SECRET, Context({})), policies, union=case.union)
    if decision.allowed:
        assert decision.reason == ""
        return "allowed"
    assert decision.kind is not None
    assert str(decision.kind) in decision.reason
    how = "denied by" if "explicit deny" in decision.reason else "no Allow of"
    return f"{how} {decision.kind.name}"


def expected(case: Case) -> str:
    """IAM's rules, in the order in which they are told."""
    told = [("RESOURCE", case.resource), ("IDENTITY", case.identity)]
    told += [("BOUNDARY", case.boundary), ("SESSION", case.session)]
    for kind, says in told:
        if says is Says.DENY:
            return f"denied by {kind}"

    root = case.who is Who.ROOT
    names = case.names
    if root and names is Names.CALLER:  # the ARN of a root is the name of its account
        names = Names.ACCOUNT
    in_resource, in_identity = case.resource is Says.ALLOW, case.identity is Says.ALLOW or root
    within_boundary = case.boundary in (Says.NONE, Says.ALLOW)
    within_session = case.session in (Says.NONE, Says.ALLOW)
    by_name = in_resource and case.same_account and names is not Names.ACCOUNT

    lacking_trust = "no Allow of TRUST" if case.resource is Says.NONE and not case.union else "no Allow of RESOURCE"
    if not in_resource and (not case.same_account or not case.union):
        return lacking_trust
    if not (by_name or in_identity):
        return "no Allow of IDENTITY"
    if not (within_boundary or (by_name and names in (Names.CALLER, Names.EVERYONE))):
        return "no Allow of BOUNDARY"
    if not (within_session or (by_name and names is Names.CALLER)):
        return "no Allow of SESSION"
    return "allowed"


def cases(who: Who, *, same_account: bool, union: bool) -> list[Case]:
    rows = itertools.product(Says, Says, Names, Says, Says)
    return [
        Case(who, same_account, union, identity, resource, names, boundary, session)
        for identity, resource, names, boundary, session in rows
        if names is not Names.ROLE or who is Who.SESSION
    ]


@pytest.mark.parametrize("union", [True, False])
@pytest.mark.parametrize("same_account", [True, False])
@pytest.mark.parametrize("who", Who)
def test_every_combination_is_decided_as_iam_s_rules_say(who, same_account, union):
    table = cases(who, same_account=same_account, union=union)
    assert len(table) == (1_024 if who is Who.SESSION else 768)
    wrong = [(case, decided(case), expected(case)) for case in table if decided(case) != expected(case)]
    assert not wrong, wrong[0]


def outcomes(**given: Any) -> set[str]:
    """What comes of all combinations of what is not given."""
    table = [
        case
        for who, same_account, union in itertools.product(Who, (True, False), (True, False))
        for case in cases(who, same_account=same_account, union=union)
        if all(getattr(case, name) is value for name, value in given.items())
    ]
    return {decided(case) for case in table}


def test_the_table_reaches_every_outcome():
    kinds = ("RESOURCE", "IDENTITY", "BOUNDARY", "SESSION")
    every = {
        "allowed",
        "no Allow of TRUST",
        *(f"{how} {kind}" for how in ("denied by", "no Allow of") for kind in kinds),
    }
    assert outcomes() == every


@pytest.mark.parametrize("kind", ["identity", "resource", "boundary", "session"])
def test_a_deny_of_any_kind_denies_whatever_else_is_said(kind):
    assert all(each.startswith("denied by") for each in outcomes(**{kind: Says.DENY}))


def test_nothing_is_allowed_to_who_is_not_root_without_an_allow():
    nothing = {"identity": Says.SILENT, "resource": Says.SILENT}
    assert "allowed" not in outcomes(who=Who.USER, **nothing) | outcomes(who=Who.SESSION, **nothing)


def test_no_other_account_is_allowed_without_the_resource_policy():
    for says in (Says.NONE, Says.SILENT, Says.DENY):
        assert "allowed" not in outcomes(same_account=False, resource=says)

"""Unique ids: whom a policy means once its user or role was deleted and created anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain.principal import Principal
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames, names_of
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import PolicyKind, parse_policy, principals_of

ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3"
GET = "secretsmanager:GetSecretValue"
USER, ROLE = f"arn:aws:iam::{ACCOUNT}:user/mary", f"arn:aws:iam::{ACCOUNT}:role/path/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
PINS = {USER: "AIDAFIRST", ROLE: "AROAFIRST"}


def user(unique_id: str, arn: str = USER) -> CallerNames:
    return names_of(Principal("IAMUser", arn, unique_id, ACCOUNT, "AKIAEXAMPLE"))


def session(role_id: str, role_arn: str = ROLE) -> CallerNames:
    return names_of(Principal("AssumedRole", SESSION, f"{role_id}:one", ACCOUNT, "ASIAEXAMPLE"), role_arn=role_arn)


def allows(caller: CallerNames, statement: dict[str, Any], pins: dict[str, str]) -> bool:
    everyone = {"Effect": "Allow", "Action": GET, "Resource": "*", "Principal": "*"}
    statements = [statement] if statement["Effect"] == "Allow" else [everyone, statement]
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    policy = parse_policy(text, kind=PolicyKind.RESOURCE, pins=pins)
    return decide(AccessRequest(caller, GET, SECRET, Context({})), Policies(resource=[policy])).allowed


def grant(*names: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": GET, "Resource": "*", "Principal": {"AWS": list(names)}}


def test_the_names_of_users_and_roles_are_what_is_pinned():
    named = [USER, ROLE, SESSION, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "*"]
    exempt = {"Effect": "Deny", "Action": "*", "NotPrincipal": {"AWS": f"{ROLE}-admin"}, "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [grant(*named), exempt]})
    assert principals_of(parse_policy(text, kind=PolicyKind.RESOURCE)) == {USER, ROLE, f"{ROLE}-admin"}


def test_a_policy_of_an_identity_names_nobody():
    text = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    assert principals_of(parse_policy(text, kind=PolicyKind.IDENTITY)) == frozenset()


def test_a_pinned_user_is_the_one_of_that_id_whatever_the_arn():
    assert allows(user("AIDAFIRST"), grant(USER), PINS)
    assert not allows(user("AIDASECOND"), grant(USER), PINS)
    assert allows(user("AIDAFIRST", f"{USER}-renamed"), grant(USER), PINS)
    assert not allows(user(""), grant(USER), PINS)


def test_a_pinned_role_is_the_one_of_that_id():
    assert allows(session("AROAFIRST"), grant(ROLE), PINS)
    assert not allows(session("AROASECOND"), grant(ROLE), PINS)
    assert allows(session("AROAFIRST", f"{ROLE}-moved"), grant(ROLE), PINS)


def test_without_a_pin_the_arn_counts():
    assert allows(user("AIDASECOND"), grant(USER), {})
    assert allows(user("AIDASECOND"), grant(USER), {ROLE: "AROAFIRST"})
    assert allows(session("AROASECOND"), grant(ROLE), {USER: "AIDAFIRST"})


def test_no_id_stands_for_a_session_or_an_account():
    pins = {SESSION: "AIDASOMEBODY", ACCOUNT: "AIDASOMEBODY", "*": "AIDASOMEBODY"}
    assert allows(session("AROASECOND"), grant(SESSION), pins)
    assert allows(user("AIDASECOND"), grant("*"), pins)


@pytest.mark.parametrize(("unique_id", "spared"), [("AIDAFIRST", True), ("AIDASECOND", False)])
def test_an_exception_from_a_deny_spares_only_who_was_meant(unique_id, spared):
    denial = {"Effect": "Deny", "Action": GET, "NotPrincipal": {"AWS": [USER, ACCOUNT]}, "Resource": "*"}
    assert allows(user(unique_id), denial, PINS) is spared


@pytest.mark.parametrize(("unique_id", "denied"), [("AIDAFIRST", True), ("AIDASECOND", False)])
def test_a_deny_is_about_who_was_meant(unique_id, denied):
    assert allows(user(unique_id), {**grant(USER), "Effect": "Deny"}, PINS) is not denied


def test_a_principal_s_own_id_is_no_role_s():
    assert session("AROAFIRST").role_id == "AROAFIRST"
    assert user("AIDAFIRST").role_id is None
    federated = Principal("FederatedUser", f"arn:aws:sts::{ACCOUNT}:federated-user/bob", f"{ACCOUNT}:bob", ACCOUNT, "A")
    assert names_of(federated).role_id is None

"""Users and roles of a deployment, put there without IAM, and the deployment as they see it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from strongroom.domain.identity import Group, ManagedPolicy, PolicyVersion, Role, User
from strongroom.domain.principal import Principal, Session, role_session_arn
from strongroom.domain.secret import Tag
from strongroom.storage.base import Transaction
from support.deployment import Deployment

KEY_ID = "AKIAEXAMPLEEXAMPLE01"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: str | list[str], resource: str = "*", **elements: Any) -> dict[str, Any]:
    return allow(action, resource, **elements) | {"Effect": "Deny"}


READ_EVERYTHING = policy(allow("secretsmanager:GetSecretValue"))


def add_user(deployment: Deployment, name: str, *policies: str, number: int = 1, **facts: Any) -> User:
    """Make a user with inline policies; `number` tells users apart that have one name after the other."""
    user = User(
        account_id=deployment.account_id,
        name=name,
        unique_id=f"AIDA{name.upper()}{number}",
        created_at=deployment.clock.now(),
        **facts,
    )

    def insert(tx: Transaction) -> None:
        tx.identities.insert(user)
        for place, text in enumerate(policies):
            tx.identities.put_inline_policy(user, f"policy-{place}", text)

    deployment.node.storage.write(insert)
    return user


def as_user(deployment: Deployment, user: User) -> Deployment:
    return replace(deployment, principal=Principal("IAMUser", user.arn, user.unique_id, user.account_id, KEY_ID))


def with_user(deployment: Deployment, name: str, *policies: str, **facts: Any) -> Deployment:
    """Return the deployment as a new user sees it."""
    return as_user(deployment, add_user(deployment, name, *policies, **facts))


def with_role(deployment: Deployment, name: str, *policies: str, **session: Any) -> Deployment:
    """Return the deployment as a session of a new role sees it; `session` are facts of the session."""
    role = Role(
        account_id=deployment.account_id,
        name=name,
        unique_id=f"AROA{name.upper()}",
        created_at=deployment.clock.now(),
        path="/apps/",
        trust_policy="{}",
        tags=(Tag("team", "role"),),
    )

    def insert(tx: Transaction) -> None:
        tx.identities.insert(role)
        for place, text in enumerate(policies):
            tx.identities.put_inline_policy(role, f"policy-{place}", text)

    deployment.node.storage.write(insert)
    facts = Session(role.arn, role.unique_id, deployment.clock.now().replace(microsecond=0), **session)
    arn = role_session_arn(deployment.account_id, name, "s1")
    principal = Principal("AssumedRole", arn, f"{role.unique_id}:s1", deployment.account_id, "ASIAEXAMPLE", facts)
    return replace(deployment, principal=principal)


def add_group(deployment: Deployment, name: str, member: User, text: str) -> Group:
    group = Group(
        account_id=deployment.account_id,
        name=name,
        unique_id=f"AGPA{name.upper()}",
        created_at=deployment.clock.now(),
    )

    def insert(tx: Transaction) -> None:
        tx.identities.insert(group)
        tx.identities.put_inline_policy(group, "shared", text)
        tx.identities.add_member(group, member)

    deployment.node.storage.write(insert)
    return group


def add_managed_policy(deployment: Deployment, name: str, text: str) -> ManagedPolicy:
    now = deployment.clock.now()
    managed = ManagedPolicy(
        account_id=deployment.account_id, name=name, unique_id=f"ANPA{name.upper()}", created_at=now, updated_at=now
    )

    def insert(tx: Transaction) -> None:
        tx.identities.insert(managed)
        tx.identities.insert_policy_version(managed, PolicyVersion(1, text, now, is_default=True))

    deployment.node.storage.write(insert)
    return managed

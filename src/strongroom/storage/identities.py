"""The verbs about identities: users, groups, roles, managed policies, identity providers, and their policies.

An identity is one row; what only its own kind has stands in the row as JSON. Whatever refers to an identity
refers to its unique id, which stays when its name changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from strongroom.domain.identity import (
    GrantedPolicy,
    Grants,
    Group,
    Identity,
    IdentityKind,
    IdentityProvider,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
    name_key,
)
from strongroom.domain.timestamps import from_micros, to_micros
from strongroom.storage.base import AccessKeyRow, KeyUse
from strongroom.storage.rows import Params, Row, access_key_of

IDENTITIES_KEPT: Final = 1_024
"""Identities and grants kept decoded, by the row they were made of: none is ever stale."""

_TYPES: Final[dict[str, Any]] = {kind.value: record for kind, record in (
    (IdentityKind.USER, User),
    (IdentityKind.GROUP, Group),
    (IdentityKind.ROLE, Role),
    (IdentityKind.POLICY, ManagedPolicy),
    (IdentityKind.PROVIDER, IdentityProvider),
)}  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode

Run = Callable[[str, Params], list[Row]]


class SqlIdentities:
    """`Identities` over one open transaction: `run` reads, `change` writes."""

    def __init__(self, run: Run, change: Run) -> None:
        self._run = run
        self._change = change

    # --- identities

    def hold(self, account_id: str) -> None:
        self._run("hold_identities", {"account_id": account_id})

    def find(self, kind: IdentityKind, account_id: str, name: str) -> Any:
        params = {"account_id": account_id, "kind": kind.value, "name_key": name_key(kind, name)}
        return self._one("find_identity", params)

    def find_by_arn(self, arn: str) -> Identity | None:
        return self._one("find_identity_by_arn", {"arn": arn})

    def find_by_id(self, unique_id: str) -> Identity | None:
        return self._one("find_identity_by_id", {"unique_id": unique_id})

    def page(self, kind: IdentityKind, account_id: str, *, after: str = "", limit: int) -> list[Any]:
        params = {"account_id": account_id, "kind": kind.value, "after": after, "row_limit": limit}
        return self._many("list_identities", params)

    def count(self, kind: IdentityKind, account_id: str) -> int:
        return int(self._run("count_identities", {"account_id": account_id, "kind": kind.value})[0][0])

    def insert(self, identity: Identity) -> None:
        self._change("insert_identity", _params_of(identity))

    def put(self, identity: Identity) -> None:
        self._change("put_identity", _params_of(identity))

    def delete(self, identity: Identity) -> None:
        self._change("delete_identity", {"unique_id": identity.unique_id})

    # --- policies

    def inline_policies(self, holder: Identity) -> dict[str, str]:
        return dict(self._run("list_inline_policies", {"holder_id": holder.unique_id}))

    def put_inline_policy(self, holder: Identity, name: str, document: str) -> None:
        params = {"account_id": holder.account_id, "holder_id": holder.unique_id, "policy_name": name}
        self._change("put_inline_policy", params | {"document": document})

    def delete_inline_policy(self, holder: Identity, name: str) -> None:
        self._change("delete_inline_policy", {"holder_id": holder.unique_id, "policy_name": name})

    def attachments(self, holder: Identity) -> list[str]:
        return [row[0] for row in self._run("list_attachments", {"holder_id": holder.unique_id})]

    def attach(self, holder: Identity, policy_arn: str) -> None:
        params = {"account_id": holder.account_id, "holder_id": holder.unique_id, "policy_arn": policy_arn}
        self._change("attach_policy", params)

    def detach(self, holder: Identity, policy_arn: str) -> None:
        self._change("detach_policy", {"holder_id": holder.unique_id, "policy_arn": policy_arn})

    def holders_of(self, account_id: str, policy_arn: str) -> list[Identity]:
        return self._many("list_holders", {"account_id": account_id, "policy_arn": policy_arn})

    def bounded_by(self, account_id: str, policy_arn: str) -> list[Identity]:
        return self._many("list_bounded", {"account_id": account_id, "policy_arn": policy_arn})

    def policy_versions(self, policy_arn: str) -> list[PolicyVersion]:
        rows = self._run("list_policy_versions", {"policy_arn": policy_arn})
        return [PolicyVersion(row[0], row[1], from_micros(row[2]), bool(row[3])) for row in rows]

    def insert_policy_version(self, policy: ManagedPolicy, version: PolicyVersion) -> None:
        params = {"account_id": policy.account_id, "policy_arn": policy.arn, "version": version.number}
        params |= {"document": version.document, "created_at": to_micros(version.created_at)}
        self._change("insert_policy_version", params | {"is_default": int(version.is_default)})

    def choose_policy_version(self, policy_arn: str, number: int) -> None:
        self._change("choose_policy_version", {"policy_arn": policy_arn, "version": number})

    def delete_policy_version(self, policy_arn: str, number: int) -> None:
        self._change("delete_policy_version", {"policy_arn": policy_arn, "version": number})

    # --- groups

    def members(self, group: Group) -> list[Any]:
        return self._many("list_members", {"group_id": group.unique_id})

    def groups_of(self, user: User) -> list[Any]:
        return self._many("list_groups_of", {"user_id": user.unique_id})

    def add_member(self, group: Group, user: User) -> None:
        params = {"account_id": group.account_id, "group_id": group.unique_id, "user_id": user.unique_id}
        self._change("add_member", params)

    def remove_member(self, group: Group, user: User) -> None:
        self._change("remove_member", {"group_id": group.unique_id, "user_id": user.unique_id})

    # --- what decides, and who signs

    def grants(self, arn: str) -> Grants | None:
        rows = self._run("find_grants", {"arn": arn})
        return _grants_of(rows[0]) if rows else None

    def access_keys_of(self, principal_id: str) -> list[AccessKeyRow]:
        return [access_key_of(row) for row in self._run("list_keys_of_principal", {"principal_id": principal_id})]

    def rename_principal(self, principal_id: str, arn: str) -> None:
        self._change("rename_principal", {"principal_id": principal_id, "arn": arn})

    def record_key_uses(self, uses: Mapping[str, KeyUse]) -> None:
        rows = [(key, to_micros(use.used_at), use.region, use.service) for key, use in sorted(uses.items())]
        self._change("record_key_uses", {"rows": msgspec.json.encode(rows).decode()})

    def key_use(self, access_key_id: str) -> KeyUse | None:
        rows = self._run("find_key_use", {"access_key_id": access_key_id})
        return KeyUse(from_micros(rows[0][0]), rows[0][1], rows[0][2]) if rows else None

    def forget_key_use(self, access_key_id: str) -> None:
        self._change("delete_key_use", {"access_key_id": access_key_id})

    def _one(self, query: str, params: Params) -> Identity | None:
        rows = self._run(query, params)
        return _identity_of(*rows[0]) if rows else None

    def _many(self, query: str, params: Params) -> list[Any]:
        return [_identity_of(*row) for row in self._run(query, params)]


@lru_cache(maxsize=IDENTITIES_KEPT)
def _identity_of(kind: str, body: str) -> Identity:
    identity: Identity = msgspec.json.decode(body, type=_TYPES[kind])
    return identity


@lru_cache(maxsize=IDENTITIES_KEPT)
def _grants_of(row: Row) -> Grants:
    kind, body, policies, boundary = row
    granted = msgspec.json.decode(policies, type=list[tuple[str, str, str | None]])
    identity = _identity_of(kind, body)
    assert isinstance(identity, User | Role)
    return Grants(identity, tuple(GrantedPolicy(*each) for each in sorted(granted, key=repr)), boundary)


def _params_of(identity: Identity) -> Params:
    return {
        "unique_id": identity.unique_id,
        "account_id": identity.account_id,
        "kind": identity.kind.value,
        "name_key": name_key(identity.kind, identity.name),
        "path": identity.path,
        "arn": identity.arn,
        "boundary_arn": getattr(identity, "boundary_arn", None),
        "body": _encode(identity).decode(),
    }

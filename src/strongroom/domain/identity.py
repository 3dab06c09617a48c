"""The identities of an account: users, groups, roles, managed policies and identity providers. All frozen.

Rules:
- Names of one kind differ in more than their case within an account (documented); an identity provider is
  known by its URL, in which case counts.
- The unique id stays when the name changes and is never given again: whatever refers to an identity for
  good refers to it by that id (documented; recorded for principals of resource policies).
- ARNs carry the path, those of role sessions do not (documented).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

from strongroom.domain.secret import Tag

AWS_POLICY_PREFIX: Final = "arn:aws:iam::aws:policy/"
"""ARNs of the policies that AWS manages, the same in every account."""

DEFAULT_SESSION_SECONDS: Final = 3_600


class IdentityKind(StrEnum):
    USER = "user"
    GROUP = "group"
    ROLE = "role"
    POLICY = "policy"
    PROVIDER = "oidc-provider"


UNIQUE_ID_PREFIXES: Final = {
    IdentityKind.USER: "AIDA",
    IdentityKind.GROUP: "AGPA",
    IdentityKind.ROLE: "AROA",
    IdentityKind.POLICY: "ANPA",
    IdentityKind.PROVIDER: "AOIP",
}
"""What unique ids begin with (documented). That of providers is ours: AWS shows none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    account_id: str
    name: str
    unique_id: str
    created_at: datetime
    path: str = "/"
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User(_Identity):
    """`boundary_arn` is the managed policy that bounds what other policies may grant."""

    kind: ClassVar[IdentityKind] = IdentityKind.USER
    boundary_arn: str | None = None

    @property
    def arn(self) -> str:
        return arn_of(self.kind, self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(_Identity):
    kind: ClassVar[IdentityKind] = IdentityKind.GROUP

    @property
    def arn(self) -> str:
        return arn_of(self.kind, self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(_Identity):
    """`trust_policy` says who may assume it; `trusted_ids` whom its ARNs meant when it was written."""

    kind: ClassVar[IdentityKind] = IdentityKind.ROLE
    trust_policy: str
    trusted_ids: tuple[tuple[str, str], ...] = ()
    description: str | None = None
    max_session_seconds: int = DEFAULT_SESSION_SECONDS
    boundary_arn: str | None = None

    @property
    def arn(self) -> str:
        return arn_of(self.kind, self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy(_Identity):
    """A policy with versions, of which one is in force."""

    kind: ClassVar[IdentityKind] = IdentityKind.POLICY
    updated_at: datetime
    description: str | None = None
    latest_version: int = 1

    @property
    def arn(self) -> str:
        return arn_of(self.kind, self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider(_Identity):
    """An OpenID Connect issuer whose tokens roles may trust; `name` is its URL without scheme.

    `key_set` is the JWKS an operator pinned; without one it is fetched from the issuer.
    """

    kind: ClassVar[IdentityKind] = IdentityKind.PROVIDER
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    key_set: str | None = None

    @property
    def arn(self) -> str:
        return arn_of(self.kind, self.account_id, "/", self.name)


Identity: TypeAlias = User | Group | Role | ManagedPolicy | IdentityProvider


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a managed policy, numbered from 1; one of them is the default, which is in force."""

    number: int
    document: str
    created_at: datetime
    is_default: bool

    @property
    def version_id(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class GrantedPolicy:
    """A policy that counts for a principal.

    `holder_arn` is the user, role or group that has it, `name` its name if it is inline and its ARN
    otherwise, `document` None for a policy that AWS manages.
    """

    holder_arn: str
    name: str
    document: str | None


@dataclass(frozen=True, slots=True)
class Grants:
    """All that decides what a user or the sessions of a role may do; `boundary` is the bounding policy's text.

    The text is None where `identity` has no boundary, or one that AWS manages.
    """

    identity: User | Role
    policies: tuple[GrantedPolicy, ...]
    boundary: str | None


def arn_of(kind: IdentityKind, account_id: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account_id}:{kind.value}{path}{name}"


def name_key(kind: IdentityKind, name: str) -> str:
    """Return what two names of a kind must not share."""
    return name if kind is IdentityKind.PROVIDER else name.lower()

"""What all ways to assume a role share: the role, what the session is asked to be, its credentials.

Rules:
- An ARN that no role could have is a ValidationError (recorded text). Whether a role exists nobody is told who
  may not assume it (recorded: the same denial).
- Setting tags and a source identity are actions of their own on the role, which its trust policy must allow
  as well (documented); so is handing them down through a chain (documented for the source identity; recorded
  for tags, of roles that clusters chain).
- The keys of the request are sts:RoleSessionName, sts:ExternalId, sts:SourceIdentity, sts:TransitiveTagKeys,
  aws:TagKeys and aws:RequestTag (documented). Tags that are handed down count among them (inferred).
- Managed policies that narrow a session are AWS's or of the role's own account, and exist (documented; text
  and error ours).
- Sessions begin at a whole second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from strongroom.authn.sessions import IssuedCredentials
from strongroom.authorization import Keys, find_policy
from strongroom.companions.call import CompanionCall
from strongroom.domain.identity import AWS_POLICY_PREFIX, IdentityKind, Role, arn_of
from strongroom.domain.principal import Principal, Session, role_session_arn
from strongroom.domain.session_limits import packed_percent
from strongroom.domain.session_tags import SessionTags
from strongroom.errors import ValidationException
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.stored import parse_stored
from strongroom.storage.base import Transaction

_ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a session is asked to be, whoever asks."""

    name: str
    tags: SessionTags
    source_identity: str | None = None
    policy: str | None = None
    policy_arns: Sequence[str] = ()
    external_id: str | None = None

    def actions(self, way: str) -> Iterator[str]:
        """Yield the actions that it takes; `way` is the one by which the role is assumed."""
        yield way
        if self.tags.tags:
            yield "sts:TagSession"
        if self.source_identity is not None:
            yield "sts:SetSourceIdentity"

    def keys(self) -> Keys:
        """Return the condition keys that the request fills."""
        return dict(self._keys())

    def _keys(self) -> Iterator[tuple[str, str | list[str]]]:
        yield "sts:RoleSessionName", self.name
        if self.external_id is not None:
            yield "sts:ExternalId", self.external_id
        if self.source_identity is not None:
            yield "sts:SourceIdentity", self.source_identity
        for tag in self.tags.tags:
            yield f"aws:RequestTag/{tag.key}", tag.value
        if self.tags.tags:
            yield "aws:TagKeys", [tag.key for tag in self.tags.tags]
        if self.tags.transitive_keys:
            yield "sts:TransitiveTagKeys", list(self.tags.transitive_keys)


@dataclass(frozen=True, slots=True)
class Issued:
    """A session's credentials, and what is said of it in the answer."""

    credentials: IssuedCredentials
    principal: Principal
    packed_percent: int | None


def account_of(role_arn: str) -> str:
    """Return the account that a role's ARN is of.

    Raises:
        ValidationException: it is no role's ARN.
    """
    found = _ROLE_ARN.fullmatch(role_arn)
    if found is None:
        raise ValidationException("Request ARN is invalid")
    return found[1]


def find_role(tx: Transaction, role_arn: str) -> Role | None:
    identity = tx.identities.find_by_arn(role_arn)
    return identity if isinstance(identity, Role) else None


def trust_of(role: Role) -> Policy:
    """Return the policy that says who may assume a role."""
    return parse_stored(role.trust_policy, PolicyKind.TRUST, role.trusted_ids, role.arn)


def issue(call: CompanionCall, role: Role, asked: Asked, seconds: int, *, provider: str | None = None) -> Issued:
    """Return credentials of a role for somebody who may have them.

    Raises:
        MalformedPolicyDocument: the session policy is none.
        PackedPolicyTooLarge: there is no room for policies and tags.
        ValidationException: there is no such managed policy.
    """
    policies = () if asked.policy is None else (asked.policy,)
    for text in policies:
        parse_policy(text, kind=PolicyKind.SESSION)
    _require_managed_policies(call.tx, role, asked.policy_arns)
    percent = packed_percent(policies, asked.policy_arns, asked.tags.tags)
    issued_at = call.now.replace(microsecond=0)
    session = Session(
        issuer_arn=role.arn,
        issuer_id=role.unique_id,
        issued_at=issued_at,
        policies=policies,
        policy_arns=tuple(asked.policy_arns),
        tags=asked.tags.tags,
        transitive_tag_keys=asked.tags.transitive_keys,
        source_identity=asked.source_identity,
        provider=provider,
    )
    principal = session_principal(role, asked.name, session)
    credentials = call.sessions.issue(principal, issued_at + timedelta(seconds=seconds))
    return Issued(credentials, replace(principal, access_key_id=credentials.access_key_id), percent)


def session_principal(role: Role, name: str, session: Session) -> Principal:
    """Return who a session of a role is; its credentials are still to be made."""
    return Principal(
        kind="AssumedRole",
        arn=role_session_arn(role.account_id, role.name, name),
        principal_id=f"{role.unique_id}:{name}",
        account_id=role.account_id,
        access_key_id="",
        session=session,
    )


def _require_managed_policies(tx: Transaction, role: Role, arns: Sequence[str]) -> None:
    own = arn_of(IdentityKind.POLICY, role.account_id, "/", "")
    for arn in arns:
        if not arn.startswith((AWS_POLICY_PREFIX, own)) or find_policy(tx, arn) is None:
            raise ValidationException(f"There is no managed policy {arn} that a session of this role could have.")

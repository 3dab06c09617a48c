"""Who may do what: a caller's own policies, read together with the call, and the decision about an action.

Rules:
- A caller's policies are those of its user or role, of the groups of a user, the permissions boundary, and
  what the session was narrowed to. They are read in the transaction of the call: a change counts at once.
- To a user or role that is gone, although another one has its name, everything is denied.
- A policy that cannot be read denies everything (`policy.stored`).
- Condition keys are filled only when a policy asks for one. `asked` tells which were, so that nobody takes
  an answer for constant that depended on the hour or on the address of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from strongroom.audit.record import Origin
from strongroom.domain import aws_managed_policies
from strongroom.domain.arns import account_of
from strongroom.domain.identity import AWS_POLICY_PREFIX, GrantedPolicy, Grants
from strongroom.domain.principal import Principal, Session
from strongroom.domain.secret import Tag
from strongroom.domain.timestamps import to_micros
from strongroom.policy import evaluate
from strongroom.policy.access_request import NO_RESOURCE, AccessRequest
from strongroom.policy.callers import CallerNames, names_of
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, unreadable
from strongroom.policy.evaluate import Decision, not_allowed
from strongroom.policy.stored import parse_stored
from strongroom.storage.base import Transaction

Keys: TypeAlias = Mapping[str, str | list[str]]
"""Condition keys with their values."""

VOLATILE_KEYS: Final = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:referer", "aws:securetransport", "aws:sourceip", "aws:useragent"}
)
"""Keys whose values change from call to call of one caller; lower case."""

EVERYTHING: Final = Decision(allowed=True)
"""The decision about a root in its own account, where no policy of a resource may deny."""

STANDINGS_KEPT: Final = 1_024
_MICROS_PER_SECOND: Final = 1_000_000
_PRINCIPAL_TYPES: Final = {"Root": "Account", "IAMUser": "User", "AssumedRole": "AssumedRole"}


class Caller(msgspec.Struct, frozen=True):
    """Who calls, in which region, from where."""

    principal: Principal
    region: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Standing:
    """A caller's side of every decision.

    `session` is None where nothing narrows it; `is_gone` says that there is no such user or role any more.
    """

    names: CallerNames
    tags: tuple[Tag, ...] = ()
    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    is_gone: bool = False


class Authorizer:
    """Decides for one caller within one transaction."""

    __slots__ = ("_caller", "_now", "_standing", "_tx", "asked")

    def __init__(self, tx: Transaction, caller: Caller, now: datetime) -> None:
        self._tx = tx
        self._caller = caller
        self._now = now
        self._standing: Standing | None = None
        self.asked: set[str] = set()

    @property
    def standing(self) -> Standing:
        if self._standing is None:
            self._standing = standing_of(self._tx, self._caller.principal)
        return self._standing

    def decide(
        self,
        action: str,
        arn: str,
        *,
        keys: Callable[[], Keys] = dict,
        resource: Sequence[Policy] = (),
        union: bool = True,
    ) -> Decision:
        """Return the decision about an action on a resource.

        Args:
            action: `service:Name`.
            arn: the resource; `*` for an action without one, which is the caller's account's.
            keys: gives the condition keys of this request; the global ones are added.
            resource: the resource's own policies.
            union: whether an identity policy suffices in the same account; not for roles' trust policies.
        """
        principal = self._caller.principal
        if principal.is_root and not resource and principal.session is None and _is_of(principal.account_id, arn):
            return EVERYTHING
        standing = self.standing
        if standing.is_gone:
            return not_allowed(PolicyKind.IDENTITY, action)
        context = Context.lazy(lambda: {**global_keys(self._caller, self._now, standing.tags), **keys()})
        policies = Policies(standing.identity, resource, standing.boundary, standing.session)
        decision = decide(AccessRequest(standing.names, action, arn, context), policies, union=union)
        self.asked |= context.asked
        return decision

    def require(
        self,
        action: str,
        arn: str,
        *,
        as_sent: str | None,
        keys: Callable[[], Keys] = dict,
        resource: Sequence[Policy] = (),
    ) -> None:
        """Refuse an action that is not allowed; `as_sent` is how the denial names the resource.

        Raises:
            AccessDeniedException: the recorded sentence; its `details` say which statement decided.
        """
        decision = self.decide(action, arn, keys=keys, resource=resource)
        evaluate.require_allowed(decision, self._caller.principal, action=action, resource_as_sent=as_sent)


def standing_of(tx: Transaction, principal: Principal) -> Standing:
    """Return a caller's policies as they are now."""
    session = principal.session
    if principal.is_root:
        return _standing(principal, None, _session_policies(tx, session))
    grants = tx.identities.grants(principal.identity_arn)
    owner_id = principal.principal_id if session is None else session.issuer_id
    if grants is not None and grants.identity.unique_id != owner_id:
        grants = None
    return _standing(principal, grants, _session_policies(tx, session))


@lru_cache(maxsize=STANDINGS_KEPT)
def _standing(principal: Principal, grants: Grants | None, session: tuple[Policy, ...] | None) -> Standing:
    names = names_of(principal, role_arn=principal.role_arn)
    tags = principal.session.tags if principal.session is not None else ()
    if grants is None:
        return Standing(names, tags, session=session, is_gone=not principal.is_root)
    own_keys = {tag.key.lower() for tag in tags}
    tags += tuple(tag for tag in grants.identity.tags if tag.key.lower() not in own_keys)
    identity = tuple(_compiled(granted) for granted in grants.policies)
    return Standing(names, tags, identity, _boundary(grants), session)


def _compiled(granted: GrantedPolicy) -> Policy:
    text = granted.document if granted.document is not None else aws_managed_policies.find_document(granted.name)
    if text is None:
        return unreadable(PolicyKind.IDENTITY)
    name = granted.name if granted.name.startswith("arn:") else f"{granted.name} of {granted.holder_arn}"
    return parse_stored(text, PolicyKind.IDENTITY, name=name)


def _boundary(grants: Grants) -> Policy | None:
    arn = grants.identity.boundary_arn
    if arn is None:
        return None
    text = grants.boundary if grants.boundary is not None else aws_managed_policies.find_document(arn)
    if text is None:
        return unreadable(PolicyKind.BOUNDARY)
    return parse_stored(text, PolicyKind.BOUNDARY, name=arn)


def _session_policies(tx: Transaction, session: Session | None) -> tuple[Policy, ...] | None:
    if session is None or not session.is_narrowed:
        return None
    texts = [(text, "the session's policy") for text in session.policies]
    texts += [(text, arn) for arn in session.policy_arns if (text := find_policy(tx, arn)) is not None]
    return tuple(parse_stored(text, PolicyKind.SESSION, name=name) for text, name in texts)


def find_policy(tx: Transaction, arn: str) -> str | None:
    """Return the document of a managed policy that is in force, None for a policy that is not there."""
    if arn.startswith(AWS_POLICY_PREFIX):
        return aws_managed_policies.find_document(arn)
    return next((version.document for version in tx.identities.policy_versions(arn) if version.is_default), None)


def global_keys(caller: Caller, now: datetime, tags: Sequence[Tag]) -> dict[str, str | list[str]]:
    """Return the condition keys that every request has, whatever it is about (AWS's global condition keys)."""
    environment = environment_keys(caller.origin, caller.region, now)
    return dict((*_caller_keys(caller.principal), *environment.items(), *_tag_keys(tags)))


def _caller_keys(principal: Principal) -> Iterator[tuple[str, str | list[str]]]:
    session = principal.session
    yield "aws:PrincipalArn", principal.identity_arn
    yield "aws:PrincipalAccount", principal.account_id
    yield "aws:PrincipalType", _PRINCIPAL_TYPES[principal.kind]
    yield "aws:PrincipalIsAWSService", "false"
    yield "aws:userid", principal.principal_id
    if principal.user_name is not None:
        yield "aws:username", principal.user_name
    if session is None:
        return
    yield "aws:TokenIssueTime", _iso(session.issued_at)
    yield "aws:MultiFactorAuthPresent", "false"
    if session.source_identity is not None:
        yield "aws:SourceIdentity", session.source_identity
    if session.provider is not None:
        yield "aws:FederatedProvider", session.provider


def environment_keys(origin: Origin, region: str, now: datetime) -> dict[str, str]:
    """Return the condition keys that a request has whoever sent it: when, from where, to which region."""
    keys = {
        "aws:SourceIp": origin.source_ip,
        "aws:SecureTransport": "true" if origin.is_secure else "false",
        "aws:CurrentTime": _iso(now),
        "aws:EpochTime": str(to_micros(now) // _MICROS_PER_SECOND),
        "aws:RequestedRegion": region,
        "aws:ViaAWSService": "false",
    }
    if origin.user_agent is not None:
        keys["aws:UserAgent"] = origin.user_agent
    return keys


def _tag_keys(tags: Sequence[Tag]) -> Iterator[tuple[str, str | list[str]]]:
    for tag in tags:
        yield f"aws:PrincipalTag/{tag.key}", tag.value


def _is_of(account_id: str, arn: str) -> bool:
    return arn == NO_RESOURCE or account_of(arn) == account_id


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")

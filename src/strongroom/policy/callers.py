"""Whom a policy names, and how it names a caller.

- `*` is everyone; an account (id or root ARN) is all of that account and delegates to its identity
  policies; a role is every session of it; a user or session ARN is exactly that one.
- A user or role that was pinned when the policy was written is the one of that unique id, whatever its ARN
  is now: who is created anew under an old name is somebody else (recorded).
- NotPrincipal is everyone but those whose every name stands in the list: the account, for a session the
  role, and the caller itself (documented: each is checked). The root has the account's name only.
- An identity provider names whoever comes with a token of it: a caller without account who wants to assume
  a role, and afterwards that caller's session, which it names no better than its role does (inferred).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Final

from strongroom.domain.principal import Principal, root_arn

CALLERS_KEPT: Final = 1_024
_SESSION_KIND: Final = "AssumedRole"


class PrincipalForm(Enum):
    """What a policy's text for a principal is."""

    EVERYONE = "everyone"
    ACCOUNT = "account"
    ROLE = "role"
    CALLER = "user or session"
    SERVICE = "service"
    FEDERATED = "identity provider"


@dataclass(frozen=True, slots=True)
class NamedPrincipal:
    """One principal of a policy: `name` is an account id, an ARN, a service or provider, or `*`.

    `unique_id` is that of the user or role which had the ARN when the policy was written, if it was pinned.
    """

    form: PrincipalForm
    name: str
    unique_id: str | None = None


class PrincipalMatch(IntEnum):
    """How a policy names a caller, from the weakest to the strongest."""

    ACCOUNT = 1
    """By its account: identity policies of that account still decide."""
    ROLE = 2
    """By the role of its session: a permissions boundary still limits it."""
    EVERYONE = 3
    CALLER = 4
    """By its own ARN or service name."""


@dataclass(frozen=True, slots=True)
class CallerNames:
    """All names that one caller answers to.

    `role_arn` and `role_id` are those of a session's role, the ARN with its path. Who comes with nothing but
    the token of a `federated_provider` (an ARN or a domain) has neither account nor ARN.
    """

    account_id: str
    arn: str
    role_arn: str | None = None
    service: str | None = None
    unique_id: str | None = None
    role_id: str | None = None
    federated_provider: str | None = None

    @property
    def is_root(self) -> bool:
        return self.arn == root_arn(self.account_id)

    @property
    def is_outside(self) -> bool:
        """Whether no identity policies exist for the caller: a service, or somebody with a token only."""
        return self.service is not None or not self.arn


@lru_cache(maxsize=CALLERS_KEPT)
def names_of(
    principal: Principal, *, role_arn: str | None = None, federated_provider: str | None = None
) -> CallerNames:
    """Return the names; the id of a session's role is the part of the session's id before the colon."""
    is_session = principal.kind == _SESSION_KIND
    return CallerNames(
        account_id=principal.account_id,
        arn=principal.arn,
        role_arn=role_arn,
        unique_id=principal.principal_id,
        role_id=principal.principal_id.partition(":")[0] if is_session else None,
        federated_provider=federated_provider,
    )


@dataclass(frozen=True, slots=True)
class PrincipalClause:
    """Principal or NotPrincipal."""

    named: tuple[NamedPrincipal, ...]
    negated: bool = False

    def match(self, caller: CallerNames) -> PrincipalMatch | None:
        """Return how the clause covers the caller, or None if it does not."""
        matches = [match for named in self.named if (match := _match(named, caller)) is not None]
        if not self.negated:
            return max(matches, default=None)
        spared = _every_name(caller) <= set(matches) or PrincipalMatch.EVERYONE in matches
        return None if spared else PrincipalMatch.EVERYONE


def _match(named: NamedPrincipal, caller: CallerNames) -> PrincipalMatch | None:  # noqa: PLR0911 - one per form
    match named.form:
        case PrincipalForm.EVERYONE:
            return PrincipalMatch.EVERYONE
        case PrincipalForm.ACCOUNT if named.name == caller.account_id and caller.service is None:
            return PrincipalMatch.ACCOUNT
        case PrincipalForm.ROLE if _is_same(named, caller.role_arn, caller.role_id):
            return PrincipalMatch.ROLE
        case PrincipalForm.CALLER if _is_same(named, caller.arn, caller.unique_id):
            return PrincipalMatch.CALLER
        case PrincipalForm.SERVICE if named.name == caller.service:
            return PrincipalMatch.CALLER
        case PrincipalForm.FEDERATED if named.name == caller.federated_provider:
            return PrincipalMatch.CALLER if caller.is_outside else PrincipalMatch.ROLE
    return None


def _is_same(named: NamedPrincipal, arn: str | None, unique_id: str | None) -> bool:
    return named.name == arn if named.unique_id is None else named.unique_id == unique_id


def _every_name(caller: CallerNames) -> set[PrincipalMatch]:
    if caller.is_outside:
        return {PrincipalMatch.CALLER}
    if caller.is_root:
        return {PrincipalMatch.ACCOUNT}
    of_session = set() if caller.role_arn is None else {PrincipalMatch.ROLE}
    return {PrincipalMatch.ACCOUNT, PrincipalMatch.CALLER} | of_session

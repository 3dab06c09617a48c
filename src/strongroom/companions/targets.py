"""What a call is about, as policies know it: the ARN with its path, and the condition keys it fills.

Rules:
- A request names a user, group or role by its name alone, whatever its path; policies are asked about the
  ARN that it has (documented). A name that nobody has is asked about as if its path were "/". What is created
  is asked about by the ARN that it is to have.
- The tags of what a call is about are aws:ResourceTag, those of users and roles iam:ResourceTag as well
  (documented).
- iam:PermissionsBoundary is the boundary in the request if there is one. Where policies are attached, written
  or removed, and a boundary is removed, it is the one that the user or role has (documented): this is what
  lets somebody hand out permissions within a boundary only.
- A denial names users, groups and roles as "user NAME", policies as "policy ARN" (recorded).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strongroom.authorization import Keys
from strongroom.domain.arns import account_of
from strongroom.domain.identity import Identity, IdentityKind
from strongroom.domain.principal import last_name
from strongroom.operations.base import Request
from strongroom.storage.base import Identities

_BOUNDED_ACTIONS: Final = frozenset(
    f"iam:{verb}{kind}{what}"
    for kind in ("User", "Role")
    for verb, what in (
        ("Attach", "Policy"),
        ("Detach", "Policy"),
        ("Put", "Policy"),
        ("Delete", "Policy"),
        ("Delete", "PermissionsBoundary"),
    )
)
_NAMED: Final = {kind.value: kind for kind in (IdentityKind.USER, IdentityKind.GROUP, IdentityKind.ROLE)}
_MEMBER_KEYS: Final = {
    "permissions_boundary": "iam:PermissionsBoundary",
    "policy_arn": "iam:PolicyARN",
}


def find_target(identities: Identities, arn: str) -> Identity | None:
    """Return the entity that an ARN means, whose path need not be right."""
    kind = _NAMED.get(_kind_of(arn))
    account_id = account_of(arn)
    if kind is None or not account_id:
        return identities.find_by_arn(arn)
    found: Identity | None = identities.find(kind, account_id, last_name(arn))
    return found


def named_in_denial(arn: str) -> str:
    kind = _kind_of(arn)
    if kind == IdentityKind.POLICY:
        return f"policy {arn}"
    return f"{kind} {last_name(arn)}" if kind in _NAMED else arn


def _kind_of(arn: str) -> str:
    return arn.rsplit(":", 1)[-1].partition("/")[0]


def condition_keys(action: str, request: Request, target: Identity | None) -> Keys:
    """Return the condition keys that a request and what it is about fill: tags, boundary, policy."""
    return dict((*_target_keys(action, target), *_request_keys(request)))


def _target_keys(action: str, target: Identity | None) -> Iterator[tuple[str, str | list[str]]]:
    if target is None:
        return
    for tag in target.tags:
        yield f"aws:ResourceTag/{tag.key}", tag.value
        if target.kind.value in _NAMED:
            yield f"iam:ResourceTag/{tag.key}", tag.value
    boundary_arn = getattr(target, "boundary_arn", None)
    if boundary_arn is not None and action in _BOUNDED_ACTIONS:
        yield "iam:PermissionsBoundary", boundary_arn


def _request_keys(request: Request) -> Iterator[tuple[str, str | list[str]]]:
    for attribute, key in _MEMBER_KEYS.items():
        if (value := getattr(request, attribute, None)) is not None:
            yield key, str(value)
    tags: list[Any] = getattr(request, "tags", None) or []
    for tag in tags:
        yield f"aws:RequestTag/{tag.key}", tag.value or ""
    if keys := [tag.key or "" for tag in tags] + list(getattr(request, "tag_keys", None) or ()):
        yield "aws:TagKeys", keys

"""Entities found by what requests call them, or the error that there is none; and how answers show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import shapes
from strongroom.domain import aws_managed_policies, iam_names
from strongroom.domain import secret as domain
from strongroom.domain.identity import Group, Identity, IdentityKind, IdentityProvider, ManagedPolicy, Role, User
from strongroom.domain.principal import last_name
from strongroom.errors import AccessDeniedException, ValidationException
from strongroom.storage.base import Transaction


def get_named(call: CompanionCall, kind: IdentityKind, name: str) -> Any:
    """Return a user, group or role. Raises NoSuchEntity."""
    found = call.tx.identities.find(kind, call.account_id, name)
    if found is None:
        raise iam_names.not_found(kind, name)
    return found


def get_user(call: CompanionCall, name: str) -> User:
    user: User = get_named(call, IdentityKind.USER, name)
    return user


def get_group(call: CompanionCall, name: str) -> Group:
    group: Group = get_named(call, IdentityKind.GROUP, name)
    return group


def get_role(call: CompanionCall, name: str) -> Role:
    role: Role = get_named(call, IdentityKind.ROLE, name)
    return role


def caller_name(call: CompanionCall) -> str | None:
    """Return the name of the user that calls, None for the account's root.

    Raises:
        ValidationException: a role's session calls, which has no user name (recorded).
    """
    principal = call.principal
    if principal.is_root:
        return None
    if principal.user_name is None:
        raise ValidationException("Must specify userName when calling with non-User credentials")
    return principal.user_name


def get_policy(call: CompanionCall, arn: str) -> ManagedPolicy:
    """Return a policy of the account or one that AWS manages. Raises NoSuchEntity."""
    found = find_policy(call, arn)
    if found is None:
        raise iam_names.policy_not_found(arn)
    return found


def find_policy(call: CompanionCall, arn: str) -> ManagedPolicy | None:
    if iam_names.is_aws_managed(arn):
        return aws_managed_policies.find_policy(arn)
    found = call.tx.identities.find_by_arn(arn)
    return found if isinstance(found, ManagedPolicy) and found.account_id == call.account_id else None


def get_own_policy(call: CompanionCall, arn: str, action: str) -> ManagedPolicy:
    """Return a policy that may be changed.

    Raises:
        NoSuchEntity: there is none.
        AccessDeniedException: AWS manages it: nobody may (documented; the text is as IAM writes denials).
    """
    policy = get_policy(call, arn)
    if iam_names.is_aws_managed(arn):
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: {action} on resource: policy {arn}"
        )
    return policy


def require_attachable(call: CompanionCall, arn: str) -> None:
    """Refuse a policy that is not there. Raises NoSuchEntity."""
    iam_names.require_arn(IdentityKind.POLICY, arn)
    if find_policy(call, arn) is None:
        raise iam_names.policy_not_attachable(arn)


def require_boundary(call: CompanionCall, arn: str) -> None:
    """Refuse a boundary that is not there. Raises NoSuchEntity."""
    iam_names.require_boundary_arn(arn)
    if find_policy(call, arn) is None:
        raise iam_names.boundary_not_found(arn)


def get_provider(call: CompanionCall, arn: str) -> IdentityProvider:
    found = find_provider(call, arn)
    if found is None:
        raise iam_names.provider_not_found(arn)
    return found


def find_provider(call: CompanionCall, arn: str) -> IdentityProvider | None:
    found = call.tx.identities.find_by_arn(arn)
    return found if isinstance(found, IdentityProvider) and found.account_id == call.account_id else None


def require_name_free(call: CompanionCall, kind: IdentityKind, name: str, *, but: Identity | None = None) -> None:
    """Refuse a name that another entity has, whatever its case. Raises EntityAlreadyExists."""
    found = call.tx.identities.find(kind, call.account_id, name)
    if found is not None and (but is None or found.unique_id != but.unique_id):
        raise iam_names.already_exists(kind, name)


def versions_of(tx: Transaction, policy: ManagedPolicy) -> list[Any]:
    if iam_names.is_aws_managed(policy.arn):
        return list(aws_managed_policies.versions_of(policy.arn))
    return list(tx.identities.policy_versions(policy.arn))


# --- as answers show them


def encoded(document: str) -> str:
    """Return a policy as IAM shows it: percent-encoded as RFC 3986 says (documented)."""
    return quote(document, safe="")


def shown_user(user: User, *, in_full: bool = True) -> shapes.User:
    return shapes.User(
        path=user.path,
        user_name=user.name,
        user_id=user.unique_id,
        arn=user.arn,
        create_date=user.created_at,
        permissions_boundary=shown_boundary(user) if in_full else None,
        tags=shown_tags(user.tags) if in_full else None,
    )


def shown_group(group: Group) -> shapes.Group:
    return shapes.Group(
        path=group.path,
        group_name=group.name,
        group_id=group.unique_id,
        arn=group.arn,
        create_date=group.created_at,
    )


def shown_boundary(holder: User | Role) -> shapes.AttachedBoundary | None:
    arn = holder.boundary_arn
    return None if arn is None else shapes.AttachedBoundary(permissions_boundary_arn=arn)


def shown_tags(tags: Iterable[domain.Tag]) -> list[shapes.Tag] | None:
    """Return the tags in the order of their keys (documented); None where there are none."""
    return [shapes.Tag(key=tag.key, value=tag.value) for tag in sorted(tags, key=lambda tag: tag.key)] or None


def shown_attachments(arns: Iterable[str]) -> list[shapes.AttachedPolicy]:
    attached = (shapes.AttachedPolicy(policy_name=last_name(arn), policy_arn=arn) for arn in arns)
    return sorted(attached, key=place_of_attachment)


def place_of_attachment(policy: shapes.AttachedPolicy) -> str:
    """Return where a policy stands among others: by name, an account's own before the one of AWS."""
    return f"{policy.policy_name.lower()} {'aws' if iam_names.is_aws_managed(policy.policy_arn) else ''}"


def shown_policy(call: CompanionCall, policy: ManagedPolicy, *, in_full: bool = False) -> shapes.Policy:
    """Return a policy with what it is used for in the caller's account; a list tells neither text nor tags."""
    identities = call.tx.identities
    return shapes.Policy(
        policy_name=policy.name,
        policy_id=policy.unique_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=default_version_id(call.tx, policy),
        attachment_count=len(identities.holders_of(call.account_id, policy.arn)),
        permissions_boundary_usage_count=len(identities.bounded_by(call.account_id, policy.arn)),
        is_attachable=True,
        description=policy.description if in_full else None,
        create_date=policy.created_at,
        update_date=policy.updated_at,
        tags=shown_tags(policy.tags) if in_full else None,
    )


def default_version_id(tx: Transaction, policy: ManagedPolicy) -> str:
    version_id: str = next(version.version_id for version in versions_of(tx, policy) if version.is_default)
    return version_id

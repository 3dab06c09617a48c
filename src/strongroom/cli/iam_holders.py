"""What users, groups and roles have in common at the command line: their policies, and their end."""

from __future__ import annotations

from typing import Any

import typer

from strongroom.cli.iam_desk import (
    IamCalls,
    IamDesk,
    JsonFile,
    PolicyName,
    find_policy_arn,
    on_deployment,
    plain,
    read_text,
)
from strongroom.domain.identity import IdentityKind


def add_policy_commands(app: typer.Typer, kind: IdentityKind) -> None:
    """Add attach, detach, put-policy and delete-policy to the commands of one kind of holder."""
    noun, member = kind.value.title(), f"{kind.value}_name"

    def attach(desk: IamDesk, name: str, policy: PolicyName) -> None:
        """Attach a managed policy."""
        arn = desk.do(lambda iam: _attach(iam, f"Attach{noun}Policy", member, name, policy))
        typer.echo(f"{arn} is attached to {kind.value} {name}.")

    def detach(desk: IamDesk, name: str, policy: PolicyName) -> None:
        """Detach a managed policy."""
        arn = desk.do(lambda iam: _attach(iam, f"Detach{noun}Policy", member, name, policy))
        typer.echo(f"{arn} is detached from {kind.value} {name}.")

    def put_policy(desk: IamDesk, name: str, policy_name: str, file: JsonFile) -> None:
        """Write an inline policy from a file."""
        document = read_text(file)
        desk.do(
            lambda iam: iam(f"Put{noun}Policy", policy_name=policy_name, policy_document=document, **{member: name})
        )
        typer.echo(f"The {kind.value} {name} has the policy {policy_name}.")

    def delete_policy(desk: IamDesk, name: str, policy_name: str) -> None:
        """Delete an inline policy."""
        desk.do(lambda iam: iam(f"Delete{noun}Policy", policy_name=policy_name, **{member: name}))
        typer.echo(f"The {kind.value} {name} has no policy {policy_name} any more.")

    for command in (attach, detach, put_policy, delete_policy):
        app.command(command.__name__.replace("_", "-"))(on_deployment(command))


def _attach(iam: IamCalls, operation: str, member: str, name: str, policy: str) -> str:
    arn = find_policy_arn(iam, policy)
    iam(operation, policy_arn=arn, **{member: name})
    return arn


def policies_of(iam: IamCalls, kind: IdentityKind, name: str) -> dict[str, Any]:
    """Return the policies of a holder: the ARNs attached, and the documents of the inline ones."""
    noun, holder = kind.value.title(), {f"{kind.value}_name": name}
    attached = iam.all(f"ListAttached{noun}Policies", "attached_policies", **holder)
    inline = {
        policy: plain(iam(f"Get{noun}Policy", policy_name=policy, **holder).policy_document)
        for policy in iam.all(f"List{noun}Policies", "policy_names", **holder)
    }
    return {"AttachedPolicies": [policy.policy_arn for policy in attached], "InlinePolicies": inline}


def empty(iam: IamCalls, kind: IdentityKind, name: str) -> None:
    """Take from a holder what must be gone before it is deleted: policies, access keys, memberships."""
    noun, holder = kind.value.title(), {f"{kind.value}_name": name}
    for policy in iam.all(f"ListAttached{noun}Policies", "attached_policies", **holder):
        iam(f"Detach{noun}Policy", policy_arn=policy.policy_arn, **holder)
    for policy_name in iam.all(f"List{noun}Policies", "policy_names", **holder):
        iam(f"Delete{noun}Policy", policy_name=policy_name, **holder)
    if kind is IdentityKind.USER:
        for key in iam.all("ListAccessKeys", "access_key_metadata", **holder):
            iam("DeleteAccessKey", access_key_id=key.access_key_id, **holder)
        for group in iam.all("ListGroupsForUser", "groups", **holder):
            iam("RemoveUserFromGroup", group_name=group.group_name, **holder)
    if kind is IdentityKind.GROUP:
        for user in iam.all("GetGroup", "users", **holder):
            iam("RemoveUserFromGroup", user_name=user.user_name, **holder)


def delete(iam: IamCalls, kind: IdentityKind, name: str, *, force: bool) -> None:
    """Delete a user, group or role; with `force` whatever it still has goes first."""
    if force:
        empty(iam, kind, name)
    iam(f"Delete{kind.value.title()}", **{f"{kind.value}_name": name})

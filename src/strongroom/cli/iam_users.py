"""`strongroom iam users` and `strongroom iam groups`."""

from __future__ import annotations

from typing import Any

import typer

from strongroom.audit.record import event_time
from strongroom.cli import iam_holders
from strongroom.cli.iam_desk import (
    Boundary,
    EntityPath,
    Force,
    IamCalls,
    IamDesk,
    TagTexts,
    find_policy_arn,
    on_deployment,
    parse_tags,
    shown,
)
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_details, print_json, print_table
from strongroom.domain.identity import IdentityKind

users = typer.Typer(help="Users: who has access keys of their own.", no_args_is_help=True)
groups = typer.Typer(help="Groups: policies that several users share.", no_args_is_help=True)


@users.command("create")
@on_deployment
def create_user(
    desk: IamDesk,
    name: str,
    path: EntityPath = None,
    boundary: Boundary = None,
    tag: TagTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make a user, without access keys and without permissions."""
    tags = parse_tags(tag or ())

    def work(iam: IamCalls) -> Any:
        bound = None if boundary is None else find_policy_arn(iam, boundary)
        return iam("CreateUser", user_name=name, path=path, permissions_boundary=bound, tags=tags).user

    user = desk.do(work)
    if as_json:
        print_json(shown(user))
        return
    typer.echo(f"{user.arn} is made.")


@users.command("list")
@on_deployment
def list_users(desk: IamDesk, as_json: AsJson = False) -> None:
    """Show the users of the account."""
    found = desk.look(lambda iam: iam.all("ListUsers", "users"))
    if as_json:
        print_json(shown(found))
        return
    rows = [(user.user_name, user.path, user.user_id, event_time(user.create_date)) for user in found]
    print_table(("user", "path", "id", "created"), rows)


@users.command("show")
@on_deployment
def show_user(desk: IamDesk, name: str, as_json: AsJson = False) -> None:
    """Show a user with its groups, policies and access keys."""

    def work(iam: IamCalls) -> dict[str, Any]:
        member_of = iam.all("ListGroupsForUser", "groups", user_name=name)
        keys = iam.all("ListAccessKeys", "access_key_metadata", user_name=name)
        return {
            **shown(iam("GetUser", user_name=name).user),
            "Groups": [group.group_name for group in member_of],
            **iam_holders.policies_of(iam, IdentityKind.USER, name),
            "AccessKeys": {key.access_key_id: key.status for key in keys},
        }

    print_details(desk.look(work), as_json=as_json)


@users.command("delete")
@on_deployment
def delete_user(desk: IamDesk, name: str, force: Force = False) -> None:
    """Delete a user; its keys and sessions are refused from then on."""
    desk.do(lambda iam: iam_holders.delete(iam, IdentityKind.USER, name, force=force))
    typer.echo(f"The user {name} is deleted.")


@groups.command("create")
@on_deployment
def create_group(desk: IamDesk, name: str, path: EntityPath = None, as_json: AsJson = False) -> None:
    """Make a group."""
    group = desk.do(lambda iam: iam("CreateGroup", group_name=name, path=path).group)
    if as_json:
        print_json(shown(group))
        return
    typer.echo(f"{group.arn} is made.")


@groups.command("list")
@on_deployment
def list_groups(desk: IamDesk, as_json: AsJson = False) -> None:
    """Show the groups of the account."""
    found = desk.look(lambda iam: iam.all("ListGroups", "groups"))
    if as_json:
        print_json(shown(found))
        return
    rows = [(group.group_name, group.path, group.group_id, event_time(group.create_date)) for group in found]
    print_table(("group", "path", "id", "created"), rows)


@groups.command("show")
@on_deployment
def show_group(desk: IamDesk, name: str, as_json: AsJson = False) -> None:
    """Show a group with its members and policies."""

    def work(iam: IamCalls) -> dict[str, Any]:
        return {
            **shown(iam("GetGroup", group_name=name).group),
            "Users": [user.user_name for user in iam.all("GetGroup", "users", group_name=name)],
            **iam_holders.policies_of(iam, IdentityKind.GROUP, name),
        }

    print_details(desk.look(work), as_json=as_json)


@groups.command("delete")
@on_deployment
def delete_group(desk: IamDesk, name: str, force: Force = False) -> None:
    """Delete a group; with --force although it has members or policies."""
    desk.do(lambda iam: iam_holders.delete(iam, IdentityKind.GROUP, name, force=force))
    typer.echo(f"The group {name} is deleted.")


@groups.command("add-user")
@on_deployment
def add_user(desk: IamDesk, group: str, user: str) -> None:
    """Put a user into a group."""
    desk.do(lambda iam: iam("AddUserToGroup", group_name=group, user_name=user))
    typer.echo(f"{user} is in the group {group}.")


@groups.command("remove-user")
@on_deployment
def remove_user(desk: IamDesk, group: str, user: str) -> None:
    """Take a user out of a group."""
    desk.do(lambda iam: iam("RemoveUserFromGroup", group_name=group, user_name=user))
    typer.echo(f"{user} is not in the group {group}.")


iam_holders.add_policy_commands(users, IdentityKind.USER)
iam_holders.add_policy_commands(groups, IdentityKind.GROUP)

"""`strongroom iam roles`: what sessions are given for, and by whom they may be taken."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from strongroom.audit.record import event_time
from strongroom.cli import iam_holders
from strongroom.cli.iam_desk import (
    Boundary,
    EntityPath,
    Force,
    IamCalls,
    IamDesk,
    JsonFile,
    TagTexts,
    find_policy_arn,
    on_deployment,
    parse_tags,
    plain,
    read_text,
    shown,
)
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_details, print_json, print_table
from strongroom.domain.identity import IdentityKind

app = typer.Typer(help="Roles: permissions that sessions have for a while.", no_args_is_help=True)

REVOCATION: Final = "AWSRevokeOlderSessions"
"""The inline policy that denies everything to sessions older than it; AWS's console gives it this name."""


@app.command("create")
@on_deployment
def create(
    desk: IamDesk,
    name: str,
    trust: Annotated[Path, typer.Option("--trust", help="JSON file of the trust policy: who may assume it.")],
    path: EntityPath = None,
    description: Annotated[str | None, typer.Option(help="What the role is for.")] = None,
    max_session: Annotated[int | None, typer.Option(help="Seconds that a session may last: 3600 to 43200.")] = None,
    boundary: Boundary = None,
    tag: TagTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make a role, without permissions."""
    document, tags = read_text(trust), parse_tags(tag or ())

    def work(iam: IamCalls) -> Any:
        return iam(
            "CreateRole",
            role_name=name,
            path=path,
            assume_role_policy_document=document,
            description=description,
            max_session_duration=max_session,
            permissions_boundary=None if boundary is None else find_policy_arn(iam, boundary),
            tags=tags,
        ).role

    role = desk.do(work)
    if as_json:
        print_json(_shown(role))
        return
    typer.echo(f"{role.arn} is made.")


@app.command("list")
@on_deployment
def list_roles(desk: IamDesk, as_json: AsJson = False) -> None:
    """Show the roles of the account."""
    found = desk.look(lambda iam: iam.all("ListRoles", "roles"))
    if as_json:
        print_json([_shown(role) for role in found])
        return
    rows = [(role.role_name, role.path, str(role.max_session_duration), event_time(role.create_date)) for role in found]
    print_table(("role", "path", "seconds", "created"), rows)


@app.command("show")
@on_deployment
def show(desk: IamDesk, name: str, as_json: AsJson = False) -> None:
    """Show a role with its trust policy and its permissions."""

    def work(iam: IamCalls) -> dict[str, Any]:
        role = iam("GetRole", role_name=name).role
        return {**_shown(role), **iam_holders.policies_of(iam, IdentityKind.ROLE, name)}

    print_details(desk.look(work), as_json=as_json)


@app.command("delete")
@on_deployment
def delete(desk: IamDesk, name: str, force: Force = False) -> None:
    """Delete a role; its sessions are refused from then on."""
    desk.do(lambda iam: iam_holders.delete(iam, IdentityKind.ROLE, name, force=force))
    typer.echo(f"The role {name} is deleted.")


@app.command("set-trust")
@on_deployment
def set_trust(desk: IamDesk, name: str, file: JsonFile) -> None:
    """Replace the trust policy; sessions that are there stay."""
    document = read_text(file)
    desk.do(lambda iam: iam("UpdateAssumeRolePolicy", role_name=name, policy_document=document))
    typer.echo(f"The role {name} has another trust policy.")


@app.command("revoke-sessions")
@on_deployment
def revoke_sessions(desk: IamDesk, name: str) -> None:
    """Deny everything to the sessions given out so far; who may assume the role can take a new one."""
    now = event_time(desk.desk.now + timedelta(seconds=1))  # issue times are whole seconds: this one counts as well
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Action": ["*"],
                    "Resource": ["*"],
                    "Condition": {"DateLessThan": {"aws:TokenIssueTime": now}},
                }
            ],
        }
    )
    desk.do(lambda iam: iam("PutRolePolicy", role_name=name, policy_name=REVOCATION, policy_document=document))
    typer.echo(f"Sessions of the role {name} given out before {now} are refused.")


def _shown(role: Any) -> dict[str, Any]:
    return {**shown(role), "AssumeRolePolicyDocument": plain(role.assume_role_policy_document)}


iam_holders.add_policy_commands(app, IdentityKind.ROLE)

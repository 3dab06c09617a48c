"""`strongroom iam policies`: managed policies of the account, and those of AWS to attach."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from strongroom.audit.record import event_time
from strongroom.cli.iam_desk import (
    EntityPath,
    Force,
    IamCalls,
    IamDesk,
    JsonFile,
    PolicyName,
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
from strongroom.domain.iam_limits import VERSIONS_PER_POLICY

app = typer.Typer(help="Managed policies: what users, groups and roles may do.", no_args_is_help=True)


@app.command("create")
@on_deployment
def create(
    desk: IamDesk,
    name: str,
    file: JsonFile,
    path: EntityPath = None,
    description: Annotated[str | None, typer.Option(help="What the policy is for.")] = None,
    tag: TagTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make a policy from a file."""
    document, tags = read_text(file), parse_tags(tag or ())
    policy = desk.do(
        lambda iam: (
            iam(
                "CreatePolicy",
                policy_name=name,
                path=path,
                policy_document=document,
                description=description,
                tags=tags,
            ).policy
        )
    )
    if as_json:
        print_json(shown(policy))
        return
    typer.echo(f"{policy.arn} is made.")


@app.command("update")
@on_deployment
def update(desk: IamDesk, policy: PolicyName, file: JsonFile) -> None:
    """Put another document in force; when there are five versions, the oldest that is not in force goes."""
    document = read_text(file)

    def work(iam: IamCalls) -> tuple[str, str]:
        arn = find_policy_arn(iam, policy)
        return arn, put_version(iam, arn, document)

    arn, version = desk.do(work)
    typer.echo(f"{version} of {arn} is in force.")


@app.command("list")
@on_deployment
def list_policies(desk: IamDesk, as_json: AsJson = False) -> None:
    """Show the policies of the account and those of AWS."""
    found = desk.look(lambda iam: iam.all("ListPolicies", "policies"))
    if as_json:
        print_json(shown(found))
        return
    rows = [
        (policy.arn, policy.default_version_id, str(policy.attachment_count), event_time(policy.update_date))
        for policy in found
    ]
    print_table(("policy", "version", "attached", "changed"), rows)


@app.command("show")
@on_deployment
def show(desk: IamDesk, policy: PolicyName, as_json: AsJson = False) -> None:
    """Show a policy with the document in force."""

    def work(iam: IamCalls) -> dict[str, Any]:
        arn = find_policy_arn(iam, policy)
        found = iam("GetPolicy", policy_arn=arn).policy
        version = iam("GetPolicyVersion", policy_arn=arn, version_id=found.default_version_id).policy_version
        return {**shown(found), "Document": plain(version.document)}

    print_details(desk.look(work), as_json=as_json)


@app.command("delete")
@on_deployment
def delete(desk: IamDesk, policy: PolicyName, force: Force = False) -> None:
    """Delete a policy; with --force it is detached everywhere first."""

    def work(iam: IamCalls) -> str:
        arn = find_policy_arn(iam, policy)
        delete_policy(iam, arn, force=force)
        return arn

    typer.echo(f"{desk.do(work)} is deleted.")


def put_version(iam: IamCalls, arn: str, document: str) -> str:
    """Put a document in force, and return the version's id."""
    versions = iam.all("ListPolicyVersions", "versions", policy_arn=arn)
    if len(versions) >= VERSIONS_PER_POLICY:
        oldest = [version for version in versions if not version.is_default_version][-1]
        iam("DeletePolicyVersion", policy_arn=arn, version_id=oldest.version_id)
    made = iam("CreatePolicyVersion", policy_arn=arn, policy_document=document, set_as_default=True).policy_version
    return str(made.version_id)


def delete_policy(iam: IamCalls, arn: str, *, force: bool) -> None:
    """Delete a policy and its versions; where it bounds permissions it stays, for without it they would grow."""
    if force:
        members = ("policy_users", "user"), ("policy_groups", "group"), ("policy_roles", "role")
        for member, kind in members:
            for holder in iam.all("ListEntitiesForPolicy", member, policy_arn=arn, policy_usage_filter=_ATTACHED):
                name = getattr(holder, f"{kind}_name")
                iam(f"Detach{kind.title()}Policy", policy_arn=arn, **{f"{kind}_name": name})
    for version in iam.all("ListPolicyVersions", "versions", policy_arn=arn):
        if not version.is_default_version:
            iam("DeletePolicyVersion", policy_arn=arn, version_id=version.version_id)
    iam("DeletePolicy", policy_arn=arn)


_ATTACHED = "PermissionsPolicy"

"""`strongroom iam access-keys`: the access keys of users. Those of the root are `strongroom access-keys`."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from strongroom.audit.record import event_time
from strongroom.cli.iam_desk import IamCalls, IamDesk, on_deployment
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_credentials, print_json, print_table
from strongroom.domain.principal import last_name
from strongroom.errors import OperatorError

app = typer.Typer(help="Access keys of users: create, list, disable, enable, delete.", no_args_is_help=True)

OfUser: TypeAlias = Annotated[str, typer.Option("--user", help="Name of the user.")]
MaybeUser: TypeAlias = Annotated[str | None, typer.Option("--user", help="Name of the user; default: all users.")]

NEVER = "never"


@app.command("create")
@on_deployment
def create(desk: IamDesk, user: OfUser, as_json: AsJson = False) -> None:
    """Make an access key of a user and print it with its secret, which is not shown again."""
    key = desk.do(lambda iam: iam("CreateAccessKey", user_name=user).access_key)
    if as_json:
        print_json(
            {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key, "UserName": key.user_name}
        )
        return
    print_credentials(user, key.access_key_id, key.secret_access_key)


@app.command("list")
@on_deployment
def list_keys(desk: IamDesk, user: MaybeUser = None, as_json: AsJson = False) -> None:
    """Show access keys with their last use, without their secrets."""
    rows = desk.look(lambda iam: _listed(iam, user))
    if as_json:
        print_json(rows)
        return
    print_table(
        ("access key", "user", "status", "created", "last used", "service", "region"),
        [tuple(row.values()) for row in rows],
    )


@app.command("disable")
@on_deployment
def disable(desk: IamDesk, access_key_id: str) -> None:
    """Refuse an access key from now on; `enable` takes it back."""
    _set_status(desk, access_key_id, "Inactive")


@app.command("enable")
@on_deployment
def enable(desk: IamDesk, access_key_id: str) -> None:
    """Accept a disabled access key again."""
    _set_status(desk, access_key_id, "Active")


@app.command("delete")
@on_deployment
def delete(desk: IamDesk, access_key_id: str) -> None:
    """Remove an access key for good."""
    desk.do(lambda iam: iam("DeleteAccessKey", access_key_id=access_key_id, user_name=_user_of(iam, access_key_id)))
    typer.echo(f"{access_key_id} is deleted.")


def _set_status(desk: IamDesk, access_key_id: str, status: str) -> None:
    def work(iam: IamCalls) -> None:
        user = _user_of(iam, access_key_id)
        iam("UpdateAccessKey", access_key_id=access_key_id, user_name=user, status=status)

    desk.do(work)
    typer.echo(f"{access_key_id} is {status}.")


def _user_of(iam: IamCalls, access_key_id: str) -> str:
    """Return whose key it is. Raises OperatorError for one that no user of the account has."""
    account_id = iam.desk.config.account_id
    row = iam.tx.find_access_key(access_key_id)
    if row is None or row.account_id != account_id or row.principal_id == account_id:
        raise OperatorError(
            f"No user of account {account_id} has the access key {access_key_id}.",
            why="it was never created there, has been deleted, or is one of the root's",
            next_step="list the keys: strongroom iam access-keys list; those of the root: strongroom access-keys list",
        )
    return last_name(row.principal_arn)


def _listed(iam: IamCalls, user: str | None) -> list[dict[str, str]]:
    names = [user] if user is not None else [each.user_name for each in iam.all("ListUsers", "users")]
    return [
        _shown(iam, key) for name in names for key in iam.all("ListAccessKeys", "access_key_metadata", user_name=name)
    ]


def _shown(iam: IamCalls, key: Any) -> dict[str, str]:
    use = iam("GetAccessKeyLastUsed", access_key_id=key.access_key_id).access_key_last_used
    return {
        "AccessKeyId": key.access_key_id,
        "UserName": key.user_name,
        "Status": key.status,
        "CreateDate": event_time(key.create_date),
        "LastUsedDate": NEVER if use.last_used_date is None else event_time(use.last_used_date),
        "LastUsedService": use.service_name,
        "LastUsedRegion": use.region,
    }

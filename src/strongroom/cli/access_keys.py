"""`strongroom access-keys`: the access keys of the account's root, managed beside a running server."""

from __future__ import annotations

import typer

from strongroom.audit import record
from strongroom.cli.desk import open_desk
from strongroom.cli.options import AccountId, AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_credentials, print_json, print_table
from strongroom.config import Config
from strongroom.storage.base import AccessKeyRow

app = typer.Typer(help="The root's access keys: create, list, disable, enable, delete.", no_args_is_help=True)


@app.command("create")
def create(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Make an access key of the root and print it with its secret, which is not shown again."""
    config = existing_deployment(config_file, data_dir, database, account_id)
    with open_desk(config) as desk:
        row, secret = desk.change(
            "CreateAccessKey", lambda tx: desk.access_keys.create_root_key(tx, config.account_id, desk.now)
        )
    if as_json:
        print_json({"AccessKeyId": row.access_key_id, "SecretAccessKey": secret})
        return
    print_credentials("default", row.access_key_id, secret)


@app.command("list")
def list_keys(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Show the access keys of the account, without their secrets."""
    config = existing_deployment(config_file, data_dir, database, account_id)
    with open_desk(config) as desk:
        rows = desk.storage.read(lambda tx: tx.list_access_keys(config.account_id))
    if as_json:
        print_json([_shown(row) for row in rows])
        return
    print_table(("access key", "principal", "status", "created"), [tuple(_shown(row).values()) for row in rows])


@app.command("disable")
def disable(
    access_key_id: str,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Refuse an access key from now on; `enable` takes it back."""
    _set_active(existing_deployment(config_file, data_dir, database, account_id), access_key_id, active=False)


@app.command("enable")
def enable(
    access_key_id: str,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Accept a disabled access key again."""
    _set_active(existing_deployment(config_file, data_dir, database, account_id), access_key_id, active=True)


@app.command("delete")
def delete(
    access_key_id: str,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Remove an access key for good."""
    with open_desk(existing_deployment(config_file, data_dir, database, account_id)) as desk:
        desk.change("DeleteAccessKey", lambda tx: desk.access_keys.delete(tx, access_key_id), accessKeyId=access_key_id)
    typer.echo(f"{access_key_id} is deleted.")


def _set_active(config: Config, access_key_id: str, *, active: bool) -> None:
    status = "Active" if active else "Inactive"
    with open_desk(config) as desk:
        desk.change(
            "UpdateAccessKey",
            lambda tx: desk.access_keys.set_active(tx, access_key_id, active=active),
            accessKeyId=access_key_id,
            status=status,
        )
    typer.echo(f"{access_key_id} is {status}.")


def _shown(row: AccessKeyRow) -> dict[str, str]:
    return {
        "AccessKeyId": row.access_key_id,
        "Principal": row.principal_arn,
        "Status": "Active" if row.active else "Inactive",
        "CreateDate": record.event_time(row.created_at),
    }

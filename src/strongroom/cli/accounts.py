"""`strongroom accounts`: the AWS accounts of a deployment, each with a root of its own."""

from __future__ import annotations

import re

import typer

from strongroom.audit import record
from strongroom.cli.desk import open_desk
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_credentials, print_json, print_table
from strongroom.errors import OperatorError
from strongroom.storage.base import AccessKeyRow, Transaction

app = typer.Typer(help="The accounts of the deployment: create, list.", no_args_is_help=True)


@app.command("create")
def create(
    account_id: str,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and print its root access key, which is not shown again."""
    if re.fullmatch(r"\d{12}", account_id) is None:
        raise OperatorError(
            f"{account_id} is not an account id.", why="an account id is twelve digits", next_step="give twelve digits"
        )
    with open_desk(existing_deployment(config_file, data_dir, database, account_id)) as desk:

        def make(tx: Transaction) -> tuple[AccessKeyRow, str]:
            if tx.find_account(account_id) is not None:
                raise OperatorError(
                    f"The account {account_id} exists already.",
                    why="every account is made once",
                    next_step=f"make a key for it: strongroom access-keys create --account-id {account_id}",
                )
            tx.insert_account(account_id, desk.now)
            return desk.access_keys.create_root_key(tx, account_id, desk.now)

        row, secret = desk.change("CreateAccount", make, source="organizations.amazonaws.com", accountId=account_id)
    if as_json:
        print_json({"AccountId": account_id, "AccessKeyId": row.access_key_id, "SecretAccessKey": secret})
        return
    print_credentials(account_id, row.access_key_id, secret)


@app.command("list")
def list_accounts(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Show the accounts of the deployment."""
    with open_desk(existing_deployment(config_file, data_dir, database)) as desk:
        accounts = desk.storage.read(lambda tx: tx.list_accounts())
    rows = [{"AccountId": account_id, "CreateDate": record.event_time(created)} for account_id, created in accounts]
    if as_json:
        print_json(rows)
        return
    print_table(("account", "created"), [tuple(row.values()) for row in rows])

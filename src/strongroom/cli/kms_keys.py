"""`strongroom kms-keys`: customer managed KMS keys, for secrets that are not to use the default key."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, TypeAlias

import typer

from strongroom.audit import record
from strongroom.cli.desk import Desk, open_desk
from strongroom.cli.options import AccountId, AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_json, print_table
from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey, is_customer_alias
from strongroom.errors import OperatorError
from strongroom.storage.base import Transaction

app = typer.Typer(help="Customer managed KMS keys: create, list, disable, enable.", no_args_is_help=True)

Region: TypeAlias = Annotated[
    str | None, typer.Option("--region", help="Region of the key; default: the setting region.")
]

_SOURCE: Final = "kms.amazonaws.com"


@app.command("create")
def create(
    alias: Annotated[str | None, typer.Option(help="A name for the key: alias/...")] = None,
    description: Annotated[str, typer.Option(help="What the key is for.")] = "",
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Make a key and print it. Its material never leaves the database, where it is sealed by the keyring."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    if alias is not None and not is_customer_alias(alias):
        raise OperatorError(
            f"{alias} cannot be the alias of a key of yours.",
            why="an alias is alias/ and letters, digits, /, _ or -; alias/aws/ is reserved",
            next_step="choose another, such as alias/my-application",
        )
    with open_desk(config) as desk:

        def make(tx: Transaction) -> KmsKey:
            key = desk.vault.create_key(
                tx,
                account_id=config.account_id,
                region=config.region,
                now=desk.now,
                manager=KeyManager.CUSTOMER,
                description=description,
            )
            if alias is not None:
                _require_free(tx, config.account_id, config.region, alias)
                tx.insert_kms_alias(config.account_id, config.region, alias, key.key_id)
            return key

        key = desk.change("CreateKey", make, source=_SOURCE)
    print_json(_shown(key, [alias] if alias else []))


@app.command("list")
def list_keys(
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys of an account and region, the default key included."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        keys = desk.storage.read(lambda tx: tx.list_kms_keys(config.account_id, config.region))
        aliases = desk.storage.read(lambda tx: tx.list_kms_aliases(config.account_id, config.region))
    rows = [_shown(key, [alias for alias, key_id in aliases.items() if key_id == key.key_id]) for key in keys]
    if as_json:
        print_json(rows)
        return
    columns = ("KeyId", "KeyState", "KeyManager", "Aliases", "Description")
    print_table(
        ("key", "state", "manager", "aliases", "description"), [[row[name] for name in columns] for row in rows]
    )


@app.command("disable")
def disable(
    key_id: str,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Refuse every use of a key from now on; values under it can be neither read nor written."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        _set_state(desk, key_id, KeyState.DISABLED)


@app.command("enable")
def enable(
    key_id: str,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Allow a disabled key again."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        _set_state(desk, key_id, KeyState.ENABLED)


def _set_state(desk: Desk, key_id: str, state: KeyState) -> None:
    def change(tx: Transaction) -> None:
        region = desk.config.region
        key = tx.find_kms_key(desk.config.account_id, region, key_id)
        if key is None:
            raise OperatorError(
                f"There is no KMS key {key_id} in region {region}.",
                why="it was made in another region or account, or not at all",
                next_step=f"list the keys: strongroom kms-keys list --region {region}",
            )
        tx.put_kms_key(replace(key, state=state))

    name = "EnableKey" if state is KeyState.ENABLED else "DisableKey"
    desk.change(name, change, source=_SOURCE, keyId=key_id)
    typer.echo(f"{key_id} is {state}.")


def _require_free(tx: Transaction, account_id: str, region: str, alias: str) -> None:
    if tx.find_kms_alias(account_id, region, alias) is not None:
        raise OperatorError(
            f"The alias {alias} is taken in region {region}.",
            why="an alias names one key",
            next_step="choose another alias",
        )


def _shown(key: KmsKey, aliases: list[str]) -> dict[str, str]:
    return {
        "KeyId": key.key_id,
        "Arn": key.arn,
        "KeyState": key.state.value,
        "KeyManager": key.manager.value,
        "Aliases": ", ".join(aliases),
        "Description": key.description,
        "CreationDate": record.event_time(key.created_at),
    }

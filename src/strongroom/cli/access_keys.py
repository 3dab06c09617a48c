"""`strongroom access-keys`: the access keys of the account's root, managed beside a running server.

Every change goes through the audit trail of the command line, as IAM's calls do in CloudTrail.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from strongroom import __version__, ids
from strongroom.app import load_keyring, open_access_keys, open_storage, open_trail
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.authn.access_keys import AccessKeys
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.entropy import SystemEntropy
from strongroom.storage.base import AccessKeyRow, Storage, Transaction

T = TypeVar("T")

app = typer.Typer(help="The root's access keys: create, list, disable, enable, delete.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a command works with."""

    config: Config
    storage: Storage
    access_keys: AccessKeys
    now: datetime

    def change(self, name: str, work: Callable[[Transaction], T], **parameters: str) -> T:
        """Run a change and put it on the trail; without the record there is no change."""
        origin = Origin(ids.random_uuid(SystemEntropy()), "127.0.0.1", f"strongroom-cli/{__version__}")
        user = getpass.getuser()
        line = record.api_call(
            record.CallFacts(
                name=name,
                now=self.now,
                event_id=ids.random_uuid(SystemEntropy()),
                region="us-east-1",
                account_id=self.config.account_id,
                identity={"type": "Operator", "userName": user, "accountId": self.config.account_id},
                origin=origin,
                read_only=False,
                source="iam.amazonaws.com",
            ),
            request=parameters,
        )

        def audited(tx: Transaction) -> T:
            result = work(tx)
            tx.journal(line)
            return result

        return self.storage.write(audited)


@contextmanager
def _desk(config: Config) -> Generator[_Desk]:
    clock, entropy = SystemClock(), SystemEntropy()
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, clock, entropy)
        trail = open_trail(config, keyring, "trail-cli", clock.now(), entropy)
        storage.attach_journal(trail.append)
        yield _Desk(config, storage, open_access_keys(storage, keyring), clock.now())
        trail.close()
    finally:
        storage.close()


@app.command("create")
def create(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Make an access key of the root and print it with its secret, which is not shown again."""
    config = existing_deployment(config_file, data_dir, database)
    with _desk(config) as desk:
        row, secret = desk.change(
            "CreateAccessKey", lambda tx: desk.access_keys.create_root_key(tx, config.account_id, desk.now)
        )
    if as_json:
        _print_json({"AccessKeyId": row.access_key_id, "SecretAccessKey": secret})
        return
    typer.echo(f"[default]\naws_access_key_id = {row.access_key_id}\naws_secret_access_key = {secret}")


@app.command("list")
def list_keys(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Show the access keys of the account, without their secrets."""
    config = existing_deployment(config_file, data_dir, database)
    with _desk(config) as desk:
        rows = desk.storage.read(lambda tx: tx.list_access_keys(config.account_id))
    if as_json:
        _print_json([_shown(row) for row in rows])
        return
    table = Table("access key", "principal", "status", "created", box=None, header_style="bold")
    for row in rows:
        table.add_row(*_shown(row).values())
    Console().print(table)


@app.command("disable")
def disable(
    access_key_id: str, config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None
) -> None:
    """Refuse an access key from now on; `enable` takes it back."""
    _set_active(existing_deployment(config_file, data_dir, database), access_key_id, active=False)


@app.command("enable")
def enable(
    access_key_id: str, config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None
) -> None:
    """Accept a disabled access key again."""
    _set_active(existing_deployment(config_file, data_dir, database), access_key_id, active=True)


@app.command("delete")
def delete(
    access_key_id: str, config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None
) -> None:
    """Remove an access key for good."""
    with _desk(existing_deployment(config_file, data_dir, database)) as desk:
        desk.change("DeleteAccessKey", lambda tx: desk.access_keys.delete(tx, access_key_id), accessKeyId=access_key_id)
    typer.echo(f"{access_key_id} is deleted.")


def _set_active(config: Config, access_key_id: str, *, active: bool) -> None:
    status = "Active" if active else "Inactive"
    with _desk(config) as desk:
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


def _print_json(content: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(content)).decode())

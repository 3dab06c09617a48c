"""Options that several commands share, and the configuration they add up to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from strongroom.config import Config, Loaded, load
from strongroom.errors import OperatorError

DataDir: TypeAlias = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of the database, the root key and the audit trail.")
]
Database: TypeAlias = Annotated[
    str | None, typer.Option("--database", help="postgresql:// URL; SQLite in the data directory without it.")
]
ConfigFile: TypeAlias = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
AccountId: TypeAlias = Annotated[
    str | None, typer.Option("--account-id", help="AWS account id; default: the server's.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def configuration(config_file: Path | None, **flags: Any) -> Loaded:
    """Return the settings in force for a command."""
    return load(flags, os.environ, config_file)


def existing_deployment(
    config_file: Path | None,
    data_dir: Path | None,
    database: str | None,
    account_id: str | None = None,
    region: str | None = None,
) -> Config:
    """Return the settings of a deployment that a server has been started for.

    Raises:
        OperatorError: there is none in that data directory.
    """
    config = configuration(
        config_file, data_dir=data_dir, database=database, account_id=account_id, region=region
    ).config
    if not config.root_key_path.exists():
        raise OperatorError(
            f"There is no Strongroom in {config.data_dir}.",
            why=f"its root key {config.root_key_path} does not exist",
            next_step="start a server there first (strongroom serve), or name its directory with --data-dir",
        )
    return config

"""`strongroom config`: the settings in force, and where each came from."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import typer

from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, configuration
from strongroom.cli.output import print_json, print_table
from strongroom.config import ENVIRONMENT_PREFIX, Config

app = typer.Typer(help="The settings in force.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The settings in force."""


@app.command("show")
def show(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Print every setting, its value, its origin and what it means. Secrets are not shown."""
    loaded = configuration(config_file, data_dir=data_dir, database=database)
    rows = [
        {
            "name": item.name,
            "value": _shown(getattr(loaded.config, item.name), secret=item.metadata["secret"]),
            "origin": loaded.origins[item.name],
            "variable": f"{ENVIRONMENT_PREFIX}{item.name.upper()}",
            "help": item.metadata["help"],
        }
        for item in fields(Config)
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("setting", "value", "origin", "meaning"),
        [(row["name"], "" if row["value"] is None else str(row["value"]), row["origin"], row["help"]) for row in rows],
    )


def _shown(value: Any, *, secret: bool) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, tuple):
        return ",".join(value)
    return "(set)" if secret else str(value)

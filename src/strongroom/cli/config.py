"""`strongroom config`: the settings in force, and where each came from."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, configuration
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
        typer.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    table = Table("setting", "value", "origin", "meaning", box=None, header_style="bold")
    for row in rows:
        value = "" if row["value"] is None else str(row["value"])
        table.add_row(row["name"], value, row["origin"], row["help"])
    Console().print(table)


def _shown(value: Any, *, secret: bool) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    return "(set)" if secret else str(value)

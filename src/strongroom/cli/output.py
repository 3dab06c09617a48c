"""How commands print: JSON for programs, tables that fold and never cut for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import typer


def print_json(content: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(content)).decode())


def print_credentials(profile: str, access_key_id: str, secret: str) -> None:
    """Print an access key as AWS's shared credentials file has it."""
    typer.echo(f"[{profile}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}")


def print_details(content: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what there is to say of one thing, a line for each."""
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        typer.echo(f"{name}: {shown}")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    # Loaded for tables only: many commands print none, and it takes a quarter of the time that they do.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, header_style="bold")
    for position, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*map(Text, row))  # as they are: neither markup, nor an emoji for the :secret: of an ARN
    Console().print(table)

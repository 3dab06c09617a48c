"""The `strongroom` command: one file per group of commands."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from strongroom import __version__
from strongroom.audit.trail import TrailError
from strongroom.cli import (
    access_keys,
    accounts,
    alarms,
    audit,
    config,
    credential_process,
    doctor,
    iam,
    kms_keys,
    policy,
    secrets,
    serve,
)
from strongroom.errors import OperatorError
from strongroom.storage.base import StorageError

app = typer.Typer(
    name="strongroom",
    help="AWS Secrets Manager on your own machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("credential-process")(credential_process.credential_process)
app.command("doctor")(doctor.doctor)
app.add_typer(config.app, name="config")
app.add_typer(access_keys.app, name="access-keys")
app.add_typer(accounts.app, name="accounts")
app.add_typer(iam.app, name="iam")
app.add_typer(policy.app, name="policy")
app.add_typer(secrets.app, name="secrets")
app.add_typer(kms_keys.app, name="kms-keys")
app.add_typer(alarms.app, name="alarms")
app.add_typer(audit.app, name="audit")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"strongroom {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """AWS Secrets Manager on your own machines."""
    os.umask(0o077)  # whatever a command makes is its user's alone


def main() -> None:
    """Run the command line; an operator's error is three lines and status 1, never a traceback."""
    try:
        app()
    except OperatorError as error:
        _explain(error)
    except (StorageError, TrailError) as error:
        step = "check the disk and the database; nothing was changed"
        _explain(OperatorError("The command could not be carried out.", why=str(error), next_step=step))


def _explain(error: OperatorError) -> NoReturn:
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    console.print(f"[bold red]error:[/] {_plain(error.what)}")
    console.print(f"  [bold]why:[/]  {_plain(error.why)}")
    console.print(f"  [bold]next:[/] {_plain(error.next_step)}")
    sys.exit(1)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")

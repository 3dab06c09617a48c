"""The `strongroom` command: one file per group of commands.

Only the file of the command that is called is imported: importing all of them takes longer than most commands do.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated, Final, NoReturn

import typer

from strongroom import __version__
from strongroom.errors import OperatorError

_COMMANDS: Final = ("serve", "credential-process", "doctor", "backup")
"""Each is the function of its name in the module of its name."""

_GROUPS: Final = ("config", "access-keys", "accounts", "iam", "policy", "secrets", "kms-keys", "alarms", "audit")
"""Each is the `app` of the module of its name."""


def command_line(called: str | None = None) -> typer.Typer:
    """Return the whole command line, or that of one command alone."""
    whole = typer.Typer(
        name="strongroom",
        help="AWS Secrets Manager on your own machines.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    whole.callback()(_root)
    for name in (*_COMMANDS, *_GROUPS) if called is None else (called,):
        module = importlib.import_module(f"strongroom.cli.{_identifier(name)}")
        if name in _GROUPS:
            whole.add_typer(module.app, name=name)
        else:
            whole.command(name)(getattr(module, _identifier(name)))
    return whole


def _identifier(name: str) -> str:
    return name.replace("-", "_")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"strongroom {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """AWS Secrets Manager on your own machines."""
    os.umask(0o077)  # whatever a command makes is its user's alone


def main() -> None:
    """Run the command line; an operator's error is three lines and status 1, never a traceback."""
    from strongroom.audit.trail import TrailError  # noqa: PLC0415 - as late as the command itself
    from strongroom.storage.base import StorageError  # noqa: PLC0415

    called = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in (*_COMMANDS, *_GROUPS) else None
    try:
        command_line(called)()
    except OperatorError as error:
        _explain(error)
    except (StorageError, TrailError) as error:
        step = "check the disk and the database; nothing was changed"
        _explain(OperatorError("The command could not be carried out.", why=str(error), next_step=step))


def _explain(error: OperatorError) -> NoReturn:
    typer.echo(f"{typer.style('error:', fg='red', bold=True)} {error.what}", err=True)
    typer.echo(f"  {typer.style('why:', bold=True)}  {error.why}", err=True)
    typer.echo(f"  {typer.style('next:', bold=True)} {error.next_step}", err=True)
    sys.exit(1)

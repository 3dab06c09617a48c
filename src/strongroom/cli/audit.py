"""`strongroom audit`: proves and reads the audit trail, beside a running server or without one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from strongroom.audit.files import records_after, trail_names
from strongroom.audit.verify import Verdict
from strongroom.cli import audit_export, audit_proof, audit_search
from strongroom.cli.audit_lines import line_of
from strongroom.cli.audit_verification import verify_all
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.config import Config
from strongroom.domain.trail_event import TrailPosition
from strongroom.errors import OperatorError

app = typer.Typer(help="The audit trail: verify, tail, search, readers, export, proofs.", no_args_is_help=True)
app.command("search")(audit_search.search)
app.command("readers")(audit_search.readers)
app.command("export")(audit_export.export)
app.command("prove")(audit_proof.prove)
app.command("verify-proof")(audit_proof.verify_a_proof)
app.command("public-key")(audit_proof.public_key)
app.command("checkpoint")(audit_proof.make_checkpoint)

FOLLOW_SECONDS = 0.2


@app.command("verify")
def verify_trails(
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint that was kept elsewhere, to hold its trail against.")
    ] = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Prove that no record was changed, dropped, moved or cut off. Status 2 if one was."""
    config = existing_deployment(config_file, data_dir, database)
    verdicts = verify_all(config, checkpoint)
    if as_json:
        typer.echo(msgspec.json.encode([_as_json(trail, verdict) for trail, verdict in verdicts.items()]).decode())
    else:
        for trail, verdict in verdicts.items():
            typer.echo(_sentence(trail, verdict))
    if any(verdict.broken_line is not None for verdict in verdicts.values()):
        raise typer.Exit(2)


@app.command("tail")
def tail(
    lines: Annotated[int, typer.Option("-n", help="How many of the last records to print.")] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new records.")] = False,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Print the last records of all trails of this data directory, oldest first."""
    config = existing_deployment(config_file, data_dir, database)
    if not trail_names(config.audit_dir):
        raise OperatorError(
            f"There is no audit trail in {config.audit_dir}.",
            why="no server has answered a request there yet",
            next_step="check --data-dir",
        )
    positions: dict[str, TrailPosition] = {}
    shown = [
        one for name in trail_names(config.audit_dir) for one in deque(_new(config, name, positions), max(lines, 0))
    ]
    for one in sorted(shown, key=lambda one: str(one["eventTime"]))[-lines:] if lines > 0 else []:
        typer.echo(_line(one, as_json=as_json))
    while follow:
        for name in trail_names(config.audit_dir):
            for one in _new(config, name, positions):
                typer.echo(_line(one, as_json=as_json))
        time.sleep(FOLLOW_SECONDS)


def _new(config: Config, name: str, positions: dict[str, TrailPosition]) -> Iterator[dict[str, Any]]:
    """Yield the records of a trail that have not been read yet."""
    for placed in records_after(config.audit_dir, name, positions.get(name), synced=False):
        positions[name] = placed.position
        yield msgspec.json.decode(placed.line.record)


def _line(record: dict[str, Any], *, as_json: bool) -> str:
    return msgspec.json.encode(record).decode() if as_json else line_of(record)


def _sentence(trail: str, verdict: Verdict) -> str:
    if verdict.broken_line is None:
        return f"{trail}: {verdict.records} records, the chain is whole"
    return f"{trail}: BROKEN at record {verdict.broken_line}: {verdict.reason} ({verdict.records} records proven)"


def _as_json(trail: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "trail": trail,
        "records": verdict.records,
        "brokenRecord": verdict.broken_line,
        "reason": verdict.reason,
    }

"""`strongroom audit`: proves and reads the audit trail, beside a running server or without one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import typer

from strongroom.app import AUDIT_KEY_LABEL, load_keyring, open_storage
from strongroom.audit.chain import ChainedLine
from strongroom.audit.files import records_after, trail_names
from strongroom.audit.verify import Verdict, deleted_up_to, verify_trail
from strongroom.cli import audit_export, audit_search
from strongroom.cli.audit_lines import line_of
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.data_directory import find_node_id
from strongroom.domain.trail_event import TrailPosition
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError

app = typer.Typer(help="The audit trail: verify, tail, search, readers, export.", no_args_is_help=True)
app.command("search")(audit_search.search)
app.command("readers")(audit_search.readers)
app.command("export")(audit_export.export)

FOLLOW_SECONDS = 0.2


@app.command("verify")
def verify_trails(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Prove that no record was changed, dropped, moved or cut off. Status 2 if one was."""
    config = existing_deployment(config_file, data_dir, database)
    verdicts = _verify_all(config)
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


def _verify_all(config: Config) -> dict[str, Verdict]:
    """Return what is found of each trail that is here, or that the database remembers of this node."""
    node = find_node_id(config)
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, SystemClock(), SystemEntropy())
        heads = {head.trail: head for head in storage.read(lambda tx: tx.list_trail_heads())}
    finally:
        storage.close()
    deleted: dict[str, int] = {}

    def see(line: ChainedLine) -> None:
        if (found := deleted_up_to(line)) is not None:
            deleted[found[0]] = max(found[1], deleted.get(found[0], 0))

    expected = {name.partition("/")[2] for name in heads if name.startswith(f"{node}/")}
    present = trail_names(config.audit_dir)
    verdicts = {}
    for name in sorted(expected | set(present)):
        if name not in present:
            verdicts[f"{name}.jsonl"] = Verdict(0, 1, "the file is gone")
            continue
        head = heads.get(f"{node}/{name}")
        key_of = lambda term: keyring.derive(AUDIT_KEY_LABEL, term=term)  # noqa: E731
        verdicts[f"{name}.jsonl"] = verify_trail(config.audit_dir, name, key_of, head, see)
    if config.database is None:
        verdicts |= _forgotten(heads.keys(), node)
    return {name: _complete(name, verdict, deleted) for name, verdict in verdicts.items()}


def _complete(name: str, verdict: Verdict, deleted: dict[str, int]) -> Verdict:
    """Hold a trail whose first files are gone against what the server says that it has deleted."""
    missing = verdict.first - 1
    if verdict.broken_line is not None or missing <= deleted.get(name.removesuffix(".jsonl"), 0):
        return verdict
    reason = f"records 1 to {missing} are gone, and the server did not delete them"
    return replace(verdict, broken_line=1, reason=reason)


def _forgotten(heads: Any, node: str | None) -> dict[str, Verdict]:
    """Return the trails of other names for this directory: a database of SQLite has had only one."""
    reason = "the database remembers it under another node-id: node-id and audit/ were replaced together"
    return {head: Verdict(0, 1, reason) for head in heads if not head.startswith(f"{node}/")}


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

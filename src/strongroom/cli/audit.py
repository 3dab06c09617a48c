"""`strongroom audit`: proves and reads the audit trail, beside a running server or without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from strongroom.app import AUDIT_KEY_LABEL, load_keyring, open_storage
from strongroom.audit.chain import take_apart
from strongroom.audit.verify import Verdict, verify
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.data_directory import find_node_id
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError
from strongroom.storage.base import TrailHead

app = typer.Typer(help="The audit trail: verify, tail.", no_args_is_help=True)

FOLLOW_SECONDS = 0.2


@app.command("verify")
def verify_trails(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Prove that no record was changed, dropped, moved or cut off. Status 2 if one was."""
    config = existing_deployment(config_file, data_dir, database)
    verdicts = dict(_verify_all(config))
    if as_json:
        typer.echo(msgspec.json.encode([_as_json(path, verdict) for path, verdict in verdicts.items()]).decode())
    else:
        for path, verdict in verdicts.items():
            typer.echo(_sentence(path, verdict))
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
    files = {path: path.open("rb") for path in _trails(config)}
    records = sorted((one for file in files.values() for one in _records(file)), key=lambda one: str(one["eventTime"]))
    for one in records[-lines:] if lines > 0 else []:
        typer.echo(_line(one, as_json=as_json))
    while follow:
        for path in config.audit_dir.glob("*.jsonl"):
            if path not in files:
                files[path] = path.open("rb")
        for file in files.values():
            for one in _records(file):
                typer.echo(_line(one, as_json=as_json))
        time.sleep(FOLLOW_SECONDS)


def _verify_all(config: Config) -> Iterator[tuple[Path, Verdict]]:
    node = find_node_id(config)
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, SystemClock(), SystemEntropy())
        heads = {head.trail: head for head in storage.read(lambda tx: tx.list_trail_heads())}
    finally:
        storage.close()
    expected = {name.partition("/")[2] for name in heads if name.startswith(f"{node}/")}
    for name in sorted(expected | {path.stem for path in config.audit_dir.glob("*.jsonl")}):
        path = config.audit_dir / f"{name}.jsonl"
        head = heads.get(f"{node}/{name}")
        yield path, _verify_one(path, head, lambda term: keyring.derive(AUDIT_KEY_LABEL, term=term))


def _verify_one(path: Path, head: TrailHead | None, key_of_term: Any) -> Verdict:
    if not path.exists():
        return Verdict(0, 1, "the file is gone")
    return verify(path, key_of_term, head)


def _trails(config: Config) -> list[Path]:
    paths = sorted(config.audit_dir.glob("*.jsonl"))
    if not paths:
        raise OperatorError(
            f"There is no audit trail in {config.audit_dir}.",
            why="no server has answered a request there yet",
            next_step="check --data-dir",
        )
    return paths


def _records(file: Any) -> Iterator[dict[str, Any]]:
    """Yield the whole records that follow; a line still being written is left for the next time."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        chained = take_apart(line.rstrip(b"\n"))
        if chained is not None:
            yield msgspec.json.decode(chained.record)


def _line(record: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode(record).decode()
    identity = record["userIdentity"]
    who = identity.get("arn") or identity.get("invokedBy") or identity.get("userName") or identity["type"]
    parameters = record["requestParameters"] or record.get("additionalEventData") or {}
    what = next((str(parameters[key]) for key in ("secretId", "name", "SecretId") if key in parameters), "")
    outcome = record.get("errorCode", "ok")
    return f"{record['eventTime']}  {record['eventName']:<26} {outcome:<28} {what}  {who}  {record['sourceIPAddress']}"


def _sentence(path: Path, verdict: Verdict) -> str:
    if verdict.broken_line is None:
        return f"{path.name}: {verdict.records} records, the chain is whole"
    return f"{path.name}: BROKEN at record {verdict.broken_line}: {verdict.reason} ({verdict.records} records proven)"


def _as_json(path: Path, verdict: Verdict) -> dict[str, Any]:
    return {
        "trail": path.name,
        "records": verdict.records,
        "brokenRecord": verdict.broken_line,
        "reason": verdict.reason,
    }

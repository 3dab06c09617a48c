"""`strongroom audit prove`, `verify-proof`, `public-key`, `checkpoint`: proofs for people who trust the key alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from strongroom.app import load_keyring, open_storage, signer_of
from strongroom.audit import checkpoints
from strongroom.audit.files import records_after, trail_names
from strongroom.audit.notes import NoteError, Proof, Signer, parse_proof, parse_public_key, verify_proof
from strongroom.audit.tree import inclusion_proof
from strongroom.cli.options import ConfigFile, Database, DataDir, existing_deployment
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.data_directory import find_node_id
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError


def prove(
    event_id: Annotated[str, typer.Argument(help="The event's id, as audit search shows it with --json.")],
    output: Annotated[Path | None, typer.Option(help="File to write the proof to, instead of printing it.")] = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Write a proof that an event is on a trail of this data directory, for `verify-proof`."""
    config = existing_deployment(config_file, data_dir, database)
    text = _proof(config, event_id, open_signer(config)).text
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text)


def verify_a_proof(
    proof: Annotated[Path, typer.Argument(help="File that `audit prove` wrote.")],
    public_key: Annotated[str, typer.Option(help="The key that `audit public-key` prints.")],
) -> None:
    """Verify a proof with nothing but the public key, and print the record. Status 2 if it does not hold."""
    try:
        proven = parse_proof(proof.read_text())
        checkpoint = verify_proof(proven, parse_public_key(public_key))
    except (NoteError, UnicodeDecodeError) as error:
        typer.echo(f"NOT PROVEN: {error}")
        raise typer.Exit(2) from None
    typer.echo(f"record {proven.index + 1} of {checkpoint.size} of {checkpoint.origin}:")
    typer.echo(proven.record.decode())


def public_key(config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None) -> None:
    """Print the public key of this deployment's checkpoints."""
    typer.echo(open_signer(existing_deployment(config_file, data_dir, database)).public_key.text)


def make_checkpoint(config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None) -> None:
    """Sign a checkpoint of every trail of this data directory that has grown, and print where they are."""
    config = existing_deployment(config_file, data_dir, database)
    for path in checkpoints.make_checkpoints(config.audit_dir, _node(config), open_signer(config)):
        typer.echo(path)


def open_signer(config: Config) -> Signer:
    storage = open_storage(config)
    try:
        return signer_of(load_keyring(config, storage, SystemClock(), SystemEntropy()))
    finally:
        storage.close()


def _proof(config: Config, event_id: str, signer: Signer) -> Proof:
    folder = config.audit_dir
    for trail in trail_names(folder):
        for placed in records_after(folder, trail, None):
            if event_id.encode() not in placed.line.record:
                continue
            if msgspec.json.decode(placed.line.record).get("eventID") == event_id:
                checkpoints.make_checkpoint(folder, _node(config), trail, signer)
                return _in_checkpoint(folder, trail, placed.line.sequence, placed.line.record)
    raise OperatorError(
        f"There is no event {event_id} on the trails in {folder}.",
        why="it is on the trail of another node, or in a file that was deleted",
        next_step="ask on the node that answered the call, or put the file back from its archive",
    )


def _in_checkpoint(folder: Path, trail: str, sequence: int, record: bytes) -> Proof:
    """Return the proof by the first checkpoint that is about the record: it stays the same as the trail grows."""
    size, path = next((size, path) for size, path in checkpoints.stored(folder, trail) if size >= sequence)
    hashes = inclusion_proof(sequence - 1, checkpoints.leaves(folder, trail)[:size])
    return Proof(record, sequence - 1, tuple(hashes), path.read_text())


def _node(config: Config) -> str:
    node = find_node_id(config)
    if node is None:
        raise OperatorError(
            f"There is no audit trail in {config.audit_dir} yet.",
            why="the data directory has no name among the nodes",
            next_step="start the server there first",
        )
    return node

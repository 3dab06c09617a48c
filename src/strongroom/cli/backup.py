"""`strongroom backup`: a copy of the database and the trails of a deployment on SQLite, beside a running server.

The database is copied before the trails, which may be newer than what it remembers of them, never older. The root
key is not in a backup: who has both can read every secret. A backup is whole or it is not there: it is made under
another name beside its place and gets its own when all of it is on disk.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from strongroom.audit import record
from strongroom.audit.copies import copy_trails
from strongroom.audit.files import sync_folder
from strongroom.cli.desk import open_desk
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_details
from strongroom.config import Config
from strongroom.errors import OperatorError
from strongroom.storage.sqlite_backup import check_database, copy_database


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory to make for the backup; it must not be there yet.")
    ],
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Copy database and trails while the server runs, in pieces that keep nobody waiting. The root key stays out."""
    config = existing_deployment(config_file, data_dir, database)
    _require_sqlite(config)
    target = target.absolute()
    _require_free(target)
    with open_desk(config) as desk:  # on the record before the first byte is copied
        desk.change("BackUpDatabase", lambda _: None, source=record.SERVICE, destination=str(target))
        facts = {"backup": str(target), "taken": desk.now.isoformat(timespec="seconds")}
    sizes = _make(config, target)
    if as_json:
        print_details(facts | sizes, as_json=True)
        return
    key = f"not in it; without a copy of {config.root_key_path}, kept elsewhere, the backup opens nothing"
    shown = {name: f"{size:,} bytes" for name, size in sizes.items()}
    print_details(facts | shown | {"root key": key}, as_json=False)


def _require_sqlite(config: Config) -> None:
    if config.database is not None:
        raise OperatorError(
            "This command copies SQLite databases, and this deployment has PostgreSQL.",
            why="PostgreSQL has tools of its own, which know its replicas and its log",
            next_step="use pg_dump or pg_basebackup, then copy audit/ and node-id (docs/operations.md)",
        )


def _require_free(target: Path) -> None:
    if target.exists():
        raise OperatorError(
            f"{target} is there already.",
            why="a backup is never written over another",
            next_step=f"name a new directory, such as {target}-2, or move that one away",
        )
    if not target.parent.is_dir():
        raise OperatorError(
            f"The directory {target.parent} is not there.",
            why="a backup is made in a directory that exists, so that a disk which is not mounted is noticed",
            next_step="mount it, or make it: mkdir -p, mode 0700",
        )


def _make(config: Config, target: Path) -> dict[str, int]:
    """Make the backup and return how many bytes its parts have."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing half made is left
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))  # with mode 0700
        try:
            sizes = _fill(config, making)
            making.rename(target)
        except BaseException:
            shutil.rmtree(making)
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise OperatorError(
            f"The backup {target} cannot be made.",
            why=str(error),
            next_step="look at the disk and at who may write there, then make it again; nothing was changed",
        ) from error
    return sizes


def _fill(config: Config, making: Path) -> dict[str, int]:
    with typer.progressbar(length=1, label="copying the database", file=typer.get_text_stream("stderr")) as bar:

        def progress(done: int, whole: int) -> None:
            bar.length = whole
            bar.update(done - bar.pos)

        copy = making / config.database_path.name
        database = copy_database(config.database_path, copy, progress)
    typer.echo("the database is copied; now the copy is checked", err=True)
    check_database(copy)
    typer.echo("the copy is sound; now the trails are copied", err=True)
    audit = making / config.audit_dir.name
    audit.mkdir(mode=0o700)
    trails = copy_trails(config.audit_dir, audit)
    shutil.copyfile(config.data_dir / "node-id", making / "node-id")
    sync_folder(making)
    return {"database": database, "trails": trails}

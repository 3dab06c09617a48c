"""Deleted means gone: raw bytes of every file, before and after a purge, for what a purged secret consisted of.

Looked for are pieces of its values, of their ciphertexts and of their wrapped data keys, its description and its
tags. What remains of it by intention is its name and ARN (tombstone, trail) and what its calls put on the trail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from support.deployment import Deployment, config_for, deployed, token
from support.postgres import PrivatePostgres
from support.server import Server, running
from support.storages import run_sql

PURGED, KEPT = "purged", "kept"
SIZES = (40, 3_000, 60_000)
"""Of values: beside its key, in a row of its own, in many pages."""

ERASED_SECONDS = 20.0
"""The log is cut some seconds after the purge."""


def value_of(name: str, size: int) -> str:
    return (f"canary-{name}-{size}-" * size)[:size]


def pieces_of(rows: list[tuple[Any, ...]], group: str) -> dict[str, bytes]:
    """Return what to look for of all versions of a group: (name, version id, ciphertext, wrapped key)."""
    pieces = {f"value of {group}/{size}": value_of(f"{group}/{size}", size)[:32].encode() for size in SIZES}
    for name, version_id, ciphertext, wrapped_key in rows:
        if name.startswith(group):
            sealed, wrapped = bytes(ciphertext), bytes(wrapped_key)
            pieces[f"start of the ciphertext of {name} {version_id}"] = sealed[13:37]
            pieces[f"end of the ciphertext of {name} {version_id}"] = sealed[-24:]
            pieces[f"wrapped key of {name} {version_id}"] = wrapped[-40:]
    return pieces


def written_apart(group: str) -> dict[str, bytes]:
    """Return what else a secret had, which its calls put on the trail too."""
    return {"description": f"description of {group}".encode(), "tag": f"tag of {group}".encode()}


def sightings(pieces: dict[str, bytes], files: Iterator[Path]) -> set[str]:
    contents = [path.read_bytes() for path in files if path.is_file()]
    return {what for what, piece in pieces.items() if any(piece in content for content in contents)}


def fill(call: Callable[..., Any]) -> None:
    """Make secrets of both groups, with some versions each."""
    for group in (PURGED, KEPT):
        for size in SIZES:
            name = f"{group}/{size}"
            more = {"Description": f"description of {group}", "Tags": [{"Key": "k", "Value": f"tag of {group}"}]}
            call("CreateSecret", Name=name, SecretString=value_of(name, size), ClientRequestToken=token(0), **more)
            for number in (1, 2):
                value = value_of(name, size) + str(number)
                call("PutSecretValue", SecretId=name, SecretString=value, ClientRequestToken=token(number))


VERSIONS = "SELECT name, version_id, ciphertext, wrapped_key FROM versions JOIN secrets ON secrets.arn = versions.arn"


def caller_of(server: Server) -> Callable[..., Any]:
    client = server.client()
    methods = {"CreateSecret": client.create_secret, "PutSecretValue": client.put_secret_value}
    return lambda operation, **members: methods[operation](**members)


@pytest.mark.parametrize("how", ["by force", "at the end of its window"])
def test_on_sqlite_nothing_of_a_purged_secret_is_in_any_file_nor_in_a_backup_made_afterwards(tmp_path: Path, how: str):
    # The index of the trail holds what the trail does: of a call also the description and the tags it gave.
    with running(tmp_path, STRONGROOM_AUDIT_INDEX_DAYS="0") as server:
        fill(caller_of(server))
        folder, database = server.data_dir, f"sqlite:///{server.data_dir / 'strongroom.db'}"
        rows = run_sql(database, VERSIONS)
        gone, kept = pieces_of(rows, PURGED), pieces_of(rows, KEPT)
        sealed = {what for what in gone | kept if not what.startswith("value")}
        assert sightings(gone | kept, folder.rglob("*")) == sealed, "all is there before, and no value ever"
        purge(server, database, how)
        wait_until_erased(gone, folder)
        assert sightings(kept, folder.rglob("*")) == sealed - gone.keys()
        backup = tmp_path / "backup.db"
        with closing(apsw.Connection(str(folder / "strongroom.db"))) as connection:
            connection.execute("VACUUM INTO ?", (str(backup),))
        assert server.command("backup", str(tmp_path / "backup")).returncode == 0
        copies = [backup, tmp_path / "backup" / "strongroom.db"]
        for files in (lambda: iter(copies), lambda: folder.glob("strongroom.db*")):
            assert sightings(gone | written_apart(PURGED), files()) == set()
            assert sightings(written_apart(KEPT), files()) == {"description", "tag"}
        assert server.stop() == 0
        assert sightings(gone, folder.rglob("*")) == set()


def purge(server: Server, database: str, how: str) -> None:
    client, force = server.client(), how == "by force"
    for size in SIZES:
        window: dict[str, Any] = {"ForceDeleteWithoutRecovery": True} if force else {"RecoveryWindowInDays": 7}
        client.delete_secret(SecretId=f"{PURGED}/{size}", **window)
    if not force:
        for table, column in (("secrets", "purge_at"), ("jobs", "run_at")):
            run_sql(database, f"UPDATE {table} SET {column} = 1 WHERE {column} > 1")
    deadline = time.monotonic() + ERASED_SECONDS
    while run_sql(database, "SELECT COUNT(*) FROM secrets") != [(len(SIZES),)]:
        assert time.monotonic() < deadline, "they are not purged"
        time.sleep(0.05)


def wait_until_erased(gone: dict[str, bytes], folder: Path) -> None:
    """Wait for the log to be cut, while the server runs and nothing else is asked of it."""
    deadline = time.monotonic() + ERASED_SECONDS
    while found := sightings(gone, folder.rglob("*")):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@pytest.fixture
def own_postgres() -> Iterator[PrivatePostgres]:
    """A server whose files are this test's: they hold nothing of other databases."""
    server = PrivatePostgres(durable=True).start()
    yield server
    server.stop()


def test_on_postgresql_a_full_vacuum_and_the_end_of_the_log_leave_nothing_of_a_purged_secret(
    tmp_path: Path, own_postgres: PrivatePostgres
):
    own_postgres.create_database("purge")
    url = own_postgres.url("purge")
    heap = lambda: (own_postgres.data_directory / "base").rglob("*")  # noqa: E731
    everything = lambda: (path for top in (own_postgres.data_directory, tmp_path) for path in top.rglob("*"))  # noqa: E731
    with deployed(config_for(url, tmp_path)) as here, psycopg.connect(url, autocommit=True) as connection:
        fill(here.call)
        rows = run_sql(url, VERSIONS)
        gone, kept = pieces_of(rows, PURGED), pieces_of(rows, KEPT)
        sealed = {what for what in gone | kept if not what.startswith("value")}
        connection.execute("CHECKPOINT")
        assert sightings(gone | kept, heap()) == sealed
        purge_here(here)
        connection.execute("VACUUM FULL versions")
        connection.execute("CHECKPOINT")
        assert sightings(gone, heap()) == set()
        assert sightings(gone, everything()) == sealed & gone.keys(), "PostgreSQL's log holds them until it is removed"
        end_log(connection)
        assert sightings(gone, everything()) == set()
        assert sightings(kept, heap()) == sealed - gone.keys()


def purge_here(here: Deployment) -> None:
    for size in SIZES:
        here.call("DeleteSecret", SecretId=f"{PURGED}/{size}", ForceDeleteWithoutRecovery=True)
    assert here.run_jobs() >= len(SIZES)


def end_log(connection: psycopg.Connection) -> None:
    """Have PostgreSQL remove the segments of its log instead of keeping them, as they are, for later use."""
    connection.execute("ALTER SYSTEM SET wal_recycle = off")
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + ERASED_SECONDS
    while connection.execute("SHOW wal_recycle").fetchall() != [("off",)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for _ in range(2):
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")

"""Databases opened by themselves, without the server above them, and records to put there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg

from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey
from strongroom.domain.secret import SealedValue, Secret, Version
from strongroom.domain.secret_value import ValueKind
from strongroom.storage.base import AccessKeyRow, Job, Storage, Transaction
from strongroom.storage.postgresql import PostgresqlStorage
from strongroom.storage.sqlite import SqliteStorage
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret

AWAIT_SECONDS = 30.0

KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/11111111-2222-4333-8444-555555555555"
MINUTE = timedelta(minutes=1)


class JournalRefused(Exception):
    """What a journal says that cannot be written."""


class RecordingJournal:
    """Remembers what it was given, batch by batch; refuses everything while `refusing`."""

    def __init__(self) -> None:
        self.batches: list[tuple[tuple[bytes, ...], bool]] = []
        self.refusing = False
        self.refused = 0
        self._lock = threading.Lock()

    def __call__(self, entries: Sequence[bytes], durable: bool) -> None:  # noqa: FBT001 - the Journal's shape
        with self._lock:
            if self.refusing:
                self.refused += 1
                raise JournalRefused("the disk is full")
            self.batches.append((tuple(entries), durable))

    @property
    def entries(self) -> list[bytes]:
        return [entry for batch, _ in self.batches for entry in batch]


def sqlite_path(database_url: str) -> Path:
    return Path(database_url.removeprefix("sqlite:///"))


def open_database(database_url: str) -> Storage:
    if database_url.startswith("sqlite"):
        return SqliteStorage(sqlite_path(database_url))
    return PostgresqlStorage(database_url)


@contextmanager
def opened(database_url: str, journal: RecordingJournal | None = None) -> Iterator[Storage]:
    storage = open_database(database_url)
    storage.attach_journal(journal or RecordingJournal())
    try:
        yield storage
    finally:
        storage.close()


def run_sql(database_url: str, statement: str, **params: Any) -> list[tuple[Any, ...]]:
    """Run a statement behind the server's back, on a connection of its own, and return its rows.

    Parameters are written `:name`.
    """
    if database_url.startswith("sqlite"):
        with closing(apsw.Connection(str(sqlite_path(database_url)))) as connection:
            connection.set_busy_timeout(10_000)
            return connection.execute(statement, params).fetchall()
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor = connection.execute(re.sub(r":([a-z_]+)", r"%(\1)s", statement).encode(), params)
        return cursor.fetchall() if cursor.description else []


def sealed_value(number: int = 1, *, size: int = 60) -> SealedValue:
    """Return a value that looks sealed; `number` tells one from another."""
    return SealedValue(ValueKind.STRING, KEY_ARN, 1, bytes([number]) * 93, bytes([number, 0, 255]) * (size // 3))


def make_version(number: int = 1, **changes: Any) -> Version:
    members: dict[str, Any] = {
        "version_id": f"{number:08d}-0000-4000-8000-000000000000",
        "created_at": NOW + number * MINUTE,
        "sealed": sealed_value(number % 256),
        **changes,
    }
    return Version(**members)


def make_job(subject: str = "arn:1", **changes: Any) -> Job:
    members: dict[str, Any] = {
        "kind": "purge",
        "subject": subject,
        "account_id": ACCOUNT_ID,
        "region": REGION,
        "run_at": NOW,
        **changes,
    }
    return Job(**members)


def claim_one(tx: Transaction, owner: str, now: datetime, lease_until: datetime) -> Job | None:
    """Claim the job that is due longest."""
    return next(iter(tx.claim_jobs(owner, now, lease_until, 1, newest=False)), None)


def make_kms_key(**changes: Any) -> KmsKey:
    members: dict[str, Any] = {
        "account_id": ACCOUNT_ID,
        "region": REGION,
        "key_id": "11111111-2222-4333-8444-555555555555",
        "manager": KeyManager.CUSTOMER,
        "state": KeyState.ENABLED,
        "current_version": 1,
        "created_at": NOW,
        "description": "",
        **changes,
    }
    return KmsKey(**members)


def make_access_key(**changes: Any) -> AccessKeyRow:
    members: dict[str, Any] = {
        "access_key_id": "AKIAAAAAAAAAAAAAAAAA",
        "account_id": ACCOUNT_ID,
        "principal_arn": f"arn:aws:iam::{ACCOUNT_ID}:root",
        "principal_id": ACCOUNT_ID,
        "active": True,
        "revision": 1,
        "sealed_secret": b"\0\xff sealed",
        "created_at": NOW,
        **changes,
    }
    return AccessKeyRow(**members)


def insert_secret(storage: Storage, *versions: Version, **changes: Any) -> Secret:
    """Put a secret with versions into the database and return it."""
    secret = make_secret(**changes)

    def insert(tx: Any) -> None:
        tx.insert_secret(secret)
        for version in versions:
            tx.insert_version(secret, version)

    storage.write(insert)
    return secret


def await_all(futures: Iterable[Future[Any]]) -> None:
    """Return when all of them are told, whatever it is."""
    for future in futures:
        future.exception(AWAIT_SECONDS)


def insert_numbered(number: int) -> Callable[[Transaction], int]:
    """Return a work that inserts a secret named after a number, journals the number, and returns it."""

    def work(tx: Transaction) -> int:
        tx.insert_secret(make_secret(name=f"n{number:03d}"))
        tx.journal(b"%d" % number)
        return number

    return work


def names_in_database(database_url: str) -> set[str]:
    """Return the names of all secrets, read behind the server's back."""
    return {name for (name,) in run_sql(database_url, "SELECT name FROM secrets")}

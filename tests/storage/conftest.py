"""A database opened by itself, empty, with a journal that remembers; each test runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.storage.base import Storage
from strongroom.storage.postgresql import PostgresqlStorage
from strongroom.storage.sqlite import SqliteStorage
from support.storages import RecordingJournal, opened


@pytest.fixture
def journal() -> RecordingJournal:
    return RecordingJournal()


@pytest.fixture
def storage(database_url: str, journal: RecordingJournal) -> Iterator[Storage]:
    with opened(database_url, journal) as storage:
        yield storage


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'strongroom.db'}"


@pytest.fixture
def sqlite(sqlite_url: str, journal: RecordingJournal) -> Iterator[SqliteStorage]:
    """The embedded database, for what only it promises."""
    with opened(sqlite_url, journal) as storage:
        assert isinstance(storage, SqliteStorage)
        yield storage


@pytest.fixture
def postgresql(postgres_url: str, journal: RecordingJournal) -> Iterator[PostgresqlStorage]:
    """PostgreSQL, for what only it promises."""
    with opened(postgres_url, journal) as storage:
        assert isinstance(storage, PostgresqlStorage)
        yield storage

"""Copies of a SQLite database that is written to meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from strongroom.errors import OperatorError
from strongroom.storage import sqlite_backup
from strongroom.storage.sqlite_backup import check_database, copy_database

ROWS = 6_000
"""Of a kilobyte: several pieces."""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(tmp_path / "source.db"))) as connection:
        connection.pragma("journal_mode", "wal")
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, content BLOB)")
        connection.execute("CREATE INDEX lengths ON items (length(content))")
        rows = ((number, b"a" * 1_000) for number in range(ROWS))
        with connection:
            connection.executemany("INSERT INTO items VALUES (?, ?)", rows)
        yield connection


def ignored(_done: int, _whole: int) -> None:
    pass


def contents(path: Path) -> set[tuple[bytes, int]]:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return set(connection.execute("SELECT content, COUNT(*) FROM items GROUP BY 1"))


def test_a_copy_is_of_one_instant_whatever_is_committed_and_moved_meanwhile(source, tmp_path):
    pieces = []

    def commit_more(_seconds: float) -> None:
        pieces.append(1)
        source.execute("UPDATE items SET content = ? WHERE id % 7 = ?", (b"b" * 1_500, len(pieces) % 7))
        source.execute("INSERT INTO items (content) VALUES (?)", (b"c" * 5_000,))
        source.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    size = copy_database(tmp_path / "source.db", tmp_path / "copy.db", ignored, sleep=commit_more)
    assert len(pieces) > 2
    assert contents(tmp_path / "copy.db") == {(b"a" * 1_000, ROWS)}
    assert size == (tmp_path / "copy.db").stat().st_size
    assert len(contents(tmp_path / "source.db")) == 3


def test_a_copy_stands_alone_and_is_its_owners_alone(source, tmp_path):
    (tmp_path / "backup").mkdir()
    copy_database(tmp_path / "source.db", tmp_path / "backup" / "copy.db", ignored)
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["copy.db"]
    assert (tmp_path / "backup" / "copy.db").stat().st_mode & 0o777 == 0o600


def test_progress_grows_up_to_the_whole(source, tmp_path):
    told = []
    copy_database(tmp_path / "source.db", tmp_path / "copy.db", lambda *both: told.append(both))
    whole = (tmp_path / "copy.db").stat().st_size
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {all_of_it for _, all_of_it in told} == {whole}
    assert told[-1][0] == whole


def test_without_room_nothing_is_copied_and_the_operator_is_told_how_much_is_wanted(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_backup, "ROOM_LEFT", 1 << 60)
    with pytest.raises(OperatorError) as raised:
        copy_database(tmp_path / "source.db", tmp_path / "copy.db", ignored)
    assert "no room" in raised.value.what
    assert "MiB" in raised.value.why
    assert (tmp_path / "copy.db").stat().st_size == 0


def test_a_copy_is_never_written_over_a_file(source, tmp_path):
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(OperatorError, match="cannot be copied"):
        copy_database(tmp_path / "source.db", tmp_path / "copy.db", ignored)
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_database_that_is_not_sound_makes_no_backup(source, tmp_path):
    source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    source.execute("PRAGMA writable_schema = ON")
    source.execute("UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'items')")
    copy_database(tmp_path / "source.db", tmp_path / "copy.db", ignored)
    with pytest.raises(OperatorError) as raised:
        check_database(tmp_path / "copy.db")
    assert raised.value.what.endswith("is no sound database.")


def test_a_copy_of_which_the_disk_has_lost_a_page_makes_no_backup(source, tmp_path):
    copy_database(tmp_path / "source.db", tmp_path / "copy.db", ignored)
    check_database(tmp_path / "copy.db")
    with (tmp_path / "copy.db").open("rb+") as file:
        file.seek(100 * 4_096)
        file.write(bytes(4_096))
    with pytest.raises(OperatorError):
        check_database(tmp_path / "copy.db")

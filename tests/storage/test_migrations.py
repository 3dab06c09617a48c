"""The schema: made once, recorded, the same on both databases, and never from the future."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from strongroom.domain.listing import Listing, SortBy
from strongroom.domain.narrowing import Narrowing
from strongroom.domain.timestamps import to_micros
from strongroom.domain.trail_event import EventQuery
from strongroom.errors import OperatorError
from strongroom.storage import term_index, trail_index
from strongroom.storage.migrate import VERSION_TABLE, dialect_text, migrations, pending
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION
from support.storages import insert_secret, opened, run_sql
from support.trails import make_event, told_events

NEWEST = migrations("sqlite")[-1].version
SQLITE_TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}

COLUMNS_OF_SQLITE = """
SELECT t.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0, c.pk > 0 FROM pragma_table_list AS t
JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'
"""
COLUMNS_OF_POSTGRESQL = """
SELECT c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES', k.column_name IS NOT NULL
FROM information_schema.columns AS c
LEFT JOIN information_schema.table_constraints AS p
  ON p.table_name = c.table_name AND p.constraint_type = 'PRIMARY KEY'
LEFT JOIN information_schema.key_column_usage AS k
  ON k.constraint_name = p.constraint_name AND k.column_name = c.column_name
WHERE c.table_schema = 'public'
"""
INDEXES_OF_SQLITE = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
INDEXES_OF_POSTGRESQL = """
SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def open_once(database_url):
    with opened(database_url):
        pass


def versions_recorded(database_url):
    return run_sql(database_url, "SELECT version FROM schema_version ORDER BY version")


def test_migrations_are_numbered_without_gaps():
    assert [migration.version for migration in migrations("sqlite")] == list(range(1, NEWEST + 1))
    assert [one.name for one in migrations("sqlite")] == [one.name for one in migrations("postgresql")]


def test_the_schema_version_is_recorded(database_url):
    open_once(database_url)
    assert versions_recorded(database_url) == [(number,) for number in range(1, NEWEST + 1)]


def test_opening_again_changes_nothing(database_url):
    with opened(database_url) as storage:
        secret = insert_secret(storage)
    recorded = versions_recorded(database_url)
    with opened(database_url) as storage:
        assert storage.read(lambda tx: tx.find_secret_by_arn(secret.account_id, secret.region, secret.arn)) == secret
    assert versions_recorded(database_url) == recorded


def test_nothing_is_pending_at_the_newest_version():
    assert pending("sqlite", NEWEST) == ()
    assert [migration.version for migration in pending("sqlite", 0)] == list(range(1, NEWEST + 1))


def test_a_newer_schema_is_refused_and_left_alone(database_url):
    open_once(database_url)
    run_sql(database_url, "INSERT INTO schema_version (version) VALUES (:version)", version=NEWEST + 1)
    with pytest.raises(OperatorError, match=f"version {NEWEST + 1}; this server knows versions up to {NEWEST}"):
        open_once(database_url)
    assert versions_recorded(database_url)[-1] == (NEWEST + 1,)


def test_a_migration_that_fails_leaves_nothing_behind(database_url):
    run_sql(database_url, "CREATE TABLE stages (in_the_way INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        open_once(database_url)
    tables = run_sql(
        database_url,
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        if database_url.startswith("sqlite")
        else "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    )
    assert tables == [("stages",)]


LISTING = Listing(ACCOUNT_ID, REGION, SortBy.CREATED_DATE)


def make_schema(database_url, version):
    """Make the schema that an older server has left."""
    dialect = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    run_sql(database_url, dialect_text(VERSION_TABLE, dialect))
    for migration in migrations(dialect)[:version]:
        for statement in migration.statements:
            run_sql(database_url, statement)
        run_sql(database_url, "INSERT INTO schema_version (version) VALUES (:version)", version=migration.version)


def test_secrets_from_before_the_index_are_indexed(database_url, monkeypatch):
    monkeypatch.setattr(term_index, "_BACKFILL_CHUNK", 2)
    make_schema(database_url, 2)
    for number in range(5):
        run_sql(
            database_url,
            "INSERT INTO secrets (account_id, region, name, arn, created_at, last_changed_at, description, tags) "
            "VALUES (:account_id, :region, :name, :arn, 0, 0, :description, :tags)",
            account_id=ACCOUNT_ID,
            region=REGION,
            name=f"Old{number}",
            arn=f"arn:{number}",
            description="Written long ago",
            tags='[["team","Blü"]]' if number == 3 else None,
        )
    with opened(database_url) as storage:

        def found(*terms: str):
            return storage.read(lambda tx: tx.listings.find_names(LISTING, Narrowing(terms=terms), 10))

        assert sorted(found("dlong")) == sorted(found("wold")) == [f"Old{number}" for number in range(5)]
        assert found("kteam") == found("vBlü") == found("wblü") == ["Old3"]
        secret = storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "Old3"))
        storage.write(lambda tx: tx.delete_secret(secret))
        assert found("kteam") == found("vBlü") == found("wblü") == []
    assert run_sql(database_url, "SELECT COUNT(*) FROM secret_terms WHERE name = 'Old3'") == [(0,)]


def test_terms_of_secrets_are_put_in_the_order_of_creation(database_url):
    make_schema(database_url, 10)
    for number in range(3):
        run_sql(
            database_url,
            "INSERT INTO secrets (account_id, region, name, arn, created_at, last_changed_at, description, terms) "
            "VALUES (:account_id, :region, :name, :arn, :created_at, 0, '', :terms)",
            account_id=ACCOUNT_ID,
            region=REGION,
            name=f"Old{number}",
            arn=f"arn:{number}",
            created_at=9 - number,
            terms='["kkept", "wblü \\"x\\""]' if number else "[]",
        )
        run_sql(
            database_url,
            "INSERT INTO secret_terms (account_id, region, term, name) VALUES (:account_id, :region, 'lost', 'Old1')",
            account_id=str(number),
            region=REGION,
        )
    with opened(database_url) as storage:

        def found(term):
            return storage.read(lambda tx: tx.listings.with_terms(LISTING, [term], None, 10)).secrets

        assert [secret.name for secret in found("kkept")] == ["Old2", "Old1"]
        assert found('wblü "x"') == found("kkept")
    assert run_sql(database_url, "SELECT COUNT(*) FROM secret_terms") == [(4,)]


def insert_row_of_event(database_url, event):
    """Insert an event as a server of schema version 7 did."""
    row = event._asdict() | {"happened_at": to_micros(event.happened_at), "read_only": int(event.read_only)}
    values = ", ".join(f":{name}" for name in row)
    run_sql(database_url, f"INSERT INTO trail_events ({', '.join(row)}) VALUES ({values})", **row)


def events_of_before():
    """Return events of three trails, in no order, some of which have failed."""
    names, codes = ["GetSecretValue", "DeleteSecret", "RotationFailed"], [None, None, "AccessDenied"]
    return [
        make_event(
            number // 3,
            event_id=f"{trail}-{number}",
            trail=f"node/trail-{trail}",
            sequence=number // 2,
            event_name=names[number % 3],
            read_only=number % 3 == 0,
            code=codes[number % 4 % 3],
            username=None if number % 5 == 0 else f"user-{number % 2}",
            principal_arn=f"arn:principal-{number % 2}",
            access_key_id=f"AKIA{number % 7}",
            resource_name="ü" if number % 4 else None,
            resource_arn=f"arn:{number % 3}",
        )
        for number in reversed(range(20))
        for trail in (2, 0, 1)
    ]


def test_events_from_before_the_blocks_are_found_by_everything_they_can_be_asked_for_by(database_url, monkeypatch):
    monkeypatch.setattr(trail_index, "MAX_EVENTS", 8)
    make_schema(database_url, 7)
    events = events_of_before()
    for event in events:
        insert_row_of_event(database_url, event)
    run_sql(database_url, "INSERT INTO trail_positions VALUES ('node/trail-0', 10, 'mac', 1, 2000)")
    run_sql(
        database_url, "INSERT INTO secret_readers VALUES ('secret', 'me', '192.0.2.1', 'Boto3', 'A', 1, 2, 3, 4, NULL)"
    )
    kept = [run_sql(database_url, f"SELECT * FROM {table}") for table in ("trail_positions", "secret_readers")]
    open_once(database_url)
    with opened(database_url) as storage:
        for name in ("account_id", "event_name", "username", "principal_arn", "access_key_id", "resource_name"):
            for value in {getattr(event, name) for event in events} - {None}:
                day = timedelta(days=1)
                query = EventQuery(**{"account_id": ACCOUNT_ID, "since": NOW - day, "until": NOW + day, name: value})
                wanted = sorted(filter(query.wants, events), key=lambda event: event.place, reverse=True)
                assert told_events(storage, query, None, 7) == wanted
                assert wanted
        assert storage.read(lambda tx: tx.trail.known_events(events)) == {event.event_id for event in events}
        assert storage.read(lambda tx: tx.trail.find_event("1-7")) in events
        denials = storage.read(lambda tx: tx.alarms.denials(NOW - day, 100))
        assert len(denials) == sum(event.code == "AccessDenied" for event in events) > 0
        rotations = storage.read(lambda tx: tx.alarms.failed_rotations(ACCOUNT_ID, NOW - day, 100))
        assert rotations == ["arn:2"]
    assert [run_sql(database_url, f"SELECT * FROM {table}") for table in ("trail_positions", "secret_readers")] == kept
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        run_sql(database_url, "SELECT 1 FROM trail_events")


def test_nodes_that_start_together_make_one_schema(database_url):
    together = Barrier(4)

    def start(_):
        together.wait()
        open_once(database_url)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))
    assert versions_recorded(database_url) == [(number,) for number in range(1, NEWEST + 1)]


def test_both_databases_have_the_same_tables_columns_keys_and_indexes(sqlite_url, postgres_url):
    open_once(sqlite_url)
    open_once(postgres_url)
    of_sqlite = {
        (table, column, SQLITE_TYPES[kind], bool(nullable), bool(in_key))
        for table, column, kind, nullable, in_key in run_sql(sqlite_url, COLUMNS_OF_SQLITE)
    }
    assert of_sqlite == set(run_sql(postgres_url, COLUMNS_OF_POSTGRESQL))
    assert len(of_sqlite) > 50
    assert set(run_sql(sqlite_url, INDEXES_OF_SQLITE)) == set(run_sql(postgres_url, INDEXES_OF_POSTGRESQL))


def test_text_of_postgresql_is_ordered_by_code_point(postgres_url):
    open_once(postgres_url)
    collations = run_sql(
        postgres_url,
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'text'",
    )
    assert collations == [("C",)]


def test_tables_of_sqlite_are_strict(sqlite_url):
    open_once(sqlite_url)
    loose = run_sql(sqlite_url, "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0")
    assert {name for (name,) in loose} == {"schema_version", "sqlite_schema", "sqlite_temp_schema"}


def test_a_statement_is_rewritten_for_postgresql():
    statement = "CREATE TABLE t (\n  a INTEGER,\n  b BLOB NOT NULL,\n  c TEXT\n) STRICT"
    assert dialect_text(statement, "sqlite") == statement
    assert dialect_text(statement, "postgresql") == (
        'CREATE TABLE t (\n  a BIGINT,\n  b BYTEA NOT NULL,\n  c TEXT COLLATE "C"\n)'
    )
    assert dialect_text("CREATE TABLE t (a BLOB) STRICT, WITHOUT ROWID", "postgresql") == "CREATE TABLE t (a BYTEA)"

"""Statements on one PostgreSQL connection: what is sent together, and when its failure shows."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg import errors, pq

from strongroom.storage.postgresql_session import BEGIN, COMMIT, ROLLBACK, Session
from strongroom.storage.sql import Query, load

LARGE = 3_000_000
"""Bytes of a value that no socket takes at once."""


@pytest.fixture
def connection(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True, client_encoding="utf8") as connection:
        connection.execute("CREATE TABLE things (name TEXT PRIMARY KEY, size BIGINT, content BYTEA)")
        yield connection


@pytest.fixture
def session(connection):
    return Session(connection.pgconn)


INSERT = "INSERT INTO things (name, size, content) VALUES (%(name)s, %(size)s, %(content)s)"


def insert(session, name, size=None, content=None):
    return session.execute(INSERT, {"name": name, "size": size, "content": content})


def names(session):
    return [name for (name,) in session.execute("SELECT name FROM things ORDER BY name", {})]


def seen_by_others(postgres_url):
    with psycopg.connect(postgres_url) as other:
        return [name for (name,) in other.execute("SELECT name FROM things ORDER BY name").fetchall()]


@pytest.mark.parametrize("size", [0, -1, 2**63 - 1, -(2**63), None])
@pytest.mark.parametrize("content", [b"", b"\0\xff", None])
def test_values_come_back_as_they_were_given(session, size, content):
    insert(session, "é\U0001f511", size, content)
    rows = session.execute("SELECT name, size, content FROM things WHERE name = %(name)s", {"name": "é\U0001f511"})
    assert rows == [("é\U0001f511", size, content)]


def test_a_parameter_may_stand_in_several_places(session):
    assert session.execute("SELECT %(a)s::TEXT, %(b)s::BIGINT, %(a)s::TEXT", {"a": "x", "b": 2}) == [("x", 2, "x")]


@pytest.mark.parametrize("query", ["SELECT 1.5", "SELECT 1 WHERE %(a)s::BOOLEAN"])
def test_types_that_no_column_has_are_refused_not_misread(session, query):
    with pytest.raises(TypeError, match="not spoken here"):
        session.execute(query, {"a": 1})


def test_changes_go_out_with_the_next_read_and_no_sooner(session, postgres_url):
    insert(session, "a")
    insert(session, "b")
    assert seen_by_others(postgres_url) == []
    assert names(session) == ["a", "b"]
    assert seen_by_others(postgres_url) == ["a", "b"]


def test_large_values_wait_and_go_out_together(session):
    for name in "abcd":
        insert(session, name, None, bytes(LARGE))
    rows = session.execute("SELECT name, length(content) FROM things ORDER BY name", {})
    assert rows == [(name, LARGE) for name in "abcd"]


def test_the_first_failure_of_what_waited_shows_and_nothing_after_it_runs(session, connection):
    session.begin("BEGIN")
    insert(session, "a")
    insert(session, "a")
    insert(session, "b")
    with pytest.raises(errors.UniqueViolation, match="things_pkey"):
        session.flush()
    session.roll_back()
    assert names(session) == []
    assert connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


def test_a_failure_shows_before_a_commit_says_that_it_is_done(session, postgres_url):
    session.begin("BEGIN")
    insert(session, "a")
    insert(session, "a")
    with pytest.raises(errors.UniqueViolation):
        session.commit()
    session.roll_back()
    assert seen_by_others(postgres_url) == []


def test_a_transaction_that_failed_cannot_be_committed(session, connection):
    session.begin("BEGIN")
    insert(session, "a")
    session.flush()
    with pytest.raises(errors.DivisionByZero):
        session.execute("SELECT 1 / %(zero)s::BIGINT", {"zero": 0})
    with pytest.raises(psycopg.OperationalError, match="was rolled back"):
        session.commit()


def test_a_transaction_without_statements_is_never_begun(session, connection):
    session.begin("BEGIN")
    session.commit()
    assert connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    assert names(session) == []


def test_what_waited_is_forgotten_by_a_rollback(session):
    session.begin("BEGIN")
    insert(session, "a")
    session.roll_back()
    assert names(session) == []


@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_a_lost_connection_is_an_error_at_the_next_statement(session, connection, postgres_url, waiting):
    session.begin("BEGIN")
    assert names(session) == []
    with psycopg.connect(postgres_url, autocommit=True) as other:
        ended = other.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,)).fetchone()
    assert ended == (True,)
    for _ in range(waiting):
        session._waiting.append((session._statements["SELECT name FROM things ORDER BY name"], []))
    with pytest.raises(psycopg.OperationalError):
        names(session)
    session.roll_back()
    assert connection.closed


def test_a_round_trip_in_parts_ends_with_its_last_and_what_follows_a_refusal_is_passed_over(session, postgres_url):
    statement = Query("insert", INSERT, lambda params: params)
    session.stop_waiting([statement, BEGIN, COMMIT, ROLLBACK])

    def received():
        while (rows := session.receive()) is None:
            pass
        return rows

    insert_x = (statement, {"name": "x", "size": 1, "content": b""})
    session.send([(BEGIN, {}), insert_x], is_whole=False)
    assert session.receive() is None
    assert session.is_receiving
    session.send([(COMMIT, {})])
    assert received() == [[], [], []]
    assert not session.is_receiving
    assert seen_by_others(postgres_url) == ["x"]

    session.send([(BEGIN, {}), (statement, {"name": "y", "size": 1, "content": b""}), insert_x], is_whole=False)
    session.send([(COMMIT, {})])
    with pytest.raises(errors.UniqueViolation):
        received()
    session.send([(ROLLBACK, {})])
    assert received() == [[]]
    assert seen_by_others(postgres_url) == ["x"]


def test_no_connection_of_the_pool_has_its_statements_compiled(postgresql):
    assert postgresql._with_session(lambda session: session.execute("SHOW jit", {})) == [("off",)]


WANTED = '[{"place": 0, "account_id": "000000000000", "region": "us-east-1", "name": "app", "label": "AWSCURRENT"}]'
ASKED = {
    "bring_access_keys": {"since": 5, "texts": '["AKIA"]'},
    "bring_versions": {"since": 5, "wanted": WANTED},
    "lock_for_changes": {"wanted": WANTED},
    "bring_for_changes": {"wanted": WANTED, "default_alias": "alias/aws/secretsmanager"},
    "find_access_keys": {"texts": '["AKIA"]'},
}
"""Statements of every call."""


@pytest.mark.parametrize("name", ASKED)
def test_what_every_call_asks_finds_rows_by_an_index_also_where_tables_were_analyzed_while_they_were_empty(
    postgresql, postgres_url, name
):
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("ANALYZE")
        other.execute("INSERT INTO committed_changes SELECT number, NULL FROM generate_series(1, 5000) AS number")
    query = load("postgresql").writing[name]
    explained = replace(query, text=f"EXPLAIN {query.text}")
    plan = [row[0] for row in postgresql._with_session(lambda session: session.query(explained, ASKED[name]))]
    assert not [step for step in plan if "Seq Scan" in step], plan

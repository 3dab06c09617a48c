"""What every test may use: a private PostgreSQL, node for the JavaScript client, no sockets in unit tests."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg_pool.base
import pytest
from hypothesis import settings

from strongroom import access_dates
from strongroom.storage.transaction import SqlTransaction
from support.deployment import Deployment, config_for, deployed
from support.node import JavaScriptClient
from support.postgres import PrivatePostgres, empty

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT_TESTS = Path(__file__).parent / "unit"
MAY_USE_SOCKETS = {UNIT_TESTS / "wire" / name for name in ("test_http_protocol.py", "test_http_connection.py")}

settings.register_profile("ci", deadline=None, derandomize=False, max_examples=100)
settings.load_profile("ci")

# A pool's own threads draw when a connection opens. Hypothesis refuses an example while which Python's shared
# generator moved, so they draw from another.
psycopg_pool.base.random = random.Random().random  # type: ignore[attr-defined]

_database_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The server of this test process, started by the first test that needs it."""
    server = PrivatePostgres().start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PrivatePostgres) -> Iterator[str]:
    """The URL of an empty database that this test has for itself."""
    name = f"test_{next(_database_numbers)}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: a test that asks for it runs once on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'strongroom.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def shared_postgres_url(postgres: PrivatePostgres) -> str:
    """The URL of a database that deployments use one after the other: emptying one is quicker than making one."""
    postgres.create_database("shared")
    return postgres.url("shared")


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment on each of the two databases, empty."""
    url = "sqlite" if request.param == "sqlite" else request.getfixturevalue("shared_postgres_url")
    if request.param == "postgresql":
        empty(url)
    with deployed(config_for(url, tmp_path)) as one:
        yield one


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all statements run, in order."""
    names: list[str] = []
    run = SqlTransaction._run
    monkeypatch.setattr(
        SqlTransaction, "_run", lambda self, name, params: (names.append(name), run(self, name, params))[1]
    )
    return names


@pytest.fixture(scope="session")
def javascript_client() -> JavaScriptClient:
    """The AWS SDK for JavaScript under the tests' own node; fails, never skips, where it is not installed."""
    return JavaScriptClient.find()


@pytest.fixture(autouse=True)
def _dates_of_reads_are_written_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no commit of dates come in between while a test counts statements, commits or what is recalled."""
    monkeypatch.setattr(access_dates, "DELAY_SECONDS", 3_600)


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    exempt = request.path in MAY_USE_SOCKETS or request.node.get_closest_marker("needs_sockets")
    if exempt or UNIT_TESTS not in request.path.parents:
        return
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _refusing(getattr(socket.socket, name)))


def _refusing(connect: Any) -> Any:
    def connect_locally(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX:
            raise AssertionError(
                f"a unit test connects to {address!r}; pass it what it needs, or mark it needs_sockets"
            )
        return connect(self, address)

    return connect_locally

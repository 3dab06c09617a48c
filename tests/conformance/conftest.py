"""Servers for the clients under test: one plain one, and one of each kind that people run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from support.server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PrivatePostgres

_database_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with its default settings, shared by the tests of a module."""
    with running(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture(scope="module", params=["sqlite", "sqlite with two workers", "postgresql"])
def every_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of each kind in turn: a test that asks for it runs once on each."""
    directory = tmp_path_factory.mktemp("server")
    if request.param != "postgresql":
        with running(directory, "--workers", "2" if "workers" in request.param else "1") as one:
            yield one
        return
    postgres: PrivatePostgres = request.getfixturevalue("postgres")
    name = f"conformance_{next(_database_numbers)}"
    postgres.create_database(name)
    with running(directory, "--database", postgres.url(name)) as one:
        yield one
    postgres.drop_database(name)

"""What a write costs, in statements, round trips and flushes. Not in time: that is the machine's."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from strongroom.operations import OPERATIONS
from strongroom.storage.postgresql_session import Session
from strongroom.wire import awsjson
from support.deployment import config_for, deployed, token

WAIT_SECONDS = 60


class CountingLibpq:
    """A connection that counts how often an answer is waited for."""

    def __init__(self, libpq, counted) -> None:
        self._libpq, self._counted = libpq, counted

    def __getattr__(self, name) -> object:
        if name in {"exec_", "exec_prepared", "pipeline_sync"}:
            self._counted.append(name)
        return getattr(self._libpq, name)


@pytest.fixture
def round_trips(monkeypatch):
    counted, make = [], Session.__init__
    monkeypatch.setattr(Session, "__init__", lambda self, libpq: make(self, CountingLibpq(libpq, counted)))
    return counted


def put(deployment, number):
    deployment.put("app/db", number)


def create(deployment, number):
    deployment.create(f"app/{number}")


@pytest.mark.parametrize(("call", "most"), [(put, 13), (create, 8)])
def test_a_write_runs_no_more_statements_than_it_needs(deployment, statements, call, most):
    deployment.create()
    for number in (2, 3):
        statements.clear()
        call(deployment, number)
    assert len(statements) <= most, statements
    assert len(set(statements) - {"put_stage"}) == len([name for name in statements if name != "put_stage"]), (
        "nothing is read twice"
    )


@pytest.mark.parametrize(("call", "most"), [(put, 12), (create, 7)])
def test_on_postgresql_a_write_waits_for_what_it_reads_and_for_its_commit_only(
    round_trips, postgres_url, tmp_path, call, most
):
    with deployed(config_for(postgres_url, tmp_path)) as deployment:
        deployment.create()
        for number in (2, 3):
            round_trips.clear()
            call(deployment, number)
        assert len(round_trips) <= most, round_trips


def test_calls_that_wait_together_share_commits_and_flushes_and_the_counters_tell(tmp_path):
    calls = 40
    with deployed(config_for("sqlite", tmp_path)) as deployment:
        deployment.create()
        node = deployment.node
        metrics, operation = node.service.metrics, OPERATIONS["PutSecretValue"]
        entered, go_on = threading.Event(), threading.Event()
        node.storage.submit(lambda _tx: (entered.set(), go_on.wait(WAIT_SECONDS)))
        assert entered.wait(WAIT_SECONDS)
        before = {name: metrics.value(name) for name in ("trail_syncs_total", "commits_total", "committed_calls_total")}
        body = b'{"SecretId":"app/db","SecretString":"x","ClientRequestToken":"%s"}'
        futures = [
            node.service.begin(
                operation,
                awsjson.decode(body % token(number).encode(), operation.request),
                deployment.caller(),
            )
            for number in range(2, calls + 2)
        ]
        go_on.set()
        assert not wait(futures, WAIT_SECONDS).not_done
        assert [future.exception() for future in futures] == [None] * calls
        grown = {name: metrics.value(name) - count for name, count in before.items()}
    assert grown["committed_calls_total"] == calls + 1
    assert grown["commits_total"] == 2
    assert grown["trail_syncs_total"] <= 2

"""Changes whose caller is proven by an access key as it was seen last: nothing is done unless it still is like that."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from strongroom.storage.base import Foreseen, WantedVersion
from strongroom.storage.postgresql_bringer import PostgresqlBringer
from strongroom.wire.exchange import HttpRequest
from support.deployment import config_for, deployed, token
from support.factories import ACCOUNT_ID, REGION
from support.on_loop import OnLoop, running_loop
from support.signing import Signer
from support.storages import run_sql

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
OTHER_SECRET = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"
FORESEEN = Foreseen(WantedVersion(ACCOUNT_ID, REGION, "app/db", None, None, None), None)
WAIT_SECONDS = 30


class Puts:
    """Puts values as clients do, each another one, and notes which keys were looked up for it."""

    def __init__(self, deployment, loop, looked_up) -> None:
        self.deployment, self.storage, self.looked_up = deployment, deployment.node.storage, looked_up
        self._loop = loop
        self._number = 1

    def request(self, secret=KEY[1], **members: Any):
        self._number += 1
        asked = {"SecretId": "app/db", "SecretString": "x", "ClientRequestToken": token(self._number), **members}
        body = json.dumps(asked).encode()
        signer = Signer(KEY[0], secret, host="127.0.0.1", region=self.deployment.region)
        headers = signer.headers("PutSecretValue", body, now=self.deployment.clock.now())
        lower = [(name.lower().encode(), value.encode()) for name, value in headers]
        return HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")

    def send(self, request):
        """Return what became of it: the status, and the type of the error if it is one."""
        self.looked_up.clear()
        answer = self._loop.answer(lambda: self.deployment.node.edge._core.begin(request))
        return answer.status, json.loads(answer.body).get("__type")

    def put(self, **members: Any):
        return self.send(self.request(**members))

    def change_key(self, change):
        """Change the key as another node does, of which this one is not told."""
        self.storage.write(lambda tx: change(tx, tx.find_access_key(KEY[0])))

    @property
    def versions(self):
        return len(self.deployment.call("ListSecretVersionIds", SecretId="app/db", IncludeDeprecated=True)["Versions"])


@pytest.fixture
def puts(postgres_url, tmp_path, monkeypatch):
    looked_up, look_up = [], PostgresqlBringer.access_key

    def noted(bringer, key_id):
        looked_up.append(key_id)
        return look_up(bringer, key_id)

    monkeypatch.setattr(PostgresqlBringer, "access_key", noted)
    config = config_for(postgres_url, tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment, running_loop() as loop:
        deployment.create()
        OnLoop(deployment.node.storage, loop).await_lanes(FORESEEN)
        puts = Puts(deployment, loop, looked_up)
        assert puts.put() == (200, None)
        assert looked_up == [KEY[0]], "a key that was never seen is looked up"
        yield puts


def test_a_key_that_is_as_it_was_is_not_looked_up_again(puts):
    assert [puts.put(), puts.looked_up] == [(200, None), []]
    assert puts.versions == 3


def disable(tx, row):
    tx.put_access_key(dataclasses.replace(row, active=False, revision=row.revision + 1))


def delete(tx, _row):
    tx.delete_access_key(KEY[0])


@pytest.mark.parametrize("change", [disable, delete])
def test_a_key_that_is_no_more_changes_nothing_from_that_moment_on(puts, change):
    puts.change_key(change)
    for _ in range(2):
        assert puts.put() == (400, "UnrecognizedClientException")
        assert puts.looked_up == [KEY[0]]
        last = puts.deployment.trail()[-1]
        assert (last["errorCode"], last["userIdentity"].get("arn")) == ("UnrecognizedClientException", None)
    assert puts.versions == 2


def test_a_key_with_another_secret_is_found_with_that(puts):
    def remake(tx, row):
        tx.delete_access_key(row.access_key_id)
        keys = puts.deployment.node.edge._core._seen_key.__self__
        keys.create_root_key(tx, ACCOUNT_ID, puts.deployment.clock.now(), preset=(KEY[0], OTHER_SECRET))

    puts.deployment.clock.advance(timedelta(seconds=1))
    puts.change_key(remake)
    assert puts.put() == (400, "InvalidSignatureException")
    assert puts.send(puts.request(OTHER_SECRET)) == (200, None)
    assert puts.versions == 3


def test_what_is_wrong_is_told_by_the_key_as_it_is(puts):
    assert puts.put(SecretString="") == (400, "ValidationException")
    assert puts.looked_up == [KEY[0]]
    assert puts.deployment.trail()[-1]["userIdentity"]["accessKeyId"] == KEY[0]
    forged = puts.request("another secret")
    assert puts.send(forged) == (400, "InvalidSignatureException")
    assert puts.send(replace(puts.request(), body=b"{}")) == (400, "InvalidSignatureException")
    assert puts.deployment.node.service.metrics.value("failed_authentications_total", 'kind="wrong_signature"') == 2


def test_a_change_whose_secret_is_held_waits_alone_with_the_key_that_was_found(puts, postgres_url):
    with psycopg.connect(postgres_url) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("SELECT FROM secrets FOR UPDATE")
        answer = threads.submit(puts.put)
        while not run_sql(postgres_url, "SELECT pid FROM pg_locks WHERE NOT granted"):
            assert not answer.done()
        holder.commit()
        assert answer.result(WAIT_SECONDS) == (200, None)
    assert (puts.versions, puts.looked_up) == (3, [])


def test_a_change_whose_connection_is_lost_before_its_key_was_found_looks_it_up(puts, postgres_url):
    ours = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    run_sql(postgres_url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {ours}")
    assert (puts.put(), puts.looked_up) == ((200, None), [KEY[0]])
    assert puts.versions == 3

"""A write is seen by every read that begins after its answer, on whichever worker the read lands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.deployment import token
from support.server import running

CLIENTS = 8
WRITES = 30


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_worker_answers_with_a_value_that_was_replaced(tmp_path: Path, workers: str) -> None:
    with running(tmp_path, "--workers", workers) as server:
        clients = [server.client() for _ in range(CLIENTS)]  # a connection each, spread over the workers
        clients[0].create_secret(Name="app/db", SecretString="value 1", ClientRequestToken=token(1))
        for number in range(2, WRITES + 2):
            value = f"value {number}"
            clients[number % CLIENTS].put_secret_value(
                SecretId="app/db", SecretString=value, ClientRequestToken=token(number)
            )
            for _ in range(2):  # the second is recalled
                read = {client.get_secret_value(SecretId="app/db")["SecretString"] for client in clients}
                assert read == {value}


def test_workers_of_one_parent_draw_no_id_twice(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as server:
        clients = [server.client() for _ in range(CLIENTS)]
        answers = [client.get_random_password() for client in clients for _ in range(20)]
        trails = [path.read_text().splitlines() for path in (server.data_dir / "audit").glob("trail-*.jsonl")]
        records = [json.loads(line) for lines in trails for line in lines]
    request_ids = [answer["ResponseMetadata"]["RequestId"] for answer in answers]
    assert len(set(request_ids)) == len(request_ids)
    assert len({answer["RandomPassword"] for answer in answers}) == len(answers)
    assert len({record["eventID"] for record in records}) == len(records) >= len(answers)

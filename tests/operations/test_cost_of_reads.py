"""What a read costs, in statements and in Python calls. Not in time: that is the machine's."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from strongroom.wire.exchange import Answer, HttpRequest, waited
from support.deployment import Deployment, config_for, deployed
from support.people import READ_EVERYTHING, add_user
from support.signing import Signer

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
RECALLED_CALLS = 165
"""Python and C functions that a recalled GetSecretValue calls, from the whole request to the whole answer.

Five of them are the two looks at the clock and the histogram of latencies.
"""

WORKED_OUT_CALLS = 370
"""The same for one that has to ask the database for everything."""


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        ("GetSecretValue", {"SecretId": "app/0"}, ["find_secret", "find_version"]),
        ("GetSecretValue", {"SecretId": "app/0", "VersionStage": "AWSCURRENT"}, ["find_secret", "find_version"]),
        ("DescribeSecret", {"SecretId": "app/0"}, ["find_secret", "list_replicas"]),
        ("ListSecretVersionIds", {"SecretId": "app/0"}, ["find_secret", "list_versions"]),
        ("GetResourcePolicy", {"SecretId": "app/0"}, ["find_secret"]),
        ("ListSecrets", {}, ["list_by_creation", "stages_of_many"]),
        ("GetRandomPassword", {}, []),
        ("BatchGetSecretValue", {"SecretIdList": ["app/0", "app/1"]}, ["find_secret", "find_version"] * 2),
    ],
)
def test_a_read_runs_no_more_statements_than_it_needs(deployment, statements, operation, members, expected):
    for number in range(2):
        deployment.create(f"app/{number}")
        deployment.call("GetSecretValue", SecretId=f"app/{number}")
    deployment.settle()
    deployment.node.service.recall.forget()
    statements.clear()
    deployment.call(operation, **members)
    assert statements == expected


def calls_of(here: Deployment, key: tuple[str, str] = KEY) -> int:
    """Return how many functions a GetSecretValue calls, HTTP aside."""
    body = json.dumps({"SecretId": "app/db"}).encode()
    headers = Signer(*key, host="127.0.0.1", region=here.region).headers("GetSecretValue", body, now=here.clock.now())
    lower = [(name.lower().encode(), value.encode()) for name, value in headers]
    request = HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")
    begin, count = here.node.edge._core.begin, 0

    def counted(_frame: object, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        answer = waited(begin(request))
    finally:
        sys.setprofile(None)
    assert isinstance(answer, Answer)
    assert answer.status == 200
    return count


def test_a_read_calls_no_more_functions_than_it_needs(tmp_path):
    config = config_for("sqlite", tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as here:
        here.create("app/db", "x" * 1024)
        here.call("GetSecretValue", SecretId="app/db")
        calls_of(here)
        assert calls_of(here) <= RECALLED_CALLS
        here.node.storage.write(lambda tx: tx.release_jobs("nobody"))
        here.put("app/db", 2)
        here.call("GetSecretValue", SecretId="app/db")
        calls_of(here)
        here.node.service.recall.forget()
        assert calls_of(here) <= WORKED_OUT_CALLS


def test_a_users_read_costs_one_statement_more_and_none_when_it_is_recalled(tmp_path, statements):
    config = config_for("sqlite", tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as here:
        here.create("app/db", "x" * 1024)
        here.call("GetSecretValue", SecretId="app/db")
        user = add_user(here, "alice", READ_EVERYTHING)
        keys = here.node.companions.access_keys
        key = here.node.storage.write(lambda tx: keys.create_key(tx, user, here.clock.now()))
        credentials = (key[0].access_key_id, key[1])
        statements.clear()
        calls_of(here, credentials)
        assert statements == ["find_access_key", "find_secret", "find_grants", "find_version"]
        statements.clear()
        assert calls_of(here, credentials) <= RECALLED_CALLS
        assert statements == []

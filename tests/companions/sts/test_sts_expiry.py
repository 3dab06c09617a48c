"""Credentials over HTTP, on a clock that is moved: they work until they end, and not with another's token."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from strongroom.wire.exchange import Answer, HttpRequest, waited
from support.factories import ACCOUNT_ID
from support.identities import statement, trust
from support.signing import Signer
from support.sts import Sts

HOST = "secretsmanager.eu-central-1.amazonaws.com"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/reader"


@pytest.fixture
def credentials(sts: Sts) -> dict[str, Any]:
    """Credentials of a role that may describe secrets, for a quarter of an hour."""
    ana = sts.identities.user("ana")
    sts.identities.role("reader", [trust(ana.arn)], statement("secretsmanager:DescribeSecret"))
    sts.deployment.create("app/db")
    asked = {"RoleArn": ROLE_ARN, "RoleSessionName": "work", "DurationSeconds": 900}
    given: dict[str, Any] = sts.call("AssumeRole", sts.user(ana), **asked)["Credentials"]
    return given


def describe(sts: Sts, credentials: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
    body = b'{"SecretId": "app/db"}'
    key, secret = credentials["AccessKeyId"], credentials["SecretAccessKey"]
    signer = Signer(key, secret, HOST, sts.deployment.region, session_token=token)
    headers = signer.headers("DescribeSecret", body, now=sts.deployment.clock.now())
    request = HttpRequest(
        method="POST",
        raw_path=b"/",
        query_string=b"",
        headers=[(name.lower().encode(), value.encode()) for name, value in headers],
        body=body,
        source_ip="192.0.2.7",
    )
    answer = waited(sts.deployment.node.edge._core.begin(request))
    assert isinstance(answer, Answer)
    return answer.status, json.loads(answer.body)


def test_credentials_work_until_they_end(sts: Sts, credentials: dict[str, Any]):
    token = credentials["SessionToken"]
    assert describe(sts, credentials, token)[0] == 200
    sts.deployment.clock.advance(timedelta(seconds=899))
    assert describe(sts, credentials, token)[0] == 200
    sts.deployment.clock.advance(timedelta(seconds=1))
    status, body = describe(sts, credentials, token)
    assert (status, body["__type"]) == (400, "ExpiredTokenException")
    assert body["message"] == "The security token included in the request is expired"


def test_credentials_are_worth_nothing_without_their_token(sts: Sts, credentials: dict[str, Any]):
    status, body = describe(sts, credentials, None)
    assert (status, body["__type"]) == (400, "UnrecognizedClientException")


def test_the_record_of_a_call_shows_whose_session_it_is(sts: Sts, credentials: dict[str, Any]):
    describe(sts, credentials, credentials["SessionToken"])
    identity = sts.deployment.trail()[-1]["userIdentity"]
    assert (identity["type"], identity["accessKeyId"]) == ("AssumedRole", credentials["AccessKeyId"])
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == ROLE_ARN
    assert credentials["SessionToken"] not in json.dumps(sts.deployment.trail())

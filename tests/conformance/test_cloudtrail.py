"""LookupEvents as boto3 and the AWS CLI use it, unchanged."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config as ClientConfig
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.server import REGION, Server

AWS = Path(sys.executable).with_name("aws")


def cloudtrail(server: Server) -> Any:
    key, secret = server.credentials
    return boto3.client(
        "cloudtrail",
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=ClientConfig(retries={"total_max_attempts": 1}),
    )


def wait_for(tell: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Return what is told as soon as the index has come so far."""
    deadline = time.monotonic() + 30
    while not holds(told := tell()):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def named(name: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": name}]}


def test_boto3_finds_what_it_did_page_by_page(every_server: Server) -> None:
    secrets, trail = every_server.client(), cloudtrail(every_server)
    secrets.create_secret(Name="trail/app", SecretString="v")
    for _ in range(5):
        secrets.get_secret_value(SecretId="trail/app")
    secrets.delete_secret(SecretId="trail/app")
    start = datetime.now(UTC) - timedelta(hours=1)
    pages = trail.get_paginator("lookup_events")

    def tell() -> list[dict[str, Any]]:
        found = pages.paginate(**named("trail/app"), StartTime=start, PaginationConfig={"PageSize": 3})
        return [event for page in found for event in page["Events"]]

    events = wait_for(tell, lambda told: len(told) == 7)
    # Workers have a trail each, so that calls of one second have no order among them.
    assert sorted(event["EventName"] for event in events) == ["CreateSecret", "DeleteSecret", *["GetSecretValue"] * 5]
    assert all(event["EventTime"].tzinfo is not None for event in events)
    assert json.loads(events[-1]["CloudTrailEvent"])["eventID"] == events[-1]["EventId"]
    assert {event["AccessKeyId"] for event in events} == {every_server.credentials[0]}


def test_the_aws_cli_finds_events_by_the_name_of_the_secret(server: Server) -> None:
    server.client().create_secret(Name="trail/cli", SecretString="v")

    def tell() -> list[dict[str, Any]]:
        attribute = "AttributeKey=ResourceName,AttributeValue=trail/cli"
        done = subprocess.run(
            [sys.executable, AWS, "cloudtrail", "lookup-events", "--lookup-attributes", attribute],
            env=server.client_environment() | {"AWS_ENDPOINT_URL_CLOUDTRAIL": server.url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["Events"]
        return found

    (event,) = wait_for(tell, bool)
    assert (event["EventName"], event["ReadOnly"], event["Username"]) == ("CreateSecret", "false", "root")


def test_errors_reach_the_client_under_their_names(server: Server) -> None:
    trail = cloudtrail(server)
    now = datetime.now(UTC)
    with pytest.raises(trail.exceptions.InvalidTimeRangeException, match="StartTime must not be after EndTime"):
        trail.lookup_events(StartTime=now, EndTime=now - timedelta(days=1))
    with pytest.raises(trail.exceptions.InvalidNextTokenException):
        trail.lookup_events(NextToken="made up")
    with pytest.raises(ClientError) as caught:
        trail.describe_trails()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize("prefix", ["com.amazonaws.cloudtrail.v20131101.", ""])
@pytest.mark.parametrize("scope", ["cloudtrail", "secretsmanager"])
def test_both_targets_are_answered_and_the_scope_must_be_the_service(server: Server, prefix: str, scope: str) -> None:
    headers = {
        "X-Amz-Target": f"{prefix}CloudTrail_20131101.LookupEvents",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = AWSRequest("POST", server.url + "/", headers, b"{}")
    SigV4Auth(Credentials(*server.credentials), scope, REGION).add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/", b"{}", dict(request.headers))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    if scope == "cloudtrail":
        assert (answer.status, body.keys() >= {"Events"}) == (200, True)
    else:
        assert (answer.status, body["__type"]) == (400, "InvalidSignatureException")

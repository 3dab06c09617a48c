"""What is taken from a user is taken at once, on whichever worker or node the next call lands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from support.server import REGION, Server, running

CLIENTS = 6
READ = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": "*"}}
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/app"},
            "Action": "sts:AssumeRole",
        },
    }
)


@pytest.fixture(params=["one worker", "two workers", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    arguments = {"one worker": (), "two workers": ("--workers", "2")}.get(request.param)
    if arguments is None:
        arguments = ("--workers", "2", "--database", request.getfixturevalue("postgres_url"))
    # The clients fail more often at once than somebody may who is not to wait.
    with running(tmp_path, *arguments, STRONGROOM_AUTHN_FAILURES="1000") as running_server:
        yield running_server


def client(server: Server, service: str, **credentials: str) -> Any:
    """Return a client with a connection of its own: the root's without credentials."""
    given = credentials or dict(zip(("aws_access_key_id", "aws_secret_access_key"), server.credentials, strict=True))
    return boto3.client(service, endpoint_url=server.url, region_name=REGION, **given)


def credentials_of(iam: Any) -> dict[str, str]:
    key = iam.create_access_key(UserName="app")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def codes(clients: list[Any]) -> set[str]:
    found = set()
    for each in clients:
        for _ in range(2):
            try:
                found.add(each.get_secret_value(SecretId="app/db")["SecretString"])
            except ClientError as error:
                found.add(error.response["Error"]["Code"])
    return found


def test_permissions_keys_and_roles_are_taken_at_once(server: Server) -> None:
    client(server, "secretsmanager").create_secret(Name="app/db", SecretString="hunter2")
    iam = client(server, "iam")
    iam.create_user(UserName="app")
    own = credentials_of(iam)
    iam.create_role(RoleName="ops", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="ops", PolicyName="read", PolicyDocument=READ)
    session = client(server, "sts", **own).assume_role(
        RoleArn="arn:aws:iam::123456789012:role/ops", RoleSessionName="s1"
    )["Credentials"]
    of_role = {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }
    users = [client(server, "secretsmanager", **own) for _ in range(CLIENTS)]
    sessions = [client(server, "secretsmanager", **of_role) for _ in range(CLIENTS)]
    assert (codes(users), codes(sessions)) == ({"AccessDeniedException"}, {"hunter2"})
    for _ in range(3):
        iam.put_user_policy(UserName="app", PolicyName="read", PolicyDocument=READ)
        assert codes(users) == {"hunter2"}
        iam.delete_user_policy(UserName="app", PolicyName="read")
        assert codes(users) == {"AccessDeniedException"}
    iam.update_access_key(UserName="app", AccessKeyId=own["aws_access_key_id"], Status="Inactive")
    assert codes(users) == {"UnrecognizedClientException"}
    assert codes(sessions) == {"hunter2"}
    iam.delete_role_policy(RoleName="ops", PolicyName="read")
    iam.delete_role(RoleName="ops")
    assert codes(sessions) == {"UnrecognizedClientException"}
    iam.create_role(RoleName="ops", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="ops", PolicyName="read", PolicyDocument=READ)
    assert codes(sessions) == {"UnrecognizedClientException"}

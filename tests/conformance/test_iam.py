"""IAM as boto3 and the AWS CLI speak it, unmodified, and what it grants to a client of Secrets Manager."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.iam import READ_ALL, TRUST_ACCOUNT, allow, document
from support.server import REGION, Server

AWS = Path(sys.executable).with_name("aws")


def client(server: Server, service: str, credentials: tuple[str, str] | None = None) -> Any:
    key, secret = credentials or server.credentials
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def iam(every_server):
    return client(every_server, "iam")


def credentials_of(iam, name):
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_a_user_does_what_it_was_granted_until_its_key_is_disabled(every_server, iam):
    secrets = client(every_server, "secretsmanager")
    arn = secrets.create_secret(Name="app/db", SecretString="value")["ARN"]
    iam.create_user(UserName="reader", Path="/apps/")
    iam.get_waiter("user_exists").wait(UserName="reader")
    credentials = credentials_of(iam, "reader")
    reader = client(every_server, "secretsmanager", credentials)
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_secret_value(SecretId="app/db")
    policy = document(allow("secretsmanager:GetSecretValue", arn))
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    assert reader.get_secret_value(SecretId="app/db")["SecretString"] == "value"
    assert iam.get_user_policy(UserName="reader", PolicyName="read")["PolicyDocument"] == json.loads(policy)
    with pytest.raises(ClientError, match="AccessDenied"):
        client(every_server, "iam", credentials).create_user(UserName="another")
    iam.update_access_key(UserName="reader", AccessKeyId=credentials[0], Status="Inactive")
    with pytest.raises(ClientError) as refusal:
        reader.get_secret_value(SecretId="app/db")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_errors_are_those_that_clients_catch(iam):
    with pytest.raises(iam.exceptions.NoSuchEntityException) as missing:
        iam.get_role(RoleName="none")
    assert missing.value.response["Error"]["Message"] == "The role with name none cannot be found."
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    iam.create_role(RoleName="twice", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="twice", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam.put_role_policy(RoleName="twice", PolicyName="p", PolicyDocument=READ_ALL)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_role(RoleName="twice")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="bad", PolicyDocument="{}")
    with pytest.raises(ClientError, match="ValidationError"):
        iam.create_user(UserName="no spaces")


def test_lists_are_paged_by_the_clients_own_paginators(iam):
    for number in range(5):
        iam.create_group(GroupName=f"paged-{number}", Path="/paged/")
    pages = list(iam.get_paginator("list_groups").paginate(PathPrefix="/paged/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Groups"]) for page in pages] == [2, 2, 1]


def aws(server: Server, *arguments: str) -> Any:
    done = subprocess.run(
        [AWS, "iam", *arguments, "--endpoint-url", server.url, "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=server.client_environment(),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


def test_the_command_line_manages_an_account(server):
    aws(server, "create-user", "--user-name", "cli", "--tags", "Key=team,Value=blue")
    policy = aws(server, "create-policy", "--policy-name", "cli", "--policy-document", READ_ALL)["Policy"]["Arn"]
    aws(server, "attach-user-policy", "--user-name", "cli", "--policy-arn", policy)
    arn = aws(server, "get-user", "--user-name", "cli")["User"]["Arn"]
    told = aws(
        server,
        "simulate-principal-policy",
        "--policy-source-arn",
        arn,
        "--action-names",
        "secretsmanager:GetSecretValue",
    )
    assert told["EvaluationResults"][0]["EvalDecision"] == "allowed"
    aws(server, "create-open-id-connect-provider", "--url", "https://oidc.example.com", "--client-id-list", "a", "b")
    [user] = aws(server, "get-account-authorization-details", "--filter", "User")["UserDetailList"]
    assert user["AttachedManagedPolicies"] == [{"PolicyName": "cli", "PolicyArn": policy}]
    assert aws(server, "get-account-summary")["SummaryMap"]["Providers"] == 1

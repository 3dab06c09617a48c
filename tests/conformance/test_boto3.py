"""boto3, as its users have it, against every kind of server."""

from __future__ import annotations

import base64
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import pytest
from botocore.config import Config as ClientConfig

if TYPE_CHECKING:
    from support.server import Server

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ARN = re.compile(r"arn:aws:secretsmanager:eu-central-1:123456789012:secret:(.+)-[A-Za-z0-9]{6}")
VALUE = "correct horse battery staple"


@pytest.fixture(scope="module")
def client(every_server: Server) -> Any:
    return every_server.client(config=ClientConfig(retries={"total_max_attempts": 1}, max_pool_connections=16))


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return f"{request.node.originalname}/{uuid.uuid4()}"


def test_the_whole_life_of_a_secret(client: Any, name: str):
    created = client.create_secret(
        Name=name, SecretString=VALUE, Description="first", Tags=[{"Key": "a", "Value": "1"}]
    )
    arn, first = created["ARN"], created["VersionId"]
    assert ARN.fullmatch(arn)[1] == name
    assert (created["Name"], created["ResponseMetadata"]["HTTPStatusCode"]) == (name, 200)
    assert UUID.fullmatch(created["ResponseMetadata"]["RequestId"])

    second = client.put_secret_value(SecretId=name, SecretString="second")["VersionId"]
    read = client.get_secret_value(SecretId=arn)
    assert (read["SecretString"], read["VersionId"], read["VersionStages"]) == ("second", second, ["AWSCURRENT"])
    assert (read["ARN"], read["Name"]) == (arn, name)
    assert "SecretBinary" not in read
    assert client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == VALUE
    assert client.get_secret_value(SecretId=name, VersionId=first)["SecretString"] == VALUE

    third = client.update_secret(SecretId=name, SecretString="third", Description="changed")["VersionId"]
    client.update_secret_version_stage(SecretId=name, VersionStage="GOOD", MoveToVersionId=third)
    described = client.describe_secret(SecretId=name)
    assert described["Description"] == "changed"
    assert {version: set(labels) for version, labels in described["VersionIdsToStages"].items()} == {
        third: {"AWSCURRENT", "GOOD"},
        second: {"AWSPREVIOUS"},
    }
    versions = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert [version["VersionId"] for version in versions] == [first, second, third]

    client.tag_resource(SecretId=name, Tags=[{"Key": "b", "Value": "2"}])
    client.untag_resource(SecretId=name, TagKeys=["a"])
    assert client.describe_secret(SecretId=name)["Tags"] == [{"Key": "b", "Value": "2"}]

    deleted = client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert abs(deleted["DeletionDate"] - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    with pytest.raises(client.exceptions.InvalidRequestException, match="marked for deletion"):
        client.get_secret_value(SecretId=name)
    assert client.restore_secret(SecretId=name)["ARN"] == arn
    assert client.get_secret_value(SecretId=name)["SecretString"] == "third"

    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    with pytest.raises((client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException)):
        client.get_secret_value(SecretId=name)


def test_a_secret_may_have_no_value_yet(client: Any, name: str):
    created = client.create_secret(Name=name)
    assert "VersionId" not in created
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="staging label: AWSCURRENT"):
        client.get_secret_value(SecretId=name)
    assert "VersionIdsToStages" not in client.describe_secret(SecretId=name)


@pytest.mark.parametrize("value", [b"\0", bytes(range(256)), b"\xff" * 65_536], ids=["nul", "every byte", "64 KiB"])
def test_bytes_come_back_as_they_went(client: Any, name: str, value: bytes):
    client.create_secret(Name=name, SecretBinary=value)
    read = client.get_secret_value(SecretId=name)
    assert read["SecretBinary"] == value
    assert "SecretString" not in read


@pytest.mark.parametrize(
    "value",
    ["pässwörd", "密码🔑", "\0", "a\0b", '"\\/\b\f\n\r\t', "\u2028\u2029\ufeff\ufffe", "\U0010ffff", " ", '{"a": "b"}'],
)
def test_text_comes_back_as_it_went(client: Any, name: str, value: str):
    client.create_secret(Name=name, SecretString=value)
    assert client.get_secret_value(SecretId=name)["SecretString"] == value


@pytest.mark.parametrize("value", ["x" * 65_536, "é" * 32_768, "\n" * 65_536], ids=["letters", "two bytes", "escapes"])
def test_a_value_of_64_kib_fits(client: Any, name: str, value: str):
    client.create_secret(Name=name, SecretString=value)
    assert client.get_secret_value(SecretId=name)["SecretString"] == value


@pytest.mark.parametrize("value", ["x" * 65_537, "é" * 32_769])
def test_a_longer_value_does_not(client: Any, name: str, value: str):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.create_secret(Name=name, SecretString=value)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"].endswith("Member must have length less than or equal to 65536")


def test_unicode_in_description_and_tags(client: Any, name: str):
    tags = [{"Key": "größe", "Value": "密码 🔑"}]
    client.create_secret(Name=name, Description="naïve 🔑", Tags=tags)
    described = client.describe_secret(SecretId=name)
    assert (described["Description"], described["Tags"]) == ("naïve 🔑", tags)


@pytest.mark.parametrize("suffix", ["/_+=.@-!", "-abc123", "/" * 10, "A"])
def test_every_character_of_names_is_allowed(client: Any, name: str, suffix: str):
    arn = client.create_secret(Name=name + suffix, SecretString=VALUE)["ARN"]
    for secret_id in (name + suffix, arn):
        assert client.get_secret_value(SecretId=secret_id)["Name"] == name + suffix


@pytest.mark.parametrize("suffix", ["é", " ", "*", "🔑", "\n", "#", ":"])
def test_other_characters_are_refused_as_aws_refuses_them(client: Any, name: str, suffix: str):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.create_secret(Name=name + suffix)
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
        "-/_+=.@!",
    }


def test_modelled_errors_are_exceptions_of_the_client_with_a_message(client: Any, name: str):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_secret_value(SecretId=name)
    response = caught.value.response
    assert response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Secrets Manager can't find the specified secret.",
    }
    assert response["Message"] == response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    client.create_secret(Name=name, SecretString=VALUE)
    with pytest.raises(client.exceptions.ResourceExistsException, match="already exists"):
        client.create_secret(Name=name, SecretString=VALUE)
    with pytest.raises(client.exceptions.InvalidParameterException, match="between 7 and 30 days"):
        client.delete_secret(SecretId=name, RecoveryWindowInDays=6)
    with pytest.raises(client.exceptions.InvalidNextTokenException):
        client.list_secrets(NextToken="nonsense")
    with pytest.raises(client.exceptions.InvalidRequestException, match="You provided a VersionStage that is not"):
        client.get_secret_value(
            SecretId=name,
            VersionId=client.describe_secret(SecretId=name)["VersionIdsToStages"].popitem()[0],
            VersionStage="OTHER",
        )


def test_an_operation_that_is_not_built_is_unknown(client: Any, name: str):
    client.meta.events.register("before-call.secretsmanager.DescribeSecret", rename_target)
    try:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            client.describe_secret(SecretId=name)
    finally:
        client.meta.events.unregister("before-call.secretsmanager.DescribeSecret", rename_target)
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def rename_target(params: dict[str, Any], **_: Any) -> None:
    params["headers"]["X-Amz-Target"] = "secretsmanager.DescribeSecrets"


def test_secrets_are_listed_page_by_page(client: Any, name: str):
    names = {f"{name}/{number}" for number in range(7)}
    for one in names:
        client.create_secret(Name=one, SecretString=VALUE)
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [f"{name}/"]}], SortBy="name", PaginationConfig={"PageSize": 3}
    )
    found = [secret for page in pages for secret in page["SecretList"]]
    assert [secret["Name"] for secret in found] == sorted(names)
    assert all(list(secret["SecretVersionsToStages"].values()) == [["AWSCURRENT"]] for secret in found)
    assert all("SecretString" not in secret for secret in found)
    backwards = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [f"{name}/"]}], SortBy="name", SortOrder="desc"
    )
    assert [s["Name"] for page in backwards for s in page["SecretList"]] == sorted(names, reverse=True)


def test_versions_are_listed_page_by_page(client: Any, name: str):
    client.create_secret(Name=name)
    wanted = [client.put_secret_value(SecretId=name, SecretString=str(number))["VersionId"] for number in range(7)]
    found, token = [], {}
    while True:
        page = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=3, **token)
        found += [version["VersionId"] for version in page["Versions"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == wanted
    shown = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert [version["VersionId"] for version in shown] == wanted[-2:]


def test_dates_are_instants_near_now(client: Any, name: str):
    client.create_secret(Name=name, SecretString=VALUE)
    client.get_secret_value(SecretId=name)
    described = client.describe_secret(SecretId=name)
    for member in ("CreatedDate", "LastChangedDate"):
        assert abs(described[member] - datetime.now(UTC)) < timedelta(minutes=1)
    accessed = described["LastAccessedDate"].astimezone(UTC)
    assert accessed.replace(hour=0, minute=0, second=0, microsecond=0) == accessed


def test_a_generated_password_has_what_was_asked_for(client: Any):
    password = client.get_random_password(PasswordLength=100, ExcludePunctuation=True, IncludeSpace=True)
    assert re.fullmatch(r"[A-Za-z0-9 ]{100}", password["RandomPassword"])
    assert len(client.get_random_password()["RandomPassword"]) == 32


def test_a_repeated_create_with_the_same_token_is_one_secret(client: Any, name: str):
    token = str(uuid.uuid4())
    first = client.create_secret(Name=name, SecretString=VALUE, ClientRequestToken=token)
    assert first["VersionId"] == token
    again = client.create_secret(Name=name, SecretString=VALUE, ClientRequestToken=token)
    assert (again["ARN"], again["VersionId"]) == (first["ARN"], token)
    with pytest.raises(client.exceptions.ResourceExistsException):
        client.create_secret(Name=name, SecretString="another", ClientRequestToken=token)


def test_a_retry_after_a_lost_answer_makes_no_second_version(every_server: Server, name: str):
    client = every_server.client(config=ClientConfig(retries={"mode": "standard", "total_max_attempts": 3}))
    session = client._endpoint.http_session
    answered = []

    class LossySession:
        def send(self, request: Any) -> Any:
            answer = session.send(request)
            answered.append(answer.status_code)
            if len(answered) == 1:
                raise botocore.exceptions.ConnectionClosedError(endpoint_url=request.url)
            return answer

    client._endpoint.http_session = LossySession()
    created = client.create_secret(Name=name, SecretString=VALUE)
    assert answered == [200, 200]
    assert created["ResponseMetadata"]["RetryAttempts"] == 1
    assert list(client.describe_secret(SecretId=name)["VersionIdsToStages"]) == [created["VersionId"]]


def test_many_threads_share_a_client(client: Any, name: str):
    def live(number: int) -> list[str]:
        mine = f"{name}/{number}"
        client.create_secret(Name=mine, SecretString="0")
        seen = []
        for value in range(1, 6):
            client.put_secret_value(SecretId=mine, SecretString=str(value))
            seen.append(client.get_secret_value(SecretId=mine)["SecretString"])
        return seen

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(live, range(16))) == [["1", "2", "3", "4", "5"]] * 16


def test_writes_to_one_secret_at_once_leave_one_current_version(client: Any, name: str):
    client.create_secret(Name=name, SecretString="0")

    def put(number: int) -> str:
        return client.put_secret_value(SecretId=name, SecretString=str(number))["VersionId"]

    with ThreadPoolExecutor(16) as threads:
        written = dict(zip(threads.map(put, range(40)), map(str, range(40)), strict=True))
    stages = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert sorted(label for labels in stages.values() for label in labels) == ["AWSCURRENT", "AWSPREVIOUS"]
    current = client.get_secret_value(SecretId=name)
    assert written[current["VersionId"]] == current["SecretString"]


def test_of_creations_at_once_exactly_one_succeeds(client: Any, name: str):
    def create(number: int) -> str:
        try:
            return client.create_secret(Name=name, SecretString=str(number))["ARN"]
        except client.exceptions.ResourceExistsException:
            return "exists"

    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(create, range(16)))
    assert outcomes.count("exists") == 15


def test_base64_is_the_clients_business(client: Any, name: str):
    value = base64.b64encode(b"encoded by the caller")
    client.create_secret(Name=name, SecretBinary=value)
    assert client.get_secret_value(SecretId=name)["SecretBinary"] == value


def test_the_servers_log_holds_no_traceback_and_no_value(every_server: Server):
    """Runs last on each server."""
    log = every_server.log.read_text()
    assert "Traceback" not in log
    assert "never retrieved" not in log
    assert VALUE not in log

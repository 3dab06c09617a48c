"""The AWS CLI, configured by nothing but the variables that `strongroom serve` prints."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import Server

AWS = Path(sys.executable).with_name("aws")
SERVICE_ERROR = (254, 255)
"""The exit status when the service refuses, in newer and older versions of the CLI."""


@pytest.fixture(scope="module")
def run(server: Server) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, AWS, "secretsmanager", *arguments],
            env=server.client_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def aws(run: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Any]:
    """Run a command that succeeds, and return what it printed as JSON."""

    def aws(*arguments: str) -> Any:
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


@pytest.fixture
def name() -> str:
    return f"cli/{uuid.uuid4()}"


def test_a_secret_is_created_read_changed_and_deleted(aws: Callable[..., Any], name: str):
    created = aws(
        "create-secret", "--name", name, "--secret-string", "first", "--tags", '[{"Key": "team", "Value": "blau"}]'
    )
    assert created["Name"] == name
    first = created["VersionId"]
    read = aws("get-secret-value", "--secret-id", name)
    assert (read["SecretString"], read["VersionId"], read["VersionStages"]) == ("first", first, ["AWSCURRENT"])

    second = aws("put-secret-value", "--secret-id", name, "--secret-string", "second")["VersionId"]
    aws("update-secret", "--secret-id", name, "--description", "größer 🔑")
    described = aws("describe-secret", "--secret-id", created["ARN"])
    assert described["Description"] == "größer 🔑"
    assert described["VersionIdsToStages"] == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}

    aws(
        *("update-secret-version-stage", "--secret-id", name, "--version-stage", "AWSCURRENT"),
        *("--move-to-version-id", first, "--remove-from-version-id", second),
    )
    assert aws("get-secret-value", "--secret-id", name)["SecretString"] == "first"
    versions = aws("list-secret-version-ids", "--secret-id", name)
    assert {version["VersionId"]: version["VersionStages"] for version in versions["Versions"]} == {
        first: ["AWSCURRENT"],
        second: ["AWSPREVIOUS"],
    }

    assert aws("delete-secret", "--secret-id", name, "--recovery-window-in-days", "7")["ARN"] == created["ARN"]
    assert aws("restore-secret", "--secret-id", name)["Name"] == name
    assert aws("delete-secret", "--secret-id", name, "--force-delete-without-recovery")["DeletionDate"]


def test_tags_are_set_and_removed_in_silence(aws: Callable[..., Any], name: str):
    aws("create-secret", "--name", name)
    assert aws("tag-resource", "--secret-id", name, "--tags", "Key=a,Value=1", "Key=b,Value=2") is None
    assert aws("untag-resource", "--secret-id", name, "--tag-keys", "a") is None
    assert aws("describe-secret", "--secret-id", name)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_secrets_are_found_by_filters(aws: Callable[..., Any], name: str):
    for suffix in ("a", "b"):
        aws("create-secret", "--name", f"{name}/{suffix}", "--description", f"Fund {suffix}")
    filters = [{"Key": "name", "Values": [name]}, {"Key": "description", "Values": ["fund"]}]
    listed = aws("list-secrets", "--filters", json.dumps(filters), "--page-size", "1", "--sort-order", "asc")
    assert [secret["Name"] for secret in listed["SecretList"]] == [f"{name}/a", f"{name}/b"]
    assert "NextToken" not in listed
    limited = aws("list-secrets", "--filters", f"Key=name,Values={name}", "--max-items", "1")
    assert len(limited["SecretList"]) == 1
    assert limited["NextToken"]


def test_bytes_come_from_and_go_to_files(aws: Callable[..., Any], run: Any, name: str, tmp_path: Path):
    value = bytes(range(256))
    (tmp_path / "value.bin").write_bytes(value)
    aws("create-secret", "--name", name, "--secret-binary", f"fileb://{tmp_path / 'value.bin'}")
    assert base64.b64decode(aws("get-secret-value", "--secret-id", name)["SecretBinary"]) == value
    (tmp_path / "value.txt").write_text("aus einer Datei: é\n")
    aws("put-secret-value", "--secret-id", name, "--secret-string", f"file://{tmp_path / 'value.txt'}")
    text = run("get-secret-value", "--secret-id", name, "--query", "SecretString", "--output", "text")
    assert text.stdout == "aus einer Datei: é\n\n"


def test_a_whole_request_may_be_given_as_json(aws: Callable[..., Any], name: str, tmp_path: Path):
    members = {"Name": name, "SecretString": '{"user": "é"}', "Tags": [{"Key": "a", "Value": ""}]}
    (tmp_path / "request.json").write_text(json.dumps(members))
    created = aws("create-secret", "--cli-input-json", f"file://{tmp_path / 'request.json'}")
    assert aws("get-secret-value", "--secret-id", created["ARN"])["SecretString"] == '{"user": "é"}'


def test_a_random_password_is_generated(aws: Callable[..., Any]):
    password = aws(
        *("get-random-password", "--password-length", "20", "--exclude-punctuation"),
        *("--exclude-characters", "abcABC", "--no-include-space"),
    )["RandomPassword"]
    assert len(password) == 20
    assert password.isalnum()
    assert not set(password) & set("abcABC")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("get-secret-value", "--secret-id", "nothing"),
            (
                "An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: "
                "Secrets Manager can't find the specified secret."
            ),
        ),
        (
            ("list-secrets", "--sort-by", "colour"),
            (
                "An error occurred (ValidationException) when calling the ListSecrets operation: 1 validation error "
                "detected: Value 'colour' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value "
                "set: [created-date, last-accessed-date, last-changed-date, name]"
            ),
        ),
    ],
    ids=["modelled", "common"],
)
def test_an_error_is_told_as_that_of_the_real_service(run: Any, arguments: tuple[str, ...], message: str):
    failed = run(*arguments)
    assert failed.returncode in SERVICE_ERROR
    assert message in failed.stderr
    assert failed.stdout == ""

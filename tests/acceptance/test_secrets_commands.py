"""`strongroom secrets` beside a running server: what is shown before a deletion, statuses, holds, bulk, kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from support.server import REGION, STRONGROOM, Server, clean_environment, running
from support.storages import run_sql

PATIENCE_SECONDS = 30
VALUE = "correct horse battery staple"
PLACE = ("--region", REGION)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Server]:
    if request.param == "sqlite":
        with running(tmp_path) as one:
            yield one
        return
    with running(tmp_path, "--database", request.getfixturevalue("postgres_url")) as one:
        yield one


def url_of(server: Server) -> str:
    if "--database" in server.arguments:
        return server.arguments[server.arguments.index("--database") + 1]
    return f"sqlite:///{server.data_dir / 'strongroom.db'}"


def secrets(server: Server, *command: str, status: int = 0) -> Any:
    """Run a command that must end so, and return the JSON that it printed."""
    result = server.command("secrets", *command, *PLACE, "--json")
    assert (result.returncode, "Traceback" in result.stderr) == (status, False), result.stderr + result.stdout
    return json.loads(result.stdout)


def said(server: Server, *command: str, status: int = 0) -> str:
    result = server.command("secrets", *command, *PLACE)
    assert (result.returncode, "Traceback" in result.stderr) == (status, False), result.stderr + result.stdout
    return result.stdout + result.stderr


def wait_for(what: Callable[[], Any], every: float = 0.1) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(every)
    raise AssertionError("it did not happen")


def create(server: Server, *names: str, **members: Any) -> list[str]:
    client = server.client()
    return [str(client.create_secret(Name=name, SecretString=VALUE, **members)["ARN"]) for name in names]


def scheduled(server: Server) -> set[str]:
    pages = server.client().get_paginator("list_secrets").paginate(IncludePlannedDeletion=True)
    return {one["Name"] for page in pages for one in page["SecretList"] if "DeletedDate" in one}


def test_a_secret_that_nothing_hangs_on_is_shown_clean_and_then_deleted(server):
    (arn,) = create(server, "app/db")
    (report,) = secrets(server, "delete", "app/db", "--dry-run")
    assert (report["IsRead"], report["IsReferredTo"], report["ARN"]) == (False, False, arn)
    assert scheduled(server) == set()
    (outcome,) = secrets(server, "delete", "app/db", "--yes", "--recovery-window-in-days", "9")
    assert (outcome["arn"], outcome["outcome"]) == (arn, "deleted")
    (pending,) = secrets(server, "pending")
    assert pending["ScheduledBy"] == "arn:aws:iam::123456789012:root"
    window = datetime.fromisoformat(pending["DeletionDate"]) - datetime.fromisoformat(pending["DeletedAt"])
    assert window.days == 9
    assert secrets(server, "restore", "app/db")[0]["outcome"] == "restored"
    assert server.client().get_secret_value(SecretId="app/db")["SecretString"] == VALUE


def test_without_yes_nothing_is_deleted(server):
    create(server, "app/db")
    assert "RestorableUntil" in said(server, "delete", "app/db")
    assert "RestorableUntil" in said(server, "delete", "app/db", "--yes", "--dry-run")
    assert scheduled(server) == set()


def test_what_somebody_still_reads_is_kept_unless_its_readers_are_accepted(server):
    (arn,) = create(server, "app/db")
    server.client().get_secret_value(SecretId=arn)
    report = wait_for(
        lambda: next((one for one in secrets(server, "delete", "app/db", status=3) if one["Readers"]), None)
    )
    (reader,) = report["Readers"]
    assert (reader["Principal"], reader["SourceIPAddress"]) == ("arn:aws:iam::123456789012:root", "127.0.0.1")
    assert (reader["Agent"], reader["Reads"]) == ("Boto3", 1)
    (outcome,) = secrets(server, "delete", "app/db", "--yes", status=3)
    assert outcome["outcome"] == "kept"
    assert scheduled(server) == set()
    secrets(server, "delete", "app/db", "--yes", "--despite-readers")
    assert scheduled(server) == {"app/db"}


def test_policies_and_secrets_that_name_a_secret_are_shown(server):
    arn, *_ = create(server, "app/db")
    create(server, "app/db2", Description="nothing to do with it")
    create(server, "app/web", Description="uses app/db for logins")
    key, secret = server.credentials
    client = boto3.client(
        "iam",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    named = policy(arn[:-3] + "???")
    client.create_user(UserName="alice")
    client.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=named)
    client.put_user_policy(UserName="alice", PolicyName="wide", PolicyDocument=policy("*"))
    client.create_group(GroupName="ops")
    managed = client.create_policy(PolicyName="managed", PolicyDocument=named)["Policy"]["Arn"]
    client.attach_group_policy(GroupName="ops", PolicyArn=managed)
    server.client().put_resource_policy(SecretId=arn, ResourcePolicy=own_policy())
    ((own,),) = run_sql(url_of(server), "SELECT policy_name FROM resource_policies")
    (report,) = secrets(server, "delete", "app/db", "--dry-run", status=4)
    found = {(one["Kind"], one["Holder"], one["Policy"]) for one in report["Policies"]}
    assert found == {
        ("resource", arn, own),
        ("identity", "arn:aws:iam::123456789012:user/alice", "inline"),
        ("managed", "arn:aws:iam::123456789012:group/ops", managed),
    }
    assert report["MentionedBy"] == ["app/web"]


def policy(resource: str) -> str:
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def own_policy() -> str:
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_what_the_service_refuses_has_a_status_of_its_own(server):
    create(server, "app/db", Tags=[{"Key": "strongroom:deletion-protection", "Value": "true"}])
    (outcome,) = secrets(server, "delete", "app/db", "--yes", status=5)
    assert outcome["outcome"] == "refused"
    assert "protected from deletion" in outcome["detail"]
    assert "There is no secret" in said(server, "delete", "nothing", "--yes", status=1)
    assert "which secrets are meant" in said(server, "delete", status=1)
    assert "between 7 and 30 days" in said(server, "delete", "app/db", "--recovery-window-in-days", "6", status=1)


def test_refused_reads_are_counted_in_what_is_pending(server):
    create(server, "app/db")
    secrets(server, "delete", "app/db", "--yes")
    for _ in range(3):
        with pytest.raises(ClientError, match="marked for deletion"):
            server.client().get_secret_value(SecretId="app/db")
    pending = wait_for(lambda: next((one for one in secrets(server, "pending") if one["RefusedReads"] == 3), None))
    assert pending["LastRefusedReader"] == "arn:aws:iam::123456789012:root"
    assert pending["LastRefusedFrom"] == "127.0.0.1"


def test_a_deletion_is_held_and_released(server):
    create(server, "app/db")
    assert "none is scheduled" in said(server, "hold", "app/db", status=1)
    secrets(server, "delete", "app/db", "--yes", "--recovery-window-in-days", "7")
    before = datetime.fromisoformat(secrets(server, "pending")[0]["DeletionDate"])
    said(server, "hold", "app/db")
    (held,) = secrets(server, "pending")
    assert (datetime.fromisoformat(held["DeletionDate"]) - before).days == 30
    assert held["HeldBy"].startswith("operator ")
    run_sql(url_of(server), "UPDATE planned_deletions SET due_at = 0")
    assert "--yes" in said(server, "release", "app/db", status=1)
    said(server, "release", "app/db", "--yes")
    wait_for(lambda: secrets(server, "pending") == [])
    assert "There is no secret" in said(server, "release", "app/db", status=1)


def test_secrets_are_deleted_and_restored_by_prefix_and_tag(server, tmp_path):
    create(server, "app/a", "app/b", "other", Tags=[{"Key": "team", "Value": "x"}])
    create(server, "app/c")
    bulk = ("--prefix", "app/", "--tag", "team=x")
    assert {one["Name"] for one in secrets(server, "delete", *bulk)} == {"app/a", "app/b"}
    assert scheduled(server) == set()
    outcomes = secrets(server, "delete", *bulk, "--yes", "--journal", str(tmp_path / "one.jsonl"))
    assert [one["outcome"] for one in outcomes] == ["deleted", "deleted"]
    assert scheduled(server) == {"app/a", "app/b"}
    assert "cannot be made" in said(
        server, "restore", *bulk, "--yes", "--journal", str(tmp_path / "one.jsonl"), status=1
    )
    assert "of another command" in said(server, "restore", "--resume", str(tmp_path / "one.jsonl"), status=1)
    secrets(server, "restore", *bulk, "--yes", "--journal", str(tmp_path / "two.jsonl"))
    assert scheduled(server) == set()


def test_a_bulk_deletion_killed_at_any_moment_goes_on_where_it_was(server, tmp_path):
    names = [f"bulk/{number:03}" for number in range(60)]
    create(server, *names)
    journal = tmp_path / "bulk.jsonl"
    command = [*STRONGROOM, "secrets", "delete", "--prefix", "bulk/", "--yes", "--journal", str(journal), *PLACE]
    command += ["--data-dir", str(server.data_dir), *server._database_arguments()]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(), cwd=tmp_path
    )
    wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 5, every=0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lines = journal.read_bytes()
    journal.write_bytes(lines[: lines.rfind(b"\n", 0, -1) + 5])  # the last line is torn, its change was made
    dates = "SELECT name, deleted_at FROM secrets WHERE deleted_at IS NOT NULL"
    before = dict(run_sql(url_of(server), dates))
    outcomes = secrets(server, "delete", "--resume", str(journal))
    assert [one["name"] for one in outcomes] == names
    assert {one["outcome"] for one in outcomes} == {"deleted", "already scheduled"}
    assert scheduled(server) == set(names)
    after = dict(run_sql(url_of(server), dates))
    assert {name: after[name] for name in before} == before  # none was deleted a second time
    trail = (server.data_dir / "audit" / "trail-cli.jsonl").read_text()
    assert trail.count('"eventName":"DeleteSecret"') in (60, 61)  # a record may be on disk before a commit that was not
    assert secrets(server, "delete", "--resume", str(journal)) == outcomes


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")])
def test_a_read_that_is_refused_over_http_has_postponed_the_purge_when_it_is_answered(tmp_path, arguments):
    with running(tmp_path, *arguments, STRONGROOM_DELETION_HOLD_ON_READ_DAYS="20") as server:
        create(server, *[f"app/{number}" for number in range(8)])
        for number in range(8):
            client = server.client()
            asked_for = client.delete_secret(SecretId=f"app/{number}", RecoveryWindowInDays=7)["DeletionDate"]
            with pytest.raises(ClientError, match="marked for deletion"):
                client.get_secret_value(SecretId=f"app/{number}")
            date = client.describe_secret(SecretId=f"app/{number}")["DeletedDate"]
            assert (date - asked_for).days == 13
        server.kill()
        server.start()
        assert server.client().describe_secret(SecretId="app/7")["DeletedDate"] == date

"""The trail as operators have it: asked, exported, proven, and never short of a call or told one twice."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.audit.files import UNFINISHED
from support.postgres import PrivatePostgres
from support.server import REGION, Server, running, strongroom
from support.storages import run_sql
from support.trails import indexed_events

PENDING = "You can't perform this operation on the secret because it was marked for deletion."


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def records(data_dir: Path) -> list[dict[str, Any]]:
    """Return what stands on all trails, compressed or not; a file that was just finished or compressed is looked
    for again under its new name.
    """
    paths = [path for path in (data_dir / "audit").glob("*.jsonl*") if path.suffix != UNFINISHED]
    names = {path.name for path in paths}
    try:
        contents = [_content(path) for path in paths if f"{path.name}.gz" not in names]
    except FileNotFoundError:
        return records(data_dir)
    return [json.loads(line) for content in contents for line in content.splitlines()]


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def database_of(server: Server) -> str:
    if "--database" in server.arguments:
        return server.arguments[server.arguments.index("--database") + 1]
    return f"sqlite:///{server.data_dir / 'strongroom.db'}"


@pytest.fixture(scope="module", params=["sqlite with two workers", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which some things have happened, all of them in the index."""
    arguments: tuple[str, ...] = ("--workers", "2")
    if request.param == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        postgres.create_database("audit_trail")
        arguments = ("--database", postgres.url("audit_trail"))
    with running(tmp_path_factory.mktemp("trail"), *arguments) as one:
        client = one.client()
        arn = client.create_secret(Name="app/db", SecretString="never-in-the-index")["ARN"]
        client.create_secret(Name="other", SecretString="v")
        for secret_id in ("app/db", arn):
            client.get_secret_value(SecretId=secret_id)
        client.delete_secret(SecretId="app/db", RecoveryWindowInDays=7)
        with pytest.raises(client.exceptions.InvalidRequestException):
            client.get_secret_value(SecretId="app/db")
        one.command("access-keys", "create")
        wait_until(lambda: len(searched(one)) == 7)
        yield one


def searched(server: Server, *options: str) -> list[dict[str, Any]]:
    done = server.command("audit", "search", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["eventName"] for event in events)


def test_search_finds_by_every_option(server: Server) -> None:
    root = "arn:aws:iam::123456789012:root"
    of_the_secret = ["CreateSecret", "DeleteSecret", "GetSecretValue", "GetSecretValue", "GetSecretValue"]
    assert names(searched(server, "--secret", "app/db")) == of_the_secret
    (created,) = searched(server, "--secret", "app/db", "--operation", "CreateSecret")
    assert names(searched(server, "--secret", created["responseElements"]["arn"])) == of_the_secret
    assert len(searched(server, "--principal", root)) == 6
    assert searched(server, "--principal", "nobody") == []
    assert names(searched(server, "--operation", "CreateAccessKey")) == ["CreateAccessKey"]
    assert [event["errorMessage"] for event in searched(server, "--outcome", "failed")] == [PENDING]
    assert searched(server, "--outcome", "denied") == []
    assert len(searched(server, "--since", "1h")) == 7
    assert searched(server, "--until", "2020-01-01") == []
    assert len(searched(server, "--limit", "2")) == 2
    assert searched(server, "--region", "sa-east-1") == []


def test_search_in_the_files_finds_the_same(server: Server) -> None:
    for options in ((), ("--secret", "app/db"), ("--operation", "GetSecretValue", "--outcome", "failed")):
        in_index = {event["eventID"] for event in searched(server, *options)}
        assert {event["eventID"] for event in searched(server, "--trail", *options)} == in_index


def test_search_shows_a_line_for_people_newest_first_and_explains_a_wrong_time(server: Server) -> None:
    lines = server.command("audit", "search", "--secret", "app/db").stdout.splitlines()
    assert len(lines) == 5
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  ", lines[0])
    moments = [line[:20] for line in lines]
    assert moments == sorted(moments, reverse=True)
    assert any("CreateSecret" in line for line in lines if line[:20] == moments[-1]), "a second is as fine as they are"
    done = server.command("audit", "search", "--since", "yesterday")
    assert (done.returncode, "yesterday is no time" in done.stderr) == (1, True)


def test_readers_tell_who_read_and_who_was_refused(server: Server) -> None:
    done = server.command("audit", "readers", "app/db", "--region", REGION, "--json")
    (reader,) = json.loads(done.stdout)
    assert (reader["reads"], reader["refusals"], reader["versionStage"]) == (2, 1, "AWSCURRENT")
    assert (reader["principal"], reader["sourceIPAddress"]) == ("arn:aws:iam::123456789012:root", "127.0.0.1")
    assert (reader["userAgent"], bool(reader["lastRefusedTime"])) == ("Boto3", True)
    table = server.command("audit", "readers", "app/db", "--region", REGION).stdout
    assert "AWSCURRENT" in table
    missing = server.command("audit", "readers", "missing")
    assert (missing.returncode, "There is no secret missing" in missing.stderr) == (1, True)


def test_export_writes_json_lines_and_what_cloudtrail_delivers(server: Server, tmp_path: Path) -> None:
    lines, delivered = tmp_path / "lines", tmp_path / "delivered"
    assert "7 events written" in server.command("audit", "export", "--output", str(lines)).stdout
    written = [json.loads(line) for line in (lines / "events.jsonl").read_text().splitlines()]
    assert {event["eventID"] for event in written} == {event["eventID"] for event in searched(server)}
    assert [event["eventTime"] for event in written] == sorted(event["eventTime"] for event in written)
    arguments = ("audit", "export", "--format", "cloudtrail", "--secret", "app/db", "--output", str(delivered))
    for _ in range(2):
        assert "5 events written" in server.command(*arguments).stdout
    files = list(delivered.rglob("*.json.gz"))
    found = [event for path in files for event in json.loads(gzip.decompress(path.read_bytes()))["Records"]]
    assert names(found) == names(searched(server, "--secret", "app/db"))
    today = datetime.now(UTC)
    pattern = rf"AWSLogs/123456789012/CloudTrail/{REGION}/{today:%Y}/\d\d/\d\d/123456789012_CloudTrail_{REGION}_"
    assert all(
        re.match(pattern + r"\d{8}T\d{4}Z_[0-9a-f]{16}\.json\.gz$", str(path.relative_to(delivered))) for path in files
    )


def test_a_proof_is_verified_with_the_public_key_alone(server: Server, tmp_path: Path) -> None:
    (event,) = searched(server, "--operation", "DeleteSecret")
    file = tmp_path / "proof"
    assert server.command("audit", "prove", event["eventID"], "--output", str(file)).returncode == 0
    key = server.command("audit", "public-key").stdout.strip()
    done = strongroom("audit", "verify-proof", str(file), "--public-key", key)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout.splitlines()[1]) == event
    other = key.replace("audit-1", "audit-2")
    assert strongroom("audit", "verify-proof", str(file), "--public-key", other).returncode == 2
    file.write_text(file.read_text().replace("index ", "index 1"))
    changed = strongroom("audit", "verify-proof", str(file), "--public-key", key)
    assert (changed.returncode, "NOT PROVEN" in changed.stdout) == (2, True)
    assert server.command("audit", "prove", "no-such-event").returncode == 1


def test_a_checkpoint_kept_elsewhere_proves_the_trail_later(server: Server, tmp_path: Path) -> None:
    server.command("audit", "checkpoint")
    (path,) = (server.data_dir / "audit" / "checkpoints").glob("trail-cli.*.checkpoint")
    kept = tmp_path / "kept"
    shutil.copy(path, kept)
    server.command("access-keys", "create")
    assert server.command("audit", "verify", "--checkpoint", str(kept)).returncode == 0
    kept.write_text(kept.read_text().replace("trail-cli\n1\n", "trail-cli\n2\n"))
    done = server.command("audit", "verify", "--checkpoint", str(kept))
    assert (done.returncode, "not signed by this deployment" in done.stdout) == (2, True)


def test_no_value_is_in_the_index(server: Server) -> None:
    readers = run_sql(database_of(server), "SELECT * FROM secret_readers")
    for told in (indexed_events(database_of(server)), readers):
        assert told
        assert "never-in-the-index" not in repr(told)


def test_a_directory_whose_name_and_trails_were_replaced_together_is_found(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        one.client().create_secret(Name="app", SecretString="v")
        assert one.stop() == 0
        (one.data_dir / "node-id").unlink()
        shutil.rmtree(one.data_dir / "audit")
        one.start()
        one.client().list_secrets()
        done = one.command("audit", "verify")
        assert done.returncode == 2
        assert "node-id and audit/ were replaced together" in done.stdout


def test_files_are_finished_compressed_and_deleted_and_the_trail_stays_whole(tmp_path: Path) -> None:
    settings = {"STRONGROOM_AUDIT_ROTATE_BYTES": "4000", "STRONGROOM_AUDIT_KEEP_DAYS": "1"}
    with running(tmp_path, **settings) as one:
        client, folder = one.client(), one.data_dir / "audit"
        client.create_secret(Name="app", SecretString="v")
        for _ in range(30):
            client.get_secret_value(SecretId="app")
        wait_until(lambda: bool(list(folder.glob("trail-0.1.jsonl.gz"))))
        for _ in range(30):
            client.get_secret_value(SecretId="app")
        wait_until(lambda: len(list(folder.glob("trail-0.*.gz"))) >= 2)
        assert one.command("audit", "verify").returncode == 0
        assert names(records(one.data_dir)).count("GetSecretValue") == 60
        old = time.time() - 2 * 86_400
        os.utime(folder / "trail-0.1.jsonl.gz", (old, old))
        wait_until(lambda: not (folder / "trail-0.1.jsonl.gz").exists())
        done = one.command("audit", "verify")
        assert done.returncode == 0, done.stdout
        assert len(searched(one, "--operation", "GetSecretValue")) == 60, "the index has what the files had"
        first = min(folder.glob("trail-0.*.gz"), key=lambda path: int(path.name.split(".")[1]))
        first.rename(tmp_path / "taken")
        done = one.command("audit", "verify")
        assert (done.returncode, "the server did not delete them" in done.stdout) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "sqlite with 2 workers", "postgresql"])
def test_every_record_is_in_the_index_once_after_kill_9_at_any_moment(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    arguments: tuple[str, ...] = ("--workers", "2") if "workers" in kind else ()
    if kind == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        postgres.create_database("audit_kill")
        arguments = ("--database", postgres.url("audit_kill"))
    with running(tmp_path, *arguments, STRONGROOM_AUDIT_ROTATE_BYTES="20000") as one:
        one.client().create_secret(Name="app", SecretString="v")
        for pause in (0.9, 1.02, 1.1, 1.3):
            client, end = one.client(), time.monotonic() + pause
            while time.monotonic() < end:
                client.get_secret_value(SecretId="app")
            one.kill()
            one.start()

        # kill -9 loses nothing that was written: every record on the trails is in the index, once.
        def is_complete() -> bool:
            in_index = Counter(event.event_id for event in indexed_events(database_of(one)))
            return in_index == Counter(record["eventID"] for record in records(one.data_dir))

        wait_until(is_complete)
        reads = sum(record["eventName"] == "GetSecretValue" for record in records(one.data_dir))
        assert run_sql(database_of(one), "SELECT SUM(reads) FROM secret_readers") == [(reads,)]
        assert reads > 100
        assert one.command("audit", "verify").returncode == 0

"""The command line as an operator has it: what it makes, prints and refuses, and what it says then."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from strongroom.config import Config
from support.certificates import make_certificate
from support.server import REGION, STRONGROOM, Server, clean_environment, running, strongroom
from support.storages import run_sql

PRESET = {
    "STRONGROOM_ROOT_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "STRONGROOM_ROOT_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server for the tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("shared")) as one:
        yield one


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that was stopped; tests work on copies."""
    with running(tmp_path_factory.mktemp("stopped")) as one:
        one.client().create_secret(Name="app", SecretString="v")
        assert one.stop() == 0
        return one.data_dir


@pytest.fixture
def copied(stopped: Path, tmp_path: Path) -> Path:
    """A data directory of one's own, as a stopped server left it."""
    return Path(shutil.copytree(stopped, tmp_path / "data", copy_function=shutil.copy2))


def refused(done: subprocess.CompletedProcess[str], *texts: str) -> str:
    """Demand an operator's error: what, why, next; status 1; no traceback; nothing on standard output."""
    shown = done.stderr
    assert done.returncode == 1, shown
    assert done.stdout == ""
    assert "Traceback" not in shown
    said = shown[shown.index("error: ") :]
    assert re.fullmatch(r"error: .+\n  why:  .+\n  next: .+\n", said, re.DOTALL), shown
    for text in texts:
        assert text in said
    return said


def refused_start(data_dir: Path, *texts: str, arguments: tuple[str, ...] = (), **environment: str) -> str:
    return refused(strongroom("serve", "--data-dir", str(data_dir), "--port", "0", *arguments, **environment), *texts)


def announcement(server: Server) -> str:
    """Return the log once it says that the server answers, which it says when every worker does."""
    deadline = time.monotonic() + 30
    while "AWS_DEFAULT_REGION=" not in (log := server.log.read_text()):
        assert time.monotonic() < deadline, log
        time.sleep(0.01)
    assert f"answers at {server.url}" in log
    return log


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def error_code(call: Any, **members: Any) -> str | None:
    try:
        call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


# Starting


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_first_start_makes_private_files_and_prints_what_clients_need(tmp_path: Path, workers: str) -> None:
    with running(tmp_path, "--workers", workers) as one:
        one.client().create_secret(Name="app", SecretString="v")
        made = modes(one.data_dir)
        assert {".", "root.key", "credentials", "strongroom.db", "audit", "audit/trail-0.jsonl"} <= made.keys()
        assert {name: oct(mode) for name, mode in made.items()} == {
            name: "0o700" if name in (".", "audit") else "0o600" for name in made
        }
        log = announcement(one)
        assert "first start" in log
        assert re.findall(r"^  (export .*)$", log, re.MULTILINE) == [
            f"export AWS_SHARED_CREDENTIALS_FILE={one.data_dir / 'credentials'}",
            f"export AWS_ENDPOINT_URL_SECRETS_MANAGER={one.url}",
            f"export AWS_ENDPOINT_URL_STS={one.url} AWS_ENDPOINT_URL_IAM={one.url}",
            f"export AWS_ENDPOINT_URL_CLOUDTRAIL={one.url}",
            "export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
        ]
        assert one.credentials[1] not in log


def test_a_later_start_makes_nothing_and_says_nothing_of_a_first_one(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        kept = {name: (one.data_dir / name).read_bytes() for name in ("root.key", "credentials", "node-id")}
        arn = one.client().create_secret(Name="app", SecretString="v")["ARN"]
        assert one.stop() == 0
        one.log.unlink()
        one.start()
        assert "first start" not in one.log.read_text()
        assert "export AWS_SHARED_CREDENTIALS_FILE=" in announcement(one)
        assert {name: (one.data_dir / name).read_bytes() for name in kept} == kept
        assert len(json.loads(one.command("access-keys", "list", "--json").stdout)) == 1
        assert one.client().get_secret_value(SecretId=arn)["SecretString"] == "v"


def test_paths_are_printed_as_they_are_whatever_characters_they_hold(tmp_path: Path) -> None:
    folder = tmp_path / "a [bold] b"
    folder.mkdir()
    with running(folder) as one:
        assert f"export AWS_SHARED_CREDENTIALS_FILE={one.data_dir / 'credentials'}" in one.log.read_text()


def test_a_preset_root_key_is_the_one_that_works(tmp_path: Path) -> None:
    with running(tmp_path, **PRESET) as one:
        assert one.credentials == tuple(PRESET.values())
        one.client().create_secret(Name="app", SecretString="v")
        assert PRESET["STRONGROOM_ROOT_SECRET_ACCESS_KEY"] not in one.log.read_text()
        assert one.stop() == 0
        one.start()
        assert one.client().get_secret_value(SecretId="app")["SecretString"] == "v"


@pytest.mark.parametrize(
    "changed",
    [
        {"STRONGROOM_ROOT_ACCESS_KEY_ID": "AKIAOTHERXXXXXXXXXXX"},
        {"STRONGROOM_ROOT_SECRET_ACCESS_KEY": "another-secret-of-40-characters-xxxxxxxx"},
    ],
    ids=["id", "secret"],
)
def test_another_preset_than_the_first_is_refused(copied: Path, tmp_path: Path, changed: dict[str, str]) -> None:
    folder = tmp_path / "preset"
    folder.mkdir()
    with running(folder, **PRESET) as one:
        assert one.stop() == 0
        environment = PRESET | changed
        said = refused_start(one.data_dir, "is not the one in this database", "first start only", **environment)
        assert environment["STRONGROOM_ROOT_SECRET_ACCESS_KEY"] not in said
    refused_start(copied, "is not the one in this database", **PRESET)


def test_a_setting_that_makes_no_sense_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    refused_start(tmp_path / "data", "one of debug, info, warning, error", STRONGROOM_LOG_LEVEL="loud")
    refused_start(tmp_path / "data", "There is no setting STRONGROOM_COLOUR", STRONGROOM_COLOUR="red")
    assert not (tmp_path / "data").exists()


def test_plain_http_beyond_loopback_is_refused(tmp_path: Path) -> None:
    refused_start(tmp_path / "data", "Refusing to listen on 192.0.2.1 without TLS", arguments=("--host", "192.0.2.1"))
    assert not (tmp_path / "data").exists()


def test_insecure_http_lifts_the_refusal(tmp_path: Path) -> None:
    """The address is reserved for documentation: the server goes as far as to ask for it."""
    refused_start(tmp_path / "data", "Cannot listen on 192.0.2.1", arguments=("--host", "192.0.2.1", "--insecure-http"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_refused(tmp_path: Path, server: Server, workers: str) -> None:
    said = refused(
        strongroom("serve", "--data-dir", str(tmp_path / "data"), "--port", str(server.port), "--workers", workers),
        f"Cannot listen on 127.0.0.1, port {server.port}",
        "in use",
    )
    assert "--port" in said
    assert not (tmp_path / "data").exists()


def workers_of(server: Server) -> list[int]:
    assert server.process is not None
    command = ["pgrep", "-P", str(server.process.pid)]
    return [int(pid) for pid in subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()]


def test_workers_that_die_are_started_again_and_the_server_still_stops_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as server:
        server.client().create_secret(Name="kept", SecretString="v")
        first = workers_of(server)
        assert len(first) == 2
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(set(workers_of(server)) - set(first)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        answers = 0
        while not answers and time.monotonic() < deadline:
            with contextlib.suppress(BotoCoreError, ClientError):
                answers = len(server.client().list_secrets()["SecretList"])
        assert answers == 1
        assert server.stop() == 0
        assert server.log.read_text().count("starting it again") == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_two_servers_on_one_data_directory_are_refused(server: Server, workers: str) -> None:
    done = strongroom("serve", "--data-dir", str(server.data_dir), "--port", "0", "--workers", workers)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "another Strongroom server has this data directory open" in done.stderr
    assert server.client().list_secrets()["SecretList"] == [], "the first one goes on"


def test_a_data_directory_open_to_others_is_refused(copied: Path) -> None:
    copied.chmod(0o755)
    refused_start(copied, "is open to other users", "0755", f"chmod 700 {copied}")


def test_a_root_key_that_others_may_read_is_refused(copied: Path) -> None:
    (copied / "root.key").chmod(0o644)
    refused_start(copied, "can be read by other users", "0644", "chmod 600")
    refused(strongroom("audit", "verify", "--data-dir", str(copied)), "can be read by other users")


def test_a_missing_root_key_is_refused_and_not_made_anew(copied: Path) -> None:
    key = (copied / "root.key").rename(copied.parent / "elsewhere")
    refused_start(copied, "The root key is missing", "put the root key back")
    assert not (copied / "root.key").exists()
    key.rename(copied / "root.key")
    assert strongroom("audit", "verify", "--data-dir", str(copied)).returncode == 0


def test_a_root_key_of_another_deployment_is_refused_and_both_are_named(copied: Path, server: Server) -> None:
    shutil.copy2(server.data_dir / "root.key", copied / "root.key")
    said = refused_start(copied, "does not open this database")
    assert len(set(re.findall(r"root key ([0-9a-f]{16})", said))) == 2


def test_a_root_key_in_a_directory_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "root.key"
    refused_start(tmp_path / "data", f"{missing} cannot be made", STRONGROOM_ROOT_KEY_FILE=str(missing))


def test_a_newer_schema_is_refused(copied: Path) -> None:
    run_sql(f"sqlite:///{copied / 'strongroom.db'}", "INSERT INTO schema_version (version) VALUES (999)")
    refused_start(copied, "schema version 999", "restore a backup made before the upgrade")
    refused(strongroom("access-keys", "list", "--data-dir", str(copied)), "schema version 999")


def test_a_file_that_is_no_database_is_refused(copied: Path) -> None:
    (copied / "strongroom.db").write_bytes(b"nothing of the kind" * 1_000)
    refused_start(copied, "cannot be opened", "not a database")


def test_a_database_that_cannot_be_reached_is_refused(tmp_path: Path) -> None:
    url = f"postgresql://user:hidden-password@/db?host={tmp_path}"
    said = refused_start(tmp_path / "data", "cannot be used", arguments=("--database", url))
    assert "hidden-password" not in said


def test_certificate_files_that_are_missing_are_refused(tmp_path: Path) -> None:
    arguments = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    refused_start(tmp_path / "data", "cert.pem", arguments=arguments)


def test_settings_come_from_a_toml_file_too(tmp_path: Path) -> None:
    file = tmp_path / "strongroom.toml"
    file.write_text('region = "ap-south-1"\naccount_id = "111122223333"\nmetrics = true\n')
    with running(tmp_path, "--config", str(file)) as one:
        assert "export AWS_REGION=ap-south-1" in one.log.read_text()
        assert ":111122223333:" in one.client().create_secret(Name="app", SecretString="v")["ARN"]


def test_a_toml_file_with_a_mistake_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "strongroom.toml"
    file.write_text("colour = 1")
    refused_start(tmp_path / "data", "There is no setting colour", arguments=("--config", str(file)))
    assert not (tmp_path / "data").exists()


# TLS


class TlsServer(Server):
    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tls_works_with_boto3_and_its_version_is_on_the_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    cert_file, key_file = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    arguments = ("--tls-cert", str(cert_file), "--tls-key", str(key_file), "--workers", workers)
    one = TlsServer(tmp_path / "data", arguments)
    try:
        one.start()
        assert f"export AWS_ENDPOINT_URL_SECRETS_MANAGER=https://127.0.0.1:{one.port}" in announcement(one)
        client = one.client(verify=str(cert_file))
        client.create_secret(Name="app", SecretString="v")
        assert client.get_secret_value(SecretId="app")["SecretString"] == "v"
        assert one.stop() == 0
    finally:
        one.kill()
    records = [
        json.loads(line) for path in one.data_dir.glob("audit/*.jsonl") for line in path.read_text().splitlines()
    ]
    assert {record["tlsDetails"]["tlsVersion"] for record in records} == {"TLSv1.3"}


# config show


def shown_settings(*arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    done = strongroom("config", "show", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_config_show_names_every_setting_its_origin_and_its_meaning(tmp_path: Path) -> None:
    file = tmp_path / "strongroom.toml"
    file.write_text('region = "eu-west-1"\nport = 1\nhost = "::1"\n')
    rows = shown_settings(
        "--config", str(file), "--data-dir", str(tmp_path / "data"), STRONGROOM_PORT="2", STRONGROOM_DATA_DIR="/other"
    )
    assert rows.keys() == {item.name for item in fields(Config)}
    assert all(row["help"] for row in rows.values())
    origins = {name: (row["value"], row["origin"]) for name, row in rows.items()}
    assert origins["region"] == ("eu-west-1", f"file {file}")
    assert origins["port"] == (2, "STRONGROOM_PORT")
    assert origins["data_dir"] == (str(tmp_path / "data"), "flag")
    assert origins["workers"] == (1, "default")


def test_config_show_hides_secrets(tmp_path: Path) -> None:
    url = "postgresql://user:hidden-password@host/db"
    for arguments in (["--json"], []):
        done = strongroom("config", "show", *arguments, STRONGROOM_DATABASE=url, **PRESET)
        assert done.returncode == 0
        assert "(set)" in done.stdout
        assert "hidden-password" not in done.stdout
        assert PRESET["STRONGROOM_ROOT_SECRET_ACCESS_KEY"] not in done.stdout
        assert PRESET["STRONGROOM_ROOT_ACCESS_KEY_ID"] in done.stdout
    assert not (tmp_path / "data").exists()


def test_config_show_refuses_an_unknown_setting() -> None:
    refused(strongroom("config", "show", STRONGROOM_PROT="1"), "There is no setting STRONGROOM_PROT")


# access-keys


def test_a_new_access_key_works_at_once_and_a_disabled_or_deleted_one_no_longer(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        made = json.loads(one.command("access-keys", "create", "--json").stdout)
        key_id = made["AccessKeyId"]
        client = one.client(aws_access_key_id=key_id, aws_secret_access_key=made["SecretAccessKey"])
        assert error_code(client.list_secrets) is None
        listed = json.loads(one.command("access-keys", "list", "--json").stdout)
        assert {row["AccessKeyId"]: row["Status"] for row in listed} == {
            one.credentials[0]: "Active",
            key_id: "Active",
        }
        for command, outcome in (
            ("disable", "UnrecognizedClientException"),
            ("enable", None),
            ("delete", "UnrecognizedClientException"),
        ):
            done = one.command("access-keys", command, key_id)
            assert done.returncode == 0, done.stderr
            assert key_id in done.stdout
            assert error_code(client.list_secrets) == outcome, command
        assert made["SecretAccessKey"] not in (one.data_dir / "audit" / "trail-cli.jsonl").read_text()
        assert made["SecretAccessKey"] not in one.command("access-keys", "list").stdout
        records = [json.loads(line) for line in (one.data_dir / "audit" / "trail-cli.jsonl").read_text().splitlines()]
        changes = [(record["eventName"], record["requestParameters"]) for record in records]
        assert changes == [
            ("CreateAccessKey", None),
            ("UpdateAccessKey", {"accessKeyId": key_id, "status": "Inactive"}),
            ("UpdateAccessKey", {"accessKeyId": key_id, "status": "Active"}),
            ("DeleteAccessKey", {"accessKeyId": key_id}),
        ]
        assert {record["userIdentity"]["type"] for record in records} == {"Operator"}
        assert one.command("audit", "verify").returncode == 0


def test_a_third_access_key_is_refused(copied: Path) -> None:
    at = ("--data-dir", str(copied))
    assert strongroom("access-keys", "create", *at).returncode == 0
    refused(strongroom("access-keys", "create", *at), "has 2 access keys already", "access-keys delete")
    assert len(json.loads(strongroom("access-keys", "list", "--json", *at).stdout)) == 2


@pytest.mark.parametrize("command", ["disable", "enable", "delete"])
def test_an_unknown_access_key_is_refused(server: Server, command: str) -> None:
    refused(server.command("access-keys", command, "AKIANOTTHERE00000000"), "There is no access key AKIANOTTHERE")


def test_a_printed_key_can_be_used_as_a_credentials_file(copied: Path, tmp_path: Path) -> None:
    done = strongroom("access-keys", "create", "--data-dir", str(copied))
    file = tmp_path / "credentials"
    file.write_text(done.stdout)
    session = boto3.Session()
    session._session.set_config_variable("credentials_file", str(file))
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", str(session.get_credentials().access_key))


# audit


def test_verify_names_every_trail_and_tail_shows_the_last_records(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        client = one.client()
        client.create_secret(Name="app", SecretString="v")
        error_code(client.get_secret_value, SecretId="missing")
        one.command("access-keys", "create")
        verified = one.command("audit", "verify")
        assert verified.returncode == 0
        assert re.fullmatch(
            r"trail-0\.jsonl: 2 records, the chain is whole\ntrail-cli\.jsonl: 1 records, the chain is whole\n",
            verified.stdout,
        )
        tail = one.command("audit", "tail", "-n", "2").stdout.splitlines()
        assert len(tail) == 2
        assert re.search(r"GetSecretValue +ResourceNotFoundException +missing", tail[0])
        assert "CreateAccessKey" in tail[1]
        (last,) = one.command("audit", "tail", "-n", "1", "--json").stdout.splitlines()
        assert json.loads(last)["eventName"] == "CreateAccessKey"


def test_a_changed_record_is_named_with_status_2(copied: Path) -> None:
    trail = copied / "audit" / "trail-0.jsonl"
    trail.write_bytes(trail.read_bytes().replace(b'"CreateSecret"', b'"DeleteSecret"', 1))
    done = strongroom("audit", "verify", "--data-dir", str(copied))
    assert done.returncode == 2
    assert (
        "trail-0.jsonl: BROKEN at record 1: the record, or one before it, was changed (0 records proven)" in done.stdout
    )
    as_json = strongroom("audit", "verify", "--json", "--data-dir", str(copied))
    assert as_json.returncode == 2
    assert [(row["trail"], row["brokenRecord"]) for row in json.loads(as_json.stdout)] == [("trail-0.jsonl", 1)]


def test_a_trail_cut_at_its_end_is_found_also_after_the_server_ran_again(copied: Path) -> None:
    trail = copied / "audit" / "trail-0.jsonl"
    lines = trail.read_bytes().splitlines(keepends=True)
    trail.write_bytes(b"".join(lines[:-1]))
    at = ("--data-dir", str(copied))
    assert "were cut off" in strongroom("audit", "verify", *at).stdout
    one = Server(copied)
    one.start()
    try:
        assert one.stop() == 0
    finally:
        one.kill()
    assert "was cut" in one.log.read_text()
    assert strongroom("audit", "verify", *at).returncode == 2


def test_a_trail_that_is_gone_is_found(copied: Path) -> None:
    (copied / "audit" / "trail-0.jsonl").unlink()
    done = strongroom("audit", "verify", "--data-dir", str(copied))
    assert done.returncode == 2
    assert "trail-0.jsonl: BROKEN at record 1: the file is gone" in done.stdout


def test_trails_without_the_name_of_their_directory_are_refused_and_no_name_is_made(copied: Path) -> None:
    name = copied / "node-id"
    kept = name.read_text()
    texts = (f"The file {name} is missing or empty", "restore node-id from the backup")
    name.unlink()
    refused(strongroom("audit", "verify", "--data-dir", str(copied)), *texts)
    refused_start(copied, *texts)
    assert not name.exists()
    name.touch()
    refused(strongroom("audit", "verify", "--data-dir", str(copied)), *texts)
    name.write_text(kept)
    assert strongroom("audit", "verify", "--data-dir", str(copied)).returncode == 0


def test_tail_follows_also_a_trail_that_is_made_later(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        one.client().create_secret(Name="app", SecretString="v")
        command = [*STRONGROOM, "audit", "tail", "-f", "--data-dir", str(one.data_dir)]
        environment = clean_environment(PYTHONUNBUFFERED="1")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as tail:
            assert tail.stdout is not None
            try:
                assert "CreateSecret" in tail.stdout.readline()
                assert not (one.data_dir / "audit" / "trail-cli.jsonl").exists()
                assert one.command("access-keys", "create").returncode == 0
                assert select.select([tail.stdout], [], [], 30)[0]
                assert "CreateAccessKey" in tail.stdout.readline()
            finally:
                tail.kill()


def test_a_torn_last_line_is_cut_off_at_the_next_start_which_says_so(copied: Path) -> None:
    trail = copied / "audit" / "trail-0.jsonl"
    with trail.open("ab") as file:
        file.write(b'{"eventVersion":"1.11","userId')
    one = Server(copied)
    one.start()
    try:
        assert one.stop() == 0
    finally:
        one.kill()
    last = json.loads(trail.read_text().splitlines()[-1])
    assert last["eventName"] == "RepairAuditTrail"
    assert last["additionalEventData"] == {"Trail": "trail-0", "TornBytes": 30}
    assert strongroom("audit", "verify", "--data-dir", str(copied)).returncode == 0
    assert "RepairAuditTrail" in strongroom("audit", "tail", "--data-dir", str(copied)).stdout


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "verify"),
        ("audit", "tail"),
        ("access-keys", "list"),
        ("access-keys", "create"),
        ("access-keys", "delete", "AKIANOTTHERE00000000"),
    ],
    ids=" ".join,
)
def test_a_directory_without_a_strongroom_is_refused_and_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused(strongroom(*command, "--data-dir", str(tmp_path)), f"There is no Strongroom in {tmp_path}", "--data-dir")
    assert list(tmp_path.iterdir()) == []


def test_commands_do_not_open_a_database_to_other_users(copied: Path) -> None:
    for name in ("strongroom.db-wal", "strongroom.db-shm"):
        (copied / name).unlink(missing_ok=True)
    shutil.rmtree(copied / "audit")
    (copied / "audit").mkdir(mode=0o700)
    (copied / "node-id").unlink()
    assert strongroom("access-keys", "create", "--data-dir", str(copied)).returncode == 0
    strongroom("audit", "verify", "--data-dir", str(copied))
    assert {mode & 0o077 for mode in modes(copied).values()} == {0}


def test_a_client_of_another_region_is_answered_there(server: Server) -> None:
    key, secret = server.credentials
    client = boto3.client(
        "secretsmanager",
        endpoint_url=server.url,
        region_name="sa-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=ClientConfig(retries={"total_max_attempts": 1}),
    )
    arn = client.create_secret(Name="elsewhere", SecretString="v")["ARN"]
    assert ":sa-east-1:" in arn
    assert REGION != "sa-east-1"
    assert server.client().list_secrets()["SecretList"] == []


def test_the_version_is_shown() -> None:
    assert re.fullmatch(r"strongroom \d+\.\d+\.\d+\S*\n", strongroom("--version").stdout)


def test_a_listener_on_the_port_of_another_program_is_not_shared(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for workers in ("1", "2"):
            refused(
                strongroom("serve", "--data-dir", str(tmp_path / "data"), "--port", str(port), "--workers", workers),
                f"port {port}",
            )

"""`strongroom doctor`: a healthy deployment, what can be wrong with one, and what came back with a backup."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli import doctor
from strongroom.cli.resurrected import purge_again, purges_on, resurrected
from support.deployment import Deployment
from support.server import Server, running
from support.storages import run_sql

CHECKS = ["database", "root key", "jobs", "trail", "purges", "files", "disk", "clock"]
WAIT_SECONDS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        server.client().create_secret(Name="stays", SecretString="value")
        yield server


def findings(server: Server, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Return what the doctor says, by check."""
    done = server.command("doctor", "--json", *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return {one["check"]: one for one in json.loads(done.stdout)}


def failed(found: dict[str, Any]) -> list[str]:
    return [check for check, one in found.items() if one["state"] != "ok"]


def database(server: Server) -> str:
    return f"sqlite:///{server.data_dir / 'strongroom.db'}"


def test_a_healthy_deployment_is_told_so_beside_the_running_server(server: Server):
    found = findings(server)
    assert list(found) == CHECKS
    assert failed(found) == []
    lines = server.command("doctor").stdout.splitlines()
    assert [line.split(":")[0].removeprefix("ok").strip() for line in lines] == CHECKS


def test_a_file_that_others_may_read_is_a_failure_with_its_reason_and_the_next_step(server: Server):
    (server.data_dir / "node-id").chmod(0o640)
    found = findings(server, status=2)
    assert failed(found) == ["files"]
    assert "node-id has mode 640" in found["files"]["what"]
    done = server.command("doctor")
    assert done.returncode == 2
    what, why, next_step = done.stdout.splitlines()[5:8]
    assert what.startswith("failed:  files: ")
    assert why.startswith("  why:   ")
    assert next_step.startswith("  next:  chown and chmod")


def test_overdue_jobs_are_a_warning_and_failing_ones_a_failure(server: Server):
    server.client().delete_secret(SecretId="stays")
    server.kill()
    run_sql(database(server), "UPDATE jobs SET run_at = 1")
    found = findings(server)
    assert failed(found) == ["jobs"]
    assert "1 jobs are overdue" in found["jobs"]["what"]
    run_sql(database(server), "UPDATE jobs SET attempts = 7, last_error = 'StorageError'")
    assert "StorageError" in findings(server, status=2)["jobs"]["what"]


def test_a_trail_that_ends_in_the_future_means_that_the_clock_is_wrong(server: Server):
    server.kill()
    folder = server.data_dir / "audit"
    now = doctor.SystemClock().now()
    assert doctor._clock(folder, now).state == "ok"
    assert doctor._clock(folder, now - timedelta(hours=1)).state == "failed"


def purged_then_restored(server: Server, tmp_path: Path) -> str:
    """Make a secret, a backup, delete the secret for good, and put the backup in place; return its ARN."""
    client, backup = server.client(), tmp_path / "backup"
    arn = client.create_secret(Name="gone", SecretString="value")["ARN"]
    assert server.command("backup", str(backup)).returncode == 0
    client.delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)
    wait_until_gone(server, arn)
    assert server.stop() == 0
    for path in server.data_dir.glob("strongroom.db*"):
        path.unlink()
    shutil.copy2(backup / "strongroom.db", server.data_dir / "strongroom.db")
    return str(arn)


def wait_until_gone(server: Server, arn: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while run_sql(database(server), "SELECT 1 FROM secrets WHERE arn = :arn", arn=arn):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_an_older_backup_brings_back_is_found_and_purged_again(server: Server, tmp_path: Path):
    arn = purged_then_restored(server, tmp_path)
    found = findings(server, status=2)
    assert failed(found) == ["purges"]
    assert arn in found["purges"]["what"]
    found = findings(server, "--reconcile")
    assert "1 secrets" in found["reconciliation"]["what"]
    server.start()
    wait_until_gone(server, arn)
    assert run_sql(database(server), "SELECT arn FROM tombstones") == [(arn,)]
    assert server.client().get_secret_value(SecretId="stays")["SecretString"] == "value"
    assert failed(findings(server, "--reconcile")) == []
    assert "ReconcilePurgedSecrets" in server.command("audit", "tail", "-n", "100").stdout


def test_before_the_server_runs_again_a_reconciled_secret_is_refused_already(server: Server, tmp_path: Path):
    purged_then_restored(server, tmp_path)
    findings(server, "--reconcile")
    assert run_sql(database(server), "SELECT COUNT(*) FROM secrets WHERE purge_at IS NOT NULL") == [(1,)]


def test_a_trail_that_does_not_verify_purges_nothing(server: Server, tmp_path: Path):
    purged_then_restored(server, tmp_path)
    trail = server.data_dir / "audit" / "trail-0.jsonl"
    lines = trail.read_bytes().splitlines(keepends=True)
    trail.write_bytes(b"".join([*lines[:1], *lines[2:]]))
    found = findings(server, "--reconcile", status=2)
    assert failed(found) == ["trail", "purges"]
    assert run_sql(database(server), "SELECT COUNT(*) FROM secrets WHERE purge_at IS NOT NULL") == [(0,)]


def returned(here: Deployment) -> list[str]:
    purges = purges_on(here.config.audit_dir.glob("*.jsonl"))
    return [one.name for one in here.node.storage.read(lambda tx: resurrected(tx, purges, here.clock.now()))]


def test_versions_that_the_clean_up_removed_are_no_purge_of_their_secret(deployment: Deployment):
    deployment.create()
    for number in range(2, 106):
        deployment.put("app/db", number)
    deployment.clock.advance(timedelta(days=2))
    assert deployment.run_jobs() > 0
    told = [one["eventName"] for one in deployment.trail()]
    assert "EndSecretVersionDelete" in told
    assert purges_on(deployment.config.audit_dir.glob("*.jsonl")) == {}


def test_a_replica_that_was_removed_and_made_again_has_not_come_back(deployment: Deployment):
    deployment.create()
    away = deployment.elsewhere(region="us-east-1")
    for _ in range(2):
        deployment.call("ReplicateSecretToRegions", SecretId="app/db", AddReplicaRegions=[{"Region": "us-east-1"}])
        deployment.run_jobs()
        deployment.call("RemoveRegionsFromReplication", SecretId="app/db", RemoveReplicaRegions=["us-east-1"])
        deployment.run_jobs()
    deployment.call("ReplicateSecretToRegions", SecretId="app/db", AddReplicaRegions=[{"Region": "us-east-1"}])
    deployment.run_jobs()
    assert away.call("DescribeSecret", SecretId="app/db")["Name"] == "app/db"
    assert len(purges_on(deployment.config.audit_dir.glob("*.jsonl"))) == 1
    assert returned(deployment) == []


def test_a_secret_with_replicas_that_came_back_is_purged_and_lets_them_go(deployment: Deployment):
    arn = deployment.create(AddReplicaRegions=[{"Region": "us-east-1"}])
    deployment.run_jobs()
    now = deployment.clock.now()

    def again(tx: Any) -> None:
        purge_again(tx, tx.find_secret_by_arn(deployment.account_id, deployment.region, arn), now)

    deployment.node.storage.write(again)
    deployment.run_jobs()
    secrets = deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"]
    assert secrets == []
    assert deployment.elsewhere(region="us-east-1").call("DescribeSecret", SecretId="app/db")["Name"] == "app/db"

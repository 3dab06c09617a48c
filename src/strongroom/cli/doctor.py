"""`strongroom doctor`: what is wrong with a deployment, and what to do about it.

Runs beside a server or without one. Each check says ok, or what it found, why that matters and what to do next.
Status 0: nothing has failed (there may be warnings); 1: the deployment cannot be opened; 2: a check has failed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer

from strongroom.app import load_keyring, open_storage
from strongroom.audit import record
from strongroom.audit.files import head_of, trail_names
from strongroom.cli.audit_verification import verify_all
from strongroom.cli.desk import open_desk
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_json
from strongroom.cli.resurrected import Purge, instant_of, purge_again, purges_on, resurrected
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.domain.secret import Secret
from strongroom.entropy import SystemEntropy
from strongroom.storage.base import Job, Storage, Transaction

OVERDUE: Final = timedelta(minutes=5)
MANY_ATTEMPTS: Final = 5
MANY_SHOWN: Final = 5
LOW_SPACE: Final = 0.05
"""Part of the disk that should be free."""

LEAST_SPACE: Final = 100 * 2**20
"""Bytes that must be free: without them the trail cannot be written, and every call is refused."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""As much as signatures may be off."""

_OTHERS: Final = 0o077
_SOURCE: Final = record.SERVICE
_INSTANT: Final = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. One that is not ok says why it matters and what to do next."""

    check: str
    state: Literal["ok", "warning", "failed"]
    what: str
    why: str = ""
    next: str = ""


def doctor(
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Purge again what the trail says was purged before.")
    ] = False,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Check a deployment: keys, trails, jobs, purges, files, disk, clock. Status 2 if something has failed."""
    config = existing_deployment(config_file, data_dir, database)
    now = SystemClock().now()
    findings = [*_keys(config, now), *_trails(config)]
    is_proven = all(finding.state == "ok" for finding in findings)
    purges = purges_on(sorted(config.audit_dir.glob("*.jsonl*")))
    if reconcile and is_proven:
        findings.append(_reconcile(config, purges))
    now = SystemClock().now()  # after what was purged again
    findings += [*_rows(config, purges, now), *_files(config), _space(config.data_dir), _clock(config.audit_dir, now)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(_lines(finding))
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(2)


def _keys(config: Config, now: datetime) -> Iterator[Finding]:
    """Open the database, whose schema this brings up to date, and every term of the keyring. Raises OperatorError."""
    storage = open_storage(config)
    try:
        keyring = load_keyring(config, storage, SystemClock(), SystemEntropy())
        jobs = storage.read(lambda tx: tx.list_jobs())
    finally:
        storage.close()
    yield Finding("database", "ok", f"{storage.describe()} has the schema of this version")
    yield Finding(
        "root key", "ok", f"the root key opens every term of the keyring; the newest is {keyring.active_term}"
    )
    yield _jobs(jobs, now)


def _jobs(jobs: list[Job], now: datetime) -> Finding:
    late = [job for job in jobs if job.run_at < now - OVERDUE]
    failing = [job for job in jobs if job.attempts >= MANY_ATTEMPTS and job.last_error is not None]
    if not late and not failing:
        return Finding("jobs", "ok", f"{len(jobs)} jobs, none overdue, none failing again and again")
    shown = ", ".join(
        f"{job.kind} of {job.subject} ({job.last_error or 'due'})" for job in (failing + late)[:MANY_SHOWN]
    )
    return Finding(
        "jobs",
        "warning" if not failing else "failed",
        f"{len(late)} jobs are overdue and {len(failing)} fail again and again: {shown}",
        "purges, clean-ups and replicas wait for them",
        "start the server if it is stopped; its log says why a job fails",
    )


def _trails(config: Config) -> Iterator[Finding]:
    verdicts = verify_all(config, None).items()
    broken = [(name, verdict) for name, verdict in verdicts if verdict.broken_line is not None]
    for name, verdict in broken:
        yield Finding(
            "trail",
            "failed",
            f"{name} is broken at record {verdict.broken_line}: {verdict.reason}",
            "records were changed, dropped or cut off; nothing after that record is proven",
            "keep the file as evidence, and compare it with its copy elsewhere",
        )
    if not broken:
        yield Finding("trail", "ok", "every trail of this data directory is whole")


def _reconcile(config: Config, purges: dict[str, Purge]) -> Finding:
    with open_desk(config) as desk:

        def purge_all(tx: Transaction) -> list[Secret]:
            found = resurrected(tx, purges, desk.now)
            for secret in found:
                purge_again(tx, secret, desk.now)
            return found

        found = desk.storage.read(lambda tx: resurrected(tx, purges, desk.now))
        if found:
            found = desk.change("ReconcilePurgedSecrets", purge_all, source=_SOURCE, count=str(len(found)))
    return Finding("reconciliation", "ok", f"{len(found)} secrets are purged again as soon as the server runs")


def _rows(config: Config, purges: dict[str, Purge], now: datetime) -> Iterator[Finding]:
    storage: Storage = open_storage(config)
    try:
        found = storage.read(lambda tx: resurrected(tx, purges, now))
    finally:
        storage.close()
    if not found:
        yield Finding("purges", "ok", f"none of the {len(purges)} secrets that the trail saw purged is there")
        return
    for secret in found:
        yield Finding(
            "purges",
            "failed",
            f"{secret.arn} is there, and was purged at {purges[secret.arn].at:{_INSTANT}} as the trail says",
            "an older backup was restored; who deleted the secret believes that it is gone",
            "strongroom doctor --reconcile purges it again; or keep it, knowingly",
        )


def _files(config: Config) -> Iterator[Finding]:
    paths = [config.data_dir, config.root_key_path, *config.data_dir.iterdir(), *config.audit_dir.iterdir()]
    found = False
    for path in sorted({path for path in paths if path.exists()}):
        status = path.stat()
        if status.st_mode & _OTHERS or status.st_uid != config.data_dir.stat().st_uid:
            found = True
            yield Finding(
                "files",
                "failed",
                f"{path} has mode {status.st_mode & 0o777:03o} and owner {status.st_uid}",
                "others than the server's user can read it, change it, or own it",
                f"chown and chmod go-rwx {path}",
            )
    if not found:
        yield Finding("files", "ok", "all files are their owner's alone")


def _space(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.1f} are free for {folder}"
    if usage.free >= LEAST_SPACE and usage.free >= usage.total * LOW_SPACE:
        return Finding("disk", "ok", text)
    return Finding(
        "disk",
        "failed" if usage.free < LEAST_SPACE else "warning",
        text,
        "without room for its trail the server refuses every call",
        "make room, or move the data directory",
    )


def _clock(folder: Path, now: datetime) -> Finding:
    """Hold the clock against the last record of each trail."""
    heads = [head for name in trail_names(folder) if (head := head_of(folder, name)) is not None]
    newest = max((instant_of(msgspec.json.decode(head.record)) for head in heads), default=now)
    if newest <= now + CLOCK_SKEW:
        return Finding("clock", "ok", f"it is {now:{_INSTANT}}, and no trail ends later")
    return Finding(
        "clock",
        "failed",
        f"it is {now:{_INSTANT}}, and a trail ends at {newest:{_INSTANT}}",
        "recovery windows end by this clock, and signatures are refused when it is off",
        "set the clock (ntp), then look which of the two was wrong",
    )


def _lines(finding: Finding) -> str:
    if finding.state == "ok":
        return f"ok       {finding.check}: {finding.what}"
    state = f"{finding.state}:"
    return f"{state:<9}{finding.check}: {finding.what}\n  why:   {finding.why}\n  next:  {finding.next}"

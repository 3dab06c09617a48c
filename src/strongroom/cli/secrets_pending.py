"""Scheduled deletions: shown, held and released."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

from strongroom.audit.record import SERVICE
from strongroom.cli.desk import Desk
from strongroom.cli.output import print_json, print_table
from strongroom.cli.secrets_door import purged, refused_by
from strongroom.cli.secrets_report import pending_of, told
from strongroom.domain import protection
from strongroom.domain.protection import PlannedDeletion
from strongroom.domain.secret import Secret
from strongroom.errors import OperatorError, ServiceError
from strongroom.operations.call import PURGE_JOB
from strongroom.storage.base import Job, Transaction
from strongroom.vigilance import deletion_rules_of

MAX_SHOWN: Final = 100_000
FAR: Final = timedelta(days=36_500)

_COLUMNS: Final = ("Name", "DeletionDate", "AskedForDate", "ScheduledBy", "HeldBy", "RefusedReads", "LastRefusedReader")


def scheduled(desk: Desk, region: str | None) -> list[Secret]:
    """Return the account's secrets that are scheduled for deletion, in one region or in all."""
    found = desk.storage.read(lambda tx: tx.deletions.scheduled(desk.now + FAR, MAX_SHOWN))
    mine = (secret for secret in found if secret.account_id == desk.config.account_id)
    return [secret for secret in mine if region in (None, secret.region)]


def print_pending(desk: Desk, secrets: Iterable[Secret], *, as_json: bool) -> None:
    is_indexed = desk.config.audit_index_days > 0
    rows = [
        desk.storage.read(lambda tx, one=secret: pending_of(tx, one, desk.now, is_indexed=is_indexed)).members()  # type: ignore[misc]
        for secret in secrets
    ]
    if as_json:
        print_json(rows)
        return
    headers = ("secret", "purged at", "asked for", "by", "held by", "refused reads", "last by")
    print_table(headers, [[told(row[column]) for column in _COLUMNS] for row in rows])


def hold(desk: Desk, secret: Secret, until: datetime | None) -> None:
    """Postpone a purge as an operator."""
    by = f"operator {getpass.getuser()}"
    wanted = until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until

    def change(tx: Transaction) -> Secret:
        now, planned = _locked(tx, secret)
        return _put(tx, *protection.hold(now, planned, wanted, by, desk.now, deletion_rules_of(desk.config)))

    held = _changed(desk, "HoldSecretDeletion", secret, change)
    typer.echo(f"{held.name} is kept until {told(held.purge_at)}, and can be restored until then.")


def release(desk: Desk, secret: Secret, *, confirmed: bool) -> None:
    """Let a held purge go on."""
    planned = desk.storage.read(lambda tx: tx.deletions.find(secret.arn))
    if planned is not None and planned.held_by is not None and planned.due_at <= desk.now and not confirmed:
        raise OperatorError(
            f"Releasing {secret.name} would purge it at once.",
            why=f"its recovery window ended at {told(planned.due_at)}",
            next_step="restore it (strongroom secrets restore), or add --yes",
        )

    def change(tx: Transaction) -> Secret:
        return _put(tx, *protection.release(*_locked(tx, secret), desk.now))

    released = _changed(desk, "ReleaseSecretDeletion", secret, change)
    typer.echo(f"{released.name} is purged at {told(released.purge_at)}.")


def _changed(desk: Desk, name: str, secret: Secret, change: Callable[[Transaction], Secret]) -> Secret:
    try:
        return desk.change(name, change, source=SERVICE, secretId=secret.arn)
    except ServiceError as error:
        raise refused_by(error) from error


def _locked(tx: Transaction, secret: Secret) -> tuple[Secret, PlannedDeletion | None]:
    """Return a secret as it is now, held against others until the end, with what is known of its deletion."""
    found = tx.find_secret_by_arn(secret.account_id, secret.region, secret.arn)
    if found is None:
        raise purged(secret.name)
    return found, tx.deletions.find(secret.arn)


def _put(tx: Transaction, secret: Secret, planned: PlannedDeletion) -> Secret:
    tx.put_secret(secret)
    tx.deletions.put(planned)
    assert secret.purge_at is not None
    tx.put_job(Job(PURGE_JOB, secret.arn, secret.account_id, secret.region, secret.purge_at))
    return secret

"""Changes of secrets at the command line: through the same door as every call, as the account's root.

Rules:
- Policies that deny the root, states, quotas and the audit record count here as at the network. The user agent names
  the operating system's user.
- A change that an interrupted run has made already is recognized by the secret's state: a secret that is scheduled
  for deletion is not scheduled again, one that is gone is not forced, one that is not scheduled is not restored.
"""

from __future__ import annotations

import getpass
from typing import Any

from strongroom import __version__, ids
from strongroom.audit.record import Origin
from strongroom.authorization import Caller
from strongroom.cli.desk import Desk
from strongroom.cli.secrets_journal import Outcome, Plan
from strongroom.domain import identifiers
from strongroom.domain.principal import Principal, root_arn
from strongroom.domain.secret import Secret
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError, ServiceError
from strongroom.operations import OPERATIONS

DELETE = "delete"
RESTORE = "restore"
REFUSED = "refused"
KEPT = "kept"


def perform(desk: Desk, operation_name: str, **members: Any) -> Any:
    """Perform an operation as the account's root. Raises ServiceError."""
    account_id = desk.config.account_id
    root = Principal("Root", root_arn(account_id), account_id, account_id, "")
    agent = f"strongroom-cli/{__version__} user/{getpass.getuser()}"
    origin = Origin(ids.random_uuid(SystemEntropy()), "127.0.0.1", agent)
    operation = OPERATIONS[operation_name]
    return desk.service.perform(operation, operation.request(**members), Caller(root, desk.config.region, origin))


def find(desk: Desk, secret_id: str) -> Secret | None:
    """Return the secret that a name or ARN means in the account and region of the settings."""
    account_id, region = desk.config.account_id, desk.config.region
    named = identifiers.parse_secret_id(secret_id, account_id=account_id, region=region)
    if named.arn is not None:
        arn = named.arn
        return desk.storage.read(lambda tx: tx.find_secret_by_arn(account_id, region, arn))
    return desk.storage.read(lambda tx: tx.find_secret(account_id, region, named.name))


def get(desk: Desk, secret_id: str) -> Secret:
    """Return the secret of a name or ARN. Raises OperatorError."""
    try:
        secret = find(desk, secret_id)
    except ServiceError as error:
        raise refused_by(error) from error
    if secret is None:
        raise purged(secret_id)
    return secret


def purged(secret_id: str) -> OperatorError:
    return OperatorError(
        f"There is no secret {secret_id}.",
        why="it is in another region or account, is purged, or never was",
        next_step="name its place with --region and --account-id",
    )


def refused_by(error: ServiceError) -> OperatorError:
    """Return an error of the service as the command line explains one."""
    return OperatorError(
        f"The service refused: {error.code}.",
        why=error.message or error.code,
        next_step="mend what it says, then run the command again",
    )


def change(desk: Desk, plan: Plan, arn: str) -> Outcome:
    """Delete or restore one secret of a plan, unless that is done already; return what came of it."""
    secret = find(desk, arn)
    if secret is None:
        return Outcome(arn, arn, "gone")
    is_scheduled = secret.purge_at is not None
    try:
        if plan.action == RESTORE:
            if not is_scheduled:
                return Outcome(arn, secret.name, "not scheduled")
            perform(desk, "RestoreSecret", secret_id=arn)
            return Outcome(arn, secret.name, "restored")
        if is_scheduled and not plan.force:
            return Outcome(arn, secret.name, "already scheduled", str(secret.purge_at))
        members: dict[str, bool | int] = {"force_delete_without_recovery": True} if plan.force else {}
        if plan.recovery_window_in_days is not None:
            members["recovery_window_in_days"] = plan.recovery_window_in_days
        perform(desk, "DeleteSecret", secret_id=arn, **members)
    except ServiceError as error:
        return Outcome(arn, secret.name, REFUSED, error.message or error.code)
    return Outcome(arn, secret.name, "deleted")

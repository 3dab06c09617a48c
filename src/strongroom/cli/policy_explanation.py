"""`strongroom policy explain`: why a call was answered as it was, from its record and from the policies of today.

Rules:
- The record is looked for in the trails of this data directory; another node has its own.
- What a record tells is what was: policies may be others since. What they say today is asked anew, with what the
  record holds of the request; a session's own policies are on no record and are left out.
- Today is told of calls about a secret only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from strongroom.audit.search import find_request
from strongroom.cli.iam_desk import IamDesk, on_deployment
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_json
from strongroom.cli.policy_question import SERVICE, SESSION_NAME, Question, find_target, principal_of
from strongroom.cli.policy_telling import told_decision, told_reason
from strongroom.config import Config
from strongroom.domain.identity import Role, User
from strongroom.domain.principal import Principal, root_arn
from strongroom.errors import OperatorError
from strongroom.operations import OPERATIONS
from strongroom.storage.base import Transaction

_SOURCE: Final = f"{SERVICE}.amazonaws.com"


@on_deployment
def explain(
    desk: IamDesk,
    request_id: Annotated[str, typer.Argument(help="The request id that the client was given.")],
    as_json: AsJson = False,
) -> None:
    """Show who wanted what, what was decided and why, and what policies say of it today."""
    config = desk.desk.config
    records = find_request(trails_of(config), request_id)
    if not records:
        raise _not_found(config, request_id)
    read, now = desk.desk.storage.read, desk.desk.now
    calls = [{"record": record, "today": read(partial(_today, record, now))} for record in records]
    if as_json:
        print_json(calls)
        return
    for call in calls:
        typer.echo("\n".join(_told(call["record"] or {}, call["today"])))


def trails_of(config: Config) -> list[Path]:
    """Return the trail files of this node, the one written last first."""
    return sorted(config.audit_dir.glob("*.jsonl*"), key=lambda path: -path.stat().st_mtime_ns)


def _not_found(config: Config, request_id: str) -> OperatorError:
    names = ", ".join(path.name for path in trails_of(config)) or "no file"
    return OperatorError(
        f"There is no record of the request {request_id}.",
        why=f"it is not in {names} of {config.audit_dir}",
        next_step="look on the deployment's other nodes, in trails moved away, and whether the id is whole",
    )


def _today(record: Mapping[str, Any], now: datetime, tx: Transaction) -> dict[str, Any] | None:
    """Return what policies say of the call today; None where nobody can be asked."""
    parameters = record.get("requestParameters") or {}
    sent = parameters.get("secretId") or parameters.get("name")
    principal = _principal(tx, record["userIdentity"], now)
    if record["eventSource"] != _SOURCE or sent is None or principal is None:
        return None
    try:
        target = find_target(tx, principal.account_id, record["awsRegion"], sent)
    except OperatorError:  # what was sent cannot name a secret
        return None
    question = Question(tx, principal, target, now, dict(_given(record, parameters)))
    return question.explained(f"{SERVICE}:{record['eventName']}")


def _principal(tx: Transaction, identity: Mapping[str, Any], now: datetime) -> Principal | None:
    """Return who called, as far as there still is such a one."""
    account_id, caller_id = identity.get("accountId"), str(identity.get("principalId"))
    if identity["type"] == "Root" and account_id is not None:
        return Principal("Root", root_arn(account_id), account_id, account_id, "")
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    found = tx.identities.find_by_id(issuer.get("principalId", caller_id))
    session = caller_id.partition(":")[2] or SESSION_NAME
    return principal_of(found, now, session) if isinstance(found, User | Role) else None


def _given(record: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str | list[str]]]:
    """Yield the condition keys that the record tells the values of."""
    yield "aws:SourceIp", record["sourceIPAddress"]
    yield "aws:SecureTransport", "true" if record.get("tlsDetails") else "false"
    if record.get("userAgent"):
        yield "aws:UserAgent", record["userAgent"]
    operation = OPERATIONS.get(record["eventName"])
    for key in () if operation is None else operation.condition_keys:
        name = key.partition(":")[2]
        value = parameters.get(name[:1].lower() + name[1:])
        if isinstance(value, str | int):
            yield key, str(value).lower() if isinstance(value, bool) else str(value)


def _told(record: Mapping[str, Any], today: Mapping[str, Any] | None) -> Iterator[str]:
    identity = record["userIdentity"]
    who = identity.get("arn") or identity.get("userName") or identity.get("invokedBy") or identity["type"]
    yield f"{record['eventTime']}  {record['eventName']} by {who}, from {record['sourceIPAddress']}"
    for name, value in (record.get("requestParameters") or {}).items():
        yield f"  {name}: {value}"
    if "errorCode" not in record:
        yield "  answered: success"
    else:
        yield f"  answered: {record['errorCode']}: {record.get('errorMessage', '')}"
    yield from told_reason((record.get("additionalEventData") or {}).get("authorization") or {})
    if today is None:
        yield "today: not asked; the call is about no secret, or its caller is gone"
        return
    yield "today: " + told_decision(today)

"""How a record of the trail is shown to people: one line."""

from __future__ import annotations

from typing import Any


def line_of(record: dict[str, Any]) -> str:
    identity = record["userIdentity"]
    who = identity.get("arn") or identity.get("invokedBy") or identity.get("userName") or identity["type"]
    parameters = record["requestParameters"] or record.get("additionalEventData") or {}
    what = next((str(parameters[key]) for key in ("secretId", "name", "SecretId") if key in parameters), "")
    outcome = record.get("errorCode", "ok")
    return f"{record['eventTime']}  {record['eventName']:<26} {outcome:<28} {what}  {who}  {record['sourceIPAddress']}"

"""Audit records in CloudTrail's shape (event version 1.11).

Rules:
- Every call has one record, whatever its outcome; `errorCode` and `errorMessage` stand only on failures,
  and a denial's code is `AccessDenied`, as CloudTrail writes it.
- `requestParameters` and `responseElements` hold members by allow-list, under lower-camel names; reading
  calls have no response elements. What the list does not name cannot appear.
- Things the service does by itself are AwsServiceEvents, invoked by secretsmanager.amazonaws.com.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from strongroom.errors import AccessDeniedException, ServiceError

SERVICE: Final = "secretsmanager.amazonaws.com"
MAX_TEXT: Final = 1_024
"""Longest user agent or error message in a record, in characters."""

_EVENT_VERSION: Final = "1.11"
_SECONDS_LENGTH: Final = len("2026-01-01T00:00:00")
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from."""

    request_id: str
    source_ip: str
    user_agent: str | None
    host: str | None = None
    tls_version: str | None = None


def user_identity(*, kind: str, principal_id: str, arn: str, account_id: str, access_key_id: str) -> dict[str, str]:
    return {
        "type": kind,
        "principalId": principal_id,
        "arn": arn,
        "accountId": account_id,
        "accessKeyId": access_key_id,
    }


def unknown_identity(access_key_id: str | None) -> dict[str, str]:
    """The identity of a caller that did not prove one."""
    claimed = {} if access_key_id is None else {"accessKeyId": access_key_id}
    return {"type": "Unknown", **claimed}


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of an API call before its outcome."""

    name: str
    now: datetime
    event_id: str
    region: str | None
    account_id: str | None
    identity: Mapping[str, Any]
    origin: Origin
    read_only: bool
    source: str = SERVICE


def api_call(
    facts: CallFacts,
    *,
    request: Mapping[str, Any] | None = None,
    response: Mapping[str, Any] | None = None,
    error: ServiceError | None = None,
) -> bytes:
    """Return the record of one API call as a line of JSON, without line end."""
    origin = facts.origin
    agent = origin.user_agent
    record: dict[str, Any] = {
        "eventVersion": _EVENT_VERSION,
        "userIdentity": facts.identity,
        "eventTime": event_time(facts.now),
        "eventSource": facts.source,
        "eventName": facts.name,
        "awsRegion": facts.region,
        "sourceIPAddress": origin.source_ip,
        "userAgent": None if agent is None else agent[:MAX_TEXT],
    }
    if error is not None:
        record["errorCode"] = "AccessDenied" if isinstance(error, AccessDeniedException) else error.code
        if error.message is not None:
            record["errorMessage"] = error.message[:MAX_TEXT]
    record["requestParameters"] = request or None
    record["responseElements"] = None if facts.read_only else (response or None)
    record["requestID"] = origin.request_id
    record["eventID"] = facts.event_id
    record["readOnly"] = facts.read_only
    record["eventType"] = "AwsApiCall"
    record["managementEvent"] = True
    record["recipientAccountId"] = facts.account_id
    record["eventCategory"] = "Management"
    if origin.tls_version is not None:
        record["tlsDetails"] = {"tlsVersion": origin.tls_version, "clientProvidedHostHeader": origin.host}
    return _encode(record)


def service_event(
    *,
    name: str,
    now: datetime,
    event_id: str,
    details: Mapping[str, Any],
    arn: str | None = None,
    region: str | None = None,
    account_id: str | None = None,
) -> bytes:
    """Return the record of something the service did by itself, to a secret unless `arn` is None."""
    return _encode(
        {
            "eventVersion": _EVENT_VERSION,
            "userIdentity": {"accountId": account_id, "invokedBy": SERVICE},
            "eventTime": event_time(now),
            "eventSource": SERVICE,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": SERVICE,
            "userAgent": SERVICE,
            "requestParameters": None,
            "responseElements": None,
            "additionalEventData": dict(details) if arn is None else {"SecretId": arn, **details},
            "requestID": event_id,
            "eventID": event_id,
            "readOnly": False,
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": account_id,
            "eventCategory": "Management",
        }
    )


def event_time(now: datetime) -> str:
    """Return an instant of UTC as CloudTrail writes it: whole seconds."""
    return f"{now.isoformat(timespec='seconds')[:_SECONDS_LENGTH]}Z"

"""Audit records in CloudTrail's shape (event version 1.11).

Rules:
- Every call has one record, whatever its outcome; `errorCode` and `errorMessage` stand only on failures,
  and a denial's code is `AccessDenied`, as CloudTrail writes it.
- `requestParameters` and `responseElements` hold members by allow-list, under lower-camel names. What
  the list does not name cannot appear: of reading calls nothing but who was given credentials.
- Things the service does by itself are AwsServiceEvents, invoked by secretsmanager.amazonaws.com.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from strongroom.domain.principal import Principal, Session
from strongroom.errors import AccessDeniedException, ServiceError

SERVICE: Final = "secretsmanager.amazonaws.com"
MAX_TEXT: Final = 1_024
"""Longest user agent or error message in a record, in characters."""

SECONDS_KEPT: Final = 16
"""Seconds kept as written: very many calls fall into one."""

_EVENT_VERSION: Final = "1.11"
_encode: Final = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True):
    """Where a call came from."""

    request_id: str
    source_ip: str
    user_agent: str | None
    host: str | None = None
    tls_version: str | None = None
    is_forwarded_tls: bool = False
    """Whether a proxy that is trusted says that the caller used TLS."""

    @property
    def is_secure(self) -> bool:
        return self.is_forwarded_tls or self.tls_version is not None


def user_identity(principal: Principal) -> dict[str, Any]:
    """Return a caller as CloudTrail shows one; of a session also whose it is and since when."""
    identity: dict[str, Any] = {
        "type": principal.kind,
        "principalId": principal.principal_id,
        "arn": principal.arn,
        "accountId": principal.account_id,
        "accessKeyId": principal.access_key_id,
    }
    if principal.user_name is not None:
        identity["userName"] = principal.user_name
    if principal.session is not None:
        identity["sessionContext"] = _session_context(principal, principal.session)
    return identity


def _session_context(principal: Principal, session: Session) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if principal.role_arn is not None:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": session.issuer_id,
            "arn": session.issuer_arn,
            "accountId": principal.account_id,
            "userName": session.issuer_name,
        }
    if session.provider is not None:
        context["webIdFederationData"] = {"federatedProvider": session.provider, "attributes": {}}
    context["attributes"] = {"creationDate": event_time(session.issued_at), "mfaAuthenticated": "false"}
    if session.source_identity is not None:
        context["sourceIdentity"] = session.source_identity
    return context


def unknown_identity(access_key_id: str | None) -> dict[str, str]:
    """The identity of a caller that did not prove one."""
    claimed = {} if access_key_id is None else {"accessKeyId": access_key_id}
    return {"type": "Unknown", **claimed}


class CallFacts(msgspec.Struct, frozen=True):
    """What is known of an API call before its outcome."""

    name: str
    now: datetime
    event_id: str
    region: str | None
    account_id: str | None
    identity: Mapping[str, Any] | msgspec.Raw
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
    agent, message = origin.user_agent, None if error is None else error.message
    return _encode(
        _ApiCall(
            facts.identity,
            event_time(facts.now),
            facts.source,
            facts.name,
            facts.region,
            origin.source_ip,
            None if agent is None else agent[:MAX_TEXT],
            UNSET if error is None else _code_of(error),
            UNSET if message is None else message[:MAX_TEXT],
            request or None,
            response or None,
            origin.request_id,
            facts.event_id,
            facts.read_only,
            facts.account_id,
            UNSET
            if origin.tls_version is None
            else {"tlsVersion": origin.tls_version, "clientProvidedHostHeader": origin.host},
            UNSET if error is None or error.details is None else error.details,
        )
    )


def _code_of(error: ServiceError) -> str:
    return "AccessDenied" if isinstance(error, AccessDeniedException) else error.code


_SPELLINGS: Final = {"source_ip_address": "sourceIPAddress", "request_id": "requestID", "event_id": "eventID"}


def _spelling(name: str) -> str:
    head, *rest = name.split("_")
    return _SPELLINGS.get(name) or head + "".join(word.title() for word in rest)


class _ApiCall(msgspec.Struct, rename=_spelling, frozen=True):
    """The members of a record in their order; those that are unset are left out, the others may be null."""

    user_identity: Mapping[str, Any] | msgspec.Raw
    event_time: str
    event_source: str
    event_name: str
    aws_region: str | None
    source_ip_address: str
    user_agent: str | None
    error_code: str | UnsetType
    error_message: str | UnsetType
    request_parameters: Mapping[str, Any] | None
    response_elements: Mapping[str, Any] | None
    request_id: str
    event_id: str
    read_only: bool
    recipient_account_id: str | None
    tls_details: Mapping[str, Any] | UnsetType
    additional_event_data: Mapping[str, Any] | UnsetType
    event_version: str = _EVENT_VERSION
    event_type: str = "AwsApiCall"
    management_event: bool = True
    event_category: str = "Management"


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
    return _written(now.year, now.month, now.day, now.hour, now.minute, now.second)


@lru_cache(maxsize=SECONDS_KEPT)
def _written(year: int, month: int, day: int, hour: int, minute: int, second: int) -> str:
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"

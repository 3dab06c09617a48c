"""What a record of the trail says, taken apart so that it can be looked for.

Rules (the members are those of `record`; what CloudTrail's LookupEvents calls what is documented, unless marked):
- Username is the user's name, of a role's session the session's, root for the root; a service's own events have
  the service's.
- The resource of a call to Secrets Manager is the secret that it names or makes, or that a service event is
  about. Its name is told from a complete ARN; its ARN, where a call gave the name alone, is looked up by whoever
  copies the record (ours). Calls of IAM and STS are about the entity that their parameters name first.
- Text that databases refuse (NUL) is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from strongroom.domain import identifiers
from strongroom.domain.principal import last_name
from strongroom.domain.staging import CURRENT
from strongroom.domain.trail_event import TrailEvent
from strongroom.errors import ServiceError

MAX_RESOURCE: Final = 2_048
"""Longest name or ARN of what a call is about that is kept, in characters."""

BY_ID: Final = "by version id"
"""Stands for the label where a version was asked for by its id."""

SECRET_TYPE: Final = "AWS::SecretsManager::Secret"
SECRETS_SOURCE: Final = "secretsmanager.amazonaws.com"

_ENTITIES: Final = (
    ("userName", "AWS::IAM::User"),
    ("roleName", "AWS::IAM::Role"),
    ("roleArn", "AWS::IAM::Role"),
    ("groupName", "AWS::IAM::Group"),
    ("policyArn", "AWS::IAM::Policy"),
    ("policyName", "AWS::IAM::Policy"),
    ("keyId", "AWS::KMS::Key"),
    ("accessKeyId", "AWS::IAM::AccessKey"),
)
"""Parameters that name what a call to another service is about, and what kind of thing it is."""

_KEPT: Final = 1_024
"""Callers and secrets whose parts are kept: most records are about few of them."""

_FORBIDDEN: Final = str.maketrans({"\0": "\N{REPLACEMENT CHARACTER}"})


class _Issuer(msgspec.Struct, frozen=True):
    arn: str | None = None


class _SessionContext(msgspec.Struct, frozen=True, rename="camel"):
    session_issuer: _Issuer | None = None


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    type: str | None = None
    arn: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    invoked_by: str | None = None
    session_context: _SessionContext | None = None


class _Record(msgspec.Struct, frozen=True, rename="camel"):
    event_name: str
    event_time: datetime
    event_source: str
    user_identity: _Identity
    event_id: str = msgspec.field(name="eventID")
    request_id: str = msgspec.field(name="requestID", default="")
    source_ip: str = msgspec.field(name="sourceIPAddress", default="")
    user_agent: str | None = None
    aws_region: str | None = None
    recipient_account_id: str | None = None
    read_only: bool = False
    error_code: str | None = None
    request_parameters: dict[str, Any] | None = None
    response_elements: dict[str, Any] | None = None
    additional_event_data: dict[str, Any] | None = None


class Resource(NamedTuple):
    """What a call is about."""

    kind: str | None = None
    name: str | None = None
    arn: str | None = None


_decode: Final = msgspec.json.Decoder(_Record).decode


def event_of(record: bytes, trail: str, sequence: int) -> TrailEvent | None:
    """Return what a record says, or None if it is none of ours."""
    try:
        parts = _decode(record)
    except msgspec.MsgspecError:
        return None
    username, principal, arn, access_key_id = _caller_of(parts.user_identity)
    kind, name, resource_arn = _resource_of(parts)
    # By place: for each record of the trail this is done once, and names cost a third of it.
    return TrailEvent(
        _clean(parts.event_id),
        parts.event_time if parts.event_time.tzinfo is UTC else parts.event_time.astimezone(UTC),
        trail,
        sequence,
        parts.recipient_account_id or "",
        parts.aws_region,
        parts.event_name,
        parts.event_source,
        parts.read_only,
        username,
        principal,
        arn,
        access_key_id,
        kind,
        name,
        resource_arn,
        parts.error_code,
        _clean(parts.source_ip),
        None if parts.user_agent is None else _clean(parts.user_agent),
        _clean(parts.request_id),
        _clean(record.decode()),
    )


def wanted_stage(event: TrailEvent) -> str:
    """Return the label that a read of a secret asked for."""
    if "versionStage" not in event.record and "versionId" not in event.record:
        return CURRENT  # most reads: taking the record apart again would cost more than all else about a reader
    parameters = _decode(event.record.encode()).request_parameters or {}
    stage = parameters.get("versionStage")
    if isinstance(stage, str):
        return _clean(stage)
    return BY_ID if "versionId" in parameters else CURRENT


def resource_query(text: str) -> Mapping[str, str]:
    """Return the attributes of an event (`EventQuery`) by which a resource is found that is given by name or ARN."""
    if not text.startswith("arn:"):
        return {"resource_name": text}
    try:
        named = identifiers.parse_secret_id(text, account_id="", region="")
    except ServiceError:
        return {"resource_name": last_name(text), "resource_arn": text}
    return {"resource_name": named.name} if named.arn is None else {"resource_name": named.name, "resource_arn": text}


@lru_cache(maxsize=_KEPT)
def _caller_of(identity: _Identity) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the caller's name, whose policies decide, the caller itself, and its key."""
    return _username_of(identity), _principal_of(identity), identity.arn, identity.access_key_id


def _username_of(identity: _Identity) -> str | None:
    if identity.user_name is not None:
        return _clean(identity.user_name)
    if identity.type == "Root":
        return "root"
    if identity.arn is not None and ":assumed-role/" in identity.arn:
        return last_name(identity.arn)
    return identity.invoked_by


def _principal_of(identity: _Identity) -> str | None:
    context = identity.session_context
    issuer = None if context is None or context.session_issuer is None else context.session_issuer.arn
    return issuer or identity.arn


def _resource_of(parts: _Record) -> Resource:
    asked = parts.request_parameters or {}
    if parts.event_source == SECRETS_SOURCE:
        return _secret_of(parts, asked)
    for member, kind in _ENTITIES:
        if isinstance(value := asked.get(member), str):
            text = _clean(value[:MAX_RESOURCE])
            return Resource(kind, last_name(text), text) if text.startswith("arn:") else Resource(kind, text)
    return Resource()


def _secret_of(parts: _Record, asked: Mapping[str, Any]) -> Resource:
    answered, more = parts.response_elements or {}, parts.additional_event_data or {}
    arn = next((value for value in (answered.get("arn"), more.get("SecretId")) if isinstance(value, str)), None)
    sent = next((value for value in (asked.get("secretId"), asked.get("name"), arn) if isinstance(value, str)), None)
    if sent is None:
        return Resource()
    return _named_secret(arn or sent, sent, parts.recipient_account_id or "", parts.aws_region or "")


@lru_cache(maxsize=_KEPT)
def _named_secret(named: str, sent: str, account_id: str, region: str) -> Resource:
    try:
        reference = identifiers.parse_secret_id(named, account_id=account_id, region=region)
    except ServiceError:
        return Resource(SECRET_TYPE, _clean(sent[:MAX_RESOURCE]))
    return Resource(SECRET_TYPE, reference.name, reference.arn)


def _clean(text: str) -> str:
    return text.translate(_FORBIDDEN) if "\0" in text else text

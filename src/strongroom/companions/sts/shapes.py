"""Wire shapes and limits that operations of STS share, as the service model has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from strongroom.authn.sessions import IssuedCredentials
from strongroom.domain import secret
from strongroom.domain.session_limits import (
    MAX_OWN_SECONDS,
    MAX_POLICY_ARNS,
    MAX_POLICY_CHARACTERS,
    MAX_ROLE_SECONDS,
    MIN_SECONDS,
)
from strongroom.domain.session_tags import MAX_KEY_CHARACTERS, MAX_SESSION_TAGS, MAX_VALUE_CHARACTERS
from strongroom.operations.base import REQUIRED, Shape, limits

_ARN_PATTERN = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
_TAG_PATTERN = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"
_NAME_PATTERN = r"[\w+=,.@-]*"

Arn: TypeAlias = Annotated[str, limits(20, 2_048, pattern=_ARN_PATTERN)]
SessionName: TypeAlias = Annotated[str, limits(2, 64, pattern=_NAME_PATTERN)]
SourceIdentity: TypeAlias = Annotated[str, limits(2, 64, pattern=_NAME_PATTERN)]
TagKey: TypeAlias = Annotated[str, limits(1, MAX_KEY_CHARACTERS, pattern=f"{_TAG_PATTERN}+")]
SessionPolicy: TypeAlias = Annotated[
    str, limits(1, MAX_POLICY_CHARACTERS, pattern=r"[\u0009\u000A\u000D\u0020-\u00FF]+")
]
RoleSeconds: TypeAlias = Annotated[int, limits(MIN_SECONDS, MAX_ROLE_SECONDS)]
OwnSeconds: TypeAlias = Annotated[int, limits(MIN_SECONDS, MAX_OWN_SECONDS)]
TokenSize: TypeAlias = Annotated[int, limits(0, 4_096)]
SerialNumber: TypeAlias = Annotated[str, limits(9, 256, pattern=r"[\w+=/:,.@-]*")]
TokenCode: TypeAlias = Annotated[str, limits(6, 6, pattern=r"[\d]*")]


class PolicyDescriptorType(Shape, kw_only=True):
    arn: Arn | None = msgspec.field(name="arn", default=None)


class Tag(Shape, kw_only=True):
    key: TagKey = REQUIRED
    value: Annotated[str, limits(0, MAX_VALUE_CHARACTERS, pattern=f"{_TAG_PATTERN}*")] = REQUIRED


class ProvidedContext(Shape, kw_only=True):
    provider_arn: Arn | None = None
    context_assertion: Annotated[str, limits(4, 2_048)] | None = None


PolicyArns: TypeAlias = Annotated[list[PolicyDescriptorType], limits(None, MAX_POLICY_ARNS)]
Tags: TypeAlias = Annotated[list[Tag], limits(None, MAX_SESSION_TAGS)]
TagKeys: TypeAlias = Annotated[list[TagKey], limits(None, MAX_SESSION_TAGS)]


class Credentials(Shape, kw_only=True):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime


class AssumedRoleUser(Shape, kw_only=True):
    assumed_role_id: str
    arn: str


def wire_credentials(issued: IssuedCredentials) -> Credentials:
    return Credentials(
        access_key_id=issued.access_key_id,
        secret_access_key=issued.secret_access_key,
        session_token=issued.session_token,
        expiration=issued.expiration,
    )


def domain_tags(tags: Iterable[Tag] | None) -> list[secret.Tag]:
    return [secret.Tag(tag.key, tag.value) for tag in tags or ()]


def texts_of(arns: Iterable[PolicyDescriptorType] | None) -> list[str]:
    """Return the ARNs of managed policies, each once; a descriptor without one names none."""
    return list(dict.fromkeys(descriptor.arn for descriptor in arns or () if descriptor.arn is not None))

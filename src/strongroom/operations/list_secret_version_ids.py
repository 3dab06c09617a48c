"""ListSecretVersionIds: the versions of a secret, oldest first; deprecated ones only on request."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from strongroom.domain.kms_key import DEFAULT_KEY_SHOWN_AS
from strongroom.domain.secret import Version
from strongroom.domain.staging import labels_of
from strongroom.domain.timestamps import to_micros, wire_day, wire_time
from strongroom.errors import (
    InternalServiceError,
    InvalidNextTokenException,
    InvalidParameterException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import NextToken, SecretId, SecretVersionsListEntry

DEFAULT_PAGE: Final = 100


class ListSecretVersionIdsRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    max_results: Annotated[int, limits(1, 100)] | None = None
    next_token: NextToken | None = None
    include_deprecated: bool | None = None


class ListSecretVersionIdsResponse(Response, kw_only=True):
    versions: list[SecretVersionsListEntry] | None = None
    next_token: str | None = None
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None


def list_secret_version_ids(call: Call, request: ListSecretVersionIdsRequest) -> ListSecretVersionIdsResponse:
    secret = call.secret
    binding = ("ListSecretVersionIds", secret.arn, str(bool(request.include_deprecated)))
    stages = call.tx.stages(secret)
    shown = [
        version
        for version in call.tx.list_versions(secret)
        if version.deleted_at is None and (request.include_deprecated or version.version_id in stages.values())
    ]
    if request.next_token is not None:
        after = call.page_tokens.open(request.next_token, tuple[int, str], *binding)
        shown = [version for version in shown if _place(version) > after]
    wanted = request.max_results or DEFAULT_PAGE
    page = shown[:wanted]
    return ListSecretVersionIdsResponse(
        versions=[_entry(version, labels_of(stages, version.version_id)) for version in page],
        next_token=call.page_tokens.seal(_place(page[-1]), *binding) if len(shown) > wanted else None,
        arn=secret.arn,
        name=secret.name,
    )


def _place(version: Version) -> tuple[int, str]:
    return to_micros(version.created_at), version.version_id


def _entry(version: Version, labels: list[str]) -> SecretVersionsListEntry:
    return SecretVersionsListEntry(
        version_id=version.version_id,
        version_stages=labels or None,
        last_accessed_date=None if version.last_accessed_on is None else wire_day(version.last_accessed_on),
        created_date=wire_time(version.created_at),
        kms_key_ids=[version.kms_key_id or DEFAULT_KEY_SHOWN_AS],
    )


OPERATION = Operation(
    name="ListSecretVersionIds",
    request=ListSecretVersionIdsRequest,
    response=ListSecretVersionIdsResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.ANY,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=list_secret_version_ids,
    shown_request=("secret_id", "max_results", "include_deprecated"),
    shown_response=(),
    errors=(InvalidNextTokenException, ResourceNotFoundException, InternalServiceError, InvalidParameterException),
    tells_access_dates=True,
)

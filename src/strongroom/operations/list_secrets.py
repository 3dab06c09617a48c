"""ListSecrets: the secrets of an account and region, filtered, sorted, page by page.

A page may be short, or empty, and still have a successor: only the absence of NextToken ends a listing
(documented). One call examines a bounded number of secrets, so that a filter that finds nothing among
very many cannot hold up other callers.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from strongroom.domain import deletion, filtering
from strongroom.domain.listing import ListingPosition, SortBy, position_of
from strongroom.domain.secret import Secret
from strongroom.domain.staging import by_version
from strongroom.errors import (
    InternalServiceError,
    InvalidNextTokenException,
    InvalidParameterException,
    InvalidRequestException,
)
from strongroom.operations.base import OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.secret_description import SecretDescription, description_of
from strongroom.operations.shapes import (
    Filter,
    NextToken,
)

DEFAULT_PAGE: Final = 100
MAX_EXAMINED: Final = 5_000
"""Secrets one call looks at before it answers with what it has."""

_CHUNK: Final = 500


class SortOrder(StrEnum):
    ASCENDING = "asc"
    DESCENDING = "desc"


class ListSecretsRequest(Request, kw_only=True):
    include_planned_deletion: bool | None = None
    max_results: Annotated[int, limits(1, 100)] | None = None
    next_token: NextToken | None = None
    filters: Annotated[list[Filter], limits(None, 10)] | None = None
    sort_order: Annotated[str, limits(enum=SortOrder)] | None = None
    sort_by: Annotated[str, limits(enum=SortBy)] | None = None


class SecretListEntry(SecretDescription, kw_only=True):
    secret_versions_to_stages: dict[str, list[str]] | None = None


class ListSecretsResponse(Response, kw_only=True):
    secret_list: list[SecretListEntry] | None = None
    next_token: str | None = None


def validate(request: ListSecretsRequest) -> None:
    for entry in request.filters or ():
        filtering.require_valid(entry.key, entry.values)


def list_secrets(call: Call, request: ListSecretsRequest) -> ListSecretsResponse:
    order = SortBy(request.sort_by or SortBy.CREATED_DATE)
    binding = _binding(call, request)
    after = None
    if request.next_token is not None:
        value, arn = call.page_tokens.open(request.next_token, tuple[str | int, str], *binding)
        after = ListingPosition(value, arn)
    found, end = _collect(call, request, order, after)
    stages = call.tx.stages_of_many(found)
    return ListSecretsResponse(
        secret_list=[_entry(secret, stages[secret.arn]) for secret in found],
        next_token=None if end is None else call.page_tokens.seal((end.value, end.arn), *binding),
    )


def _collect(
    call: Call, request: ListSecretsRequest, order: SortBy, after: ListingPosition | None
) -> tuple[list[Secret], ListingPosition | None]:
    """Return a page and the place it ends at, None at the end of the listing."""
    wanted = request.max_results or DEFAULT_PAGE
    accepts = _predicate(request)
    found: list[Secret] = []
    examined = 0
    while examined < MAX_EXAMINED:
        chunk = call.tx.list_secrets(
            call.account_id,
            call.region,
            order,
            after,
            wanted + 1 if not request.filters else _CHUNK,
            descending=request.sort_order == SortOrder.DESCENDING,
        )
        if not chunk:
            return found, None
        for secret in chunk:
            if accepts(secret):
                if len(found) == wanted:
                    return found, after
                found.append(secret)
            after = position_of(secret, order)
        examined += len(chunk)
    return found, after


def _predicate(request: ListSecretsRequest) -> Callable[[Secret], bool]:
    matches = filtering.compile_filters([filtering.require_valid(f.key, f.values) for f in request.filters or ()])
    if request.include_planned_deletion:
        return matches
    return lambda secret: not deletion.is_scheduled(secret) and matches(secret)


def _binding(call: Call, request: ListSecretsRequest) -> tuple[str, ...]:
    parameters = (
        bool(request.include_planned_deletion),
        [(entry.key, entry.values) for entry in request.filters or ()],
        request.sort_by or SortBy.CREATED_DATE,
        request.sort_order or SortOrder.ASCENDING,
    )
    digest = sha256(msgspec.json.encode(parameters)).hexdigest()
    return "ListSecrets", call.account_id, call.region, digest


def _entry(secret: Secret, stages: dict[str, str]) -> SecretListEntry:
    return SecretListEntry(secret_versions_to_stages=by_version(stages) or None, **description_of(secret))


OPERATION = Operation(
    name="ListSecrets",
    request=ListSecretsRequest,
    response=ListSecretsResponse,
    names_secret=None,
    secret_state=SecretState.NONE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=validate,
    handler=list_secrets,
    shown_request=("include_planned_deletion", "max_results", "filters", "sort_order", "sort_by"),
    shown_response=(),
    errors=(
        InvalidParameterException,
        InvalidRequestException,
        InvalidNextTokenException,
        InternalServiceError,
    ),
)

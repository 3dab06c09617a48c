"""ListSecrets: the secrets of an account and region, filtered, sorted, page by page.

A page may be short, or empty, and still have a successor: only the absence of NextToken ends a listing
(documented). One call looks at a bounded number of secrets, so that a filter that finds little among very
many cannot hold up other callers (docs/adr/0008, 0031). The ways to a page are in `operations.ways`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from strongroom.domain import deletion, filtering
from strongroom.domain.listing import Listing, ListingPosition, SortBy, position_of
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
from strongroom.operations.ways import Ways

DEFAULT_PAGE: Final = 100
MAX_EXAMINED: Final = 2_000
"""Secrets one call looks at before it answers with what it has."""


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
    listing = Listing(
        call.account_id,
        call.region,
        SortBy(request.sort_by or SortBy.CREATED_DATE),
        descending=request.sort_order == SortOrder.DESCENDING,
        include_scheduled=bool(request.include_planned_deletion),
    )
    binding = _binding(call, request)
    after = None
    if request.next_token is not None:
        value, name = call.page_tokens.open(request.next_token, tuple[str | int, str], *binding)
        after = ListingPosition(value, name)
    found, end = _collect(call, request, listing, after)
    stages = call.tx.stages_of_many(found)
    return ListSecretsResponse(
        secret_list=[_entry(secret, stages[secret.arn]) for secret in found],
        next_token=None if end is None else call.page_tokens.seal((end.value, end.name), *binding),
    )


def _collect(
    call: Call, request: ListSecretsRequest, listing: Listing, after: ListingPosition | None
) -> tuple[list[Secret], ListingPosition | None]:
    """Return a page and the place it ends at, None at the end of the listing."""
    wanted = request.max_results or DEFAULT_PAGE
    filters = [filtering.require_valid(each.key, each.values) for each in request.filters or ()]
    accepts = _predicate(request, filters)
    ways = Ways(call.tx.listings, listing, filters)
    found: list[Secret] = []
    while ways.examined < MAX_EXAMINED:
        missing = wanted + 1 - len(found)
        way = ways.best(missing)
        stretch = way.follow(after, way.enough(missing))
        for secret in stretch.secrets:
            if accepts(secret):
                if len(found) == wanted:
                    return found, after
                found.append(secret)
                way.found += 1
            after = position_of(secret, listing.sort_by)
        if stretch.end is None:
            return found, None
        after = stretch.end
    return found, after


def _predicate(request: ListSecretsRequest, filters: Sequence[filtering.Filter]) -> Callable[[Secret], bool]:
    matches = filtering.compile_filters(filters)
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
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=list_secrets,
    shown_request=("include_planned_deletion", "max_results", "filters", "sort_order", "sort_by"),
    shown_response=(),
    errors=(
        InvalidParameterException,
        InvalidRequestException,
        InvalidNextTokenException,
        InternalServiceError,
    ),
    tells_access_dates=True,
)

"""ListSecrets: the secrets of an account and region, filtered, sorted, page by page.

A page may be short, or empty, and still have a successor: only the absence of NextToken ends a listing
(documented). One call looks at a bounded number of secrets, so that a filter that finds little among very
many cannot hold up other callers (docs/adr/0008):

- Filters that the index narrows to few candidates: those are put in order, and nothing else is looked at.
- All others: the order is walked until the page is full. A walk that finds little asks the index again,
  for thousands; with more than that it goes on until enough was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from strongroom.domain import deletion, filtering
from strongroom.domain.listing import ListingPosition, SortBy, position_of
from strongroom.domain.narrowing import name_prefix, narrowings
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
MAX_EXAMINED: Final = 2_000
"""Secrets one call looks at before it answers with what it has."""

FEW_CANDIDATES: Final = 500
"""Candidates from the index that are put in order at once, before the order is walked."""

MAX_CANDIDATES: Final = 3_000
"""Candidates that are put in order for each page where a walk does not find enough of them."""

_WALK_FIRST: Final = 500
"""Secrets that a walk looks at before it asks for more than few candidates."""

MAX_NARROWINGS: Final = 4
"""Narrowings one call tries, those first that are likely to let the fewest through."""

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
    filters = [filtering.require_valid(each.key, each.values) for each in request.filters or ()]
    accepts = _predicate(request, filters)
    read_on = partial(
        call.tx.list_secrets,
        call.account_id,
        call.region,
        order,
        descending=request.sort_order == SortOrder.DESCENDING,
        include_scheduled=bool(request.include_planned_deletion),
        name_prefix=name_prefix(filters),
    )
    tolerated = FEW_CANDIDATES
    among = _candidates(call, filters, tolerated)
    found: list[Secret] = []
    examined, limit = 0, min(wanted + 1, _CHUNK)
    while examined < MAX_EXAMINED:
        if among is None and tolerated < MAX_CANDIDATES and examined >= _WALK_FIRST:
            tolerated = MAX_CANDIDATES
            among = _candidates(call, filters, tolerated)
        chunk = read_on(after=after, limit=limit, among=among)
        for secret in chunk:
            if accepts(secret):
                if len(found) == wanted:
                    return found, after
                found.append(secret)
            after = position_of(secret, order)
        if len(chunk) < limit:
            return found, None
        examined += limit
        limit = _enough(wanted + 1 - len(found), len(found), examined)
    return found, after


def _enough(missing: int, found: int, examined: int) -> int:
    """Return how many to look at next: what is missing should be among them if matches stay as frequent."""
    return min(missing * examined // max(found, 1) + missing // 4 + 1, _CHUNK)


def _candidates(call: Call, filters: Sequence[filtering.Filter], limit: int) -> list[str] | None:
    """Return the names of all secrets that can match, where the index knows of few; otherwise None."""
    for narrowing in narrowings(filters)[:MAX_NARROWINGS]:
        names = call.tx.find_names(call.account_id, call.region, narrowing, limit)
        if names is not None:
            return names
    return None


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

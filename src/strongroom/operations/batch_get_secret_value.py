"""BatchGetSecretValue: the current values of up to twenty secrets, by id or by filter.

Each secret goes through GetSecretValue's own checks and has a record of its own on the trail; one that
cannot be read becomes an entry in Errors and never fails the call.
"""

from __future__ import annotations

from typing import Annotated, Final, cast

from strongroom.domain import filtering
from strongroom.errors import (
    DecryptionFailure,
    InternalServiceError,
    InvalidNextTokenException,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
    ServiceError,
)
from strongroom.operations import get_secret_value, list_secrets
from strongroom.operations.base import OnReplica, Operation, Request, Response, SecretState, Shape, limits
from strongroom.operations.call import Call
from strongroom.operations.get_secret_value import GetSecretValueResponse
from strongroom.operations.shapes import Filter, NextToken, SecretId

MAX_PAGE: Final = 20


class BatchGetSecretValueRequest(Request, kw_only=True):
    secret_id_list: Annotated[list[SecretId], limits(1, MAX_PAGE)] | None = None
    filters: Annotated[list[Filter], limits(None, 10)] | None = None
    max_results: Annotated[int, limits(1, MAX_PAGE)] | None = None
    next_token: NextToken | None = None


class ApiError(Shape, kw_only=True):
    secret_id: str | None = None
    error_code: str | None = None
    message: str | None = None


class BatchGetSecretValueResponse(Response, kw_only=True):
    secret_values: list[GetSecretValueResponse] | None = None
    next_token: str | None = None
    errors: list[ApiError] | None = None


def validate(request: BatchGetSecretValueRequest) -> None:
    for entry in request.filters or ():
        filtering.require_valid(entry.key, entry.values)
    if (request.secret_id_list is None) == (not request.filters):
        raise InvalidParameterException("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    for name, value in (("MaxResults", request.max_results), ("NextToken", request.next_token)):
        if value is not None and not request.filters:
            raise InvalidParameterException(
                f"'Filters' not specified. 'Filters' must also be specified when '{name}' is provided."
            )


def batch_get_secret_value(call: Call, request: BatchGetSecretValueRequest) -> BatchGetSecretValueResponse:
    secret_ids, next_token = request.secret_id_list, None
    if secret_ids is None:
        listed = call.perform(
            list_secrets.OPERATION,
            list_secrets.ListSecretsRequest(
                filters=request.filters, max_results=request.max_results or MAX_PAGE, next_token=request.next_token
            ),
        )
        secret_ids, next_token = [entry.arn for entry in listed.secret_list], listed.next_token
    entries = [_read(call, secret_id) for secret_id in secret_ids]
    return BatchGetSecretValueResponse(
        secret_values=[entry for entry in entries if isinstance(entry, GetSecretValueResponse)],
        errors=[entry for entry in entries if isinstance(entry, ApiError)],
        next_token=next_token,
    )


def _read(call: Call, secret_id: str) -> GetSecretValueResponse | ApiError:
    try:
        found = call.perform(get_secret_value.OPERATION, get_secret_value.GetSecretValueRequest(secret_id=secret_id))
    except ServiceError as error:
        return ApiError(secret_id=secret_id, error_code=error.code, message=error.message)
    return cast(GetSecretValueResponse, found)


OPERATION = Operation(
    name="BatchGetSecretValue",
    request=BatchGetSecretValueRequest,
    response=BatchGetSecretValueResponse,
    names_secret=None,
    secret_state=SecretState.NONE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=validate,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=batch_get_secret_value,
    shown_request=("secret_id_list", "filters", "max_results"),
    shown_response=(),
    errors=(
        ResourceNotFoundException,
        InvalidParameterException,
        InvalidRequestException,
        DecryptionFailure,
        InternalServiceError,
        InvalidNextTokenException,
    ),
    reads_secrets=lambda request: request.secret_id_list,
)

"""UntagResource: removes tags by key; keys the secret does not have are ignored. The answer is empty."""

from __future__ import annotations

from typing import Annotated

from msgspec.structs import replace

from strongroom.domain import tags
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId


class UntagResourceRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    tag_keys: list[Annotated[str, limits(1, 128)]] = REQUIRED


def validate(request: UntagResourceRequest) -> None:
    tags.remove(None, request.tag_keys)


def untag_resource(call: Call, request: UntagResourceRequest) -> None:
    call.save(replace(call.secret, tags=tags.remove(call.secret.tags, request.tag_keys)))


OPERATION = Operation(
    name="UntagResource",
    request=UntagResourceRequest,
    response=None,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=validate,
    condition_keys=("aws:TagKeys",),
    further_actions=None,
    creates=False,
    handler=untag_resource,
    shown_request=("secret_id", "tag_keys"),
    shown_response=(),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)

"""TagResource: adds tags to a secret; a key it already has takes the new value. The answer is empty."""

from __future__ import annotations

from msgspec.structs import replace

from strongroom.domain import tags
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId, Tag, domain_tags


class TagResourceRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    tags: list[Tag] = REQUIRED


def validate(request: TagResourceRequest) -> None:
    tags.require_well_formed(domain_tags(request.tags))


def tag_resource(call: Call, request: TagResourceRequest) -> None:
    most = call.quotas.tags_per_secret
    call.save(replace(call.secret, tags=tags.merge(call.secret.tags, domain_tags(request.tags), most=most)))


OPERATION = Operation(
    name="TagResource",
    request=TagResourceRequest,
    response=None,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=validate,
    condition_keys=("aws:RequestTag", "aws:TagKeys"),
    further_actions=None,
    creates=False,
    handler=tag_resource,
    shown_request=("secret_id", "tags"),
    shown_response=(),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)

"""GetRandomPassword: a password drawn from the operating system's generator. Nothing is stored."""

from __future__ import annotations

from typing import Annotated

from strongroom.domain import passwords
from strongroom.errors import InternalServiceError, InvalidParameterException, InvalidRequestException
from strongroom.operations.base import OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call


class GetRandomPasswordRequest(Request, kw_only=True):
    password_length: Annotated[int, limits(passwords.MIN_LENGTH, passwords.MAX_LENGTH)] | None = None
    exclude_characters: Annotated[str, limits(0, 4_096)] | None = None
    exclude_numbers: bool | None = None
    exclude_punctuation: bool | None = None
    exclude_uppercase: bool | None = None
    exclude_lowercase: bool | None = None
    include_space: bool | None = None
    require_each_included_type: bool | None = None


class GetRandomPasswordResponse(Response, kw_only=True):
    random_password: str | None = None


def get_random_password(call: Call, request: GetRandomPasswordRequest) -> GetRandomPasswordResponse:
    each = request.require_each_included_type
    return GetRandomPasswordResponse(
        random_password=passwords.compose(
            call.entropy,
            length=request.password_length,
            exclude_characters=request.exclude_characters or "",
            exclude_numbers=bool(request.exclude_numbers),
            exclude_punctuation=bool(request.exclude_punctuation),
            exclude_uppercase=bool(request.exclude_uppercase),
            exclude_lowercase=bool(request.exclude_lowercase),
            include_space=bool(request.include_space),
            require_each_included_type=True if each is None else each,
        )
    )


OPERATION = Operation(
    name="GetRandomPassword",
    request=GetRandomPasswordRequest,
    response=GetRandomPasswordResponse,
    names_secret=None,
    secret_state=SecretState.NONE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=get_random_password,
    shown_request=(
        "password_length",
        "exclude_numbers",
        "exclude_punctuation",
        "exclude_uppercase",
        "exclude_lowercase",
        "include_space",
        "require_each_included_type",
    ),
    shown_response=(),
    errors=(InvalidParameterException, InvalidRequestException, InternalServiceError),
)

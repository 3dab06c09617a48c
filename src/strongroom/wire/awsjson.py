"""AWS JSON 1.1: bytes to a typed request, a typed response to bytes.

Rules (dossier sections 1.1 and 1.2): the operation is in X-Amz-Target, prefix `secretsmanager.`; an absent
body is `{}`; unknown members are ignored; a null member is an absent one; a wrong JSON type or text that is
not JSON is SerializationException; an operation without output answers an empty body, not `{}`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from strongroom.errors import SerializationException, UnknownOperationException
from strongroom.operations import OPERATIONS
from strongroom.operations.base import Operation, Request, Response

TARGET_PREFIX: Final = "secretsmanager."
MAX_DEPTH: Final = 64
"""Deepest nesting of a body that is read at all."""

_MEDIA_TYPES: Final = frozenset({b"application/x-amz-json-1.1", b"application/x-amz-json-1.0", b"application/json"})
_NAMES: Final = {(TARGET_PREFIX + name).encode(): name for name in OPERATIONS}
"""Names of operations by the targets that mean them."""

_encode: Final = msgspec.json.Encoder().encode

RequestT = TypeVar("RequestT", bound=Request)


def is_json_request(content_type: bytes | None) -> bool:
    """Tell whether a content type, parameters aside, is one this protocol is spoken in."""
    if content_type is None or content_type in _MEDIA_TYPES:
        return True
    return content_type.split(b";", 1)[0].strip().lower() in _MEDIA_TYPES


def operation_of(target: bytes | None) -> Operation[Any]:
    """Return the operation a target names.

    Raises:
        UnknownOperationException: none, another service's, or one that is not built.
    """
    operation = OPERATIONS.get(_NAMES.get(target or b"", ""))
    if operation is None:
        raise UnknownOperationException
    return operation


def decode(body: bytes, request_type: type[RequestT]) -> RequestT:
    """Return the request in a body.

    Raises:
        SerializationException: not JSON, not UTF-8, too deep, or a member of the wrong type.
    """
    body = body or b"{}"
    decoder = _decoder(request_type)
    try:
        request: RequestT = decoder.decode(body)
    except msgspec.ValidationError:
        request = _decode_without_nulls(body, decoder)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _not_json() from None
    return request


def encode(response: Response | None) -> bytes:
    return b"" if response is None else _encode(response)


@cache
def _decoder(request_type: type[RequestT]) -> msgspec.json.Decoder[RequestT]:
    return msgspec.json.Decoder(request_type)


def _decode_without_nulls(body: bytes, decoder: msgspec.json.Decoder[RequestT]) -> RequestT:
    try:
        return decoder.decode(_encode(_without_nulls(msgspec.json.decode(body), MAX_DEPTH)))
    except msgspec.ValidationError as error:
        raise SerializationException(str(error)) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _not_json() from None


def _not_json() -> SerializationException:
    return SerializationException("The request body is not valid JSON.")


def _without_nulls(value: Any, depth: int) -> Any:
    if depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {name: _without_nulls(member, depth - 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(item, depth - 1) for item in value]
    return value

"""Errors as clients see them: status, code and text. The only place that turns exceptions into bytes.

In AWS JSON the code is `__type`; modelled errors carry `Message`, all others `message`. A text that AWS does
not send is left out.

The query protocol (STS, IAM) has names and statuses of its own for what any service may answer (dossier
section 1.3; InvalidAction and MalformedInput are recorded, of SES, which speaks the protocol as well). Texts
are the same. The errors of the service models keep their code and status. Type tells whose fault it was.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from strongroom.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    IncompleteSignatureException,
    InternalServiceError,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    SerializationException,
    ServiceError,
    ServiceUnavailableException,
    ThrottlingException,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationException,
)
from strongroom.wire.xml_text import element

_SERVER_ERROR: Final = 500


def outcome_of(error: ServiceError) -> str:
    """Return how metrics and traces call an error: refused, or failed if the server is to blame."""
    return "failed" if error.status >= _SERVER_ERROR else "refused"


class QueryFault(NamedTuple):
    """An error as the query protocol names it."""

    code: str
    status: int


_QUERY_FAULTS: Final[dict[type[ServiceError], QueryFault]] = {
    AccessDeniedException: QueryFault("AccessDenied", 403),
    ExpiredTokenException: QueryFault("ExpiredToken", 403),
    IncompleteSignatureException: QueryFault("IncompleteSignature", 400),
    InternalServiceError: QueryFault("InternalFailure", 500),
    InvalidSignatureException: QueryFault("SignatureDoesNotMatch", 403),
    MissingAuthenticationTokenException: QueryFault("MissingAuthenticationToken", 403),
    SerializationException: QueryFault("MalformedInput", 400),
    ServiceUnavailableException: QueryFault("ServiceUnavailable", 503),
    ThrottlingException: QueryFault("Throttling", 400),
    UnknownOperationException: QueryFault("InvalidAction", 400),
    UnrecognizedClientException: QueryFault("InvalidClientTokenId", 403),
    ValidationException: QueryFault("ValidationError", 400),
}


def body_of(error: ServiceError) -> bytes:
    """Return an error in AWS JSON."""
    body = {"__type": error.code}
    if error.message is not None:
        body["Message" if error.modelled else "message"] = error.message
    return msgspec.json.encode(body)


def query_fault_of(error: ServiceError) -> QueryFault:
    """Return an error's code and status in the query protocol."""
    return _QUERY_FAULTS.get(type(error)) or QueryFault(error.code, error.status)


def query_body_of(error: ServiceError, request_id: str, xmlns: str) -> bytes:
    """Return an error in the query protocol; `xmlns` is its service's."""
    fault = query_fault_of(error)
    body = element("Type", "Receiver" if fault.status >= _SERVER_ERROR else "Sender") + element("Code", fault.code)
    if error.message is not None:
        body += element("Message", error.message)
    answer = f'<ErrorResponse xmlns="{xmlns}"><Error>{body}</Error>{element("RequestId", request_id)}</ErrorResponse>'
    return answer.encode()

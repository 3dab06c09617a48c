"""Requests to the companion services that speak the query protocol: forms in, XML out, on the port and path of
Secrets Manager.

Rules:
- A form posted to `/`, or a query string fetched from it, names an action and a version; the version says
  which service is meant, and the signature must be scoped to that service (dossier section 1).
- Only GetCallerIdentity may be fetched, since a presigned address is a proof of identity for third parties
  and nothing else (recorded use).
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.audit.record import Origin
from strongroom.companions import OPERATIONS
from strongroom.companions.base import STS, CompanionOperation
from strongroom.errors import ServiceError
from strongroom.operations.base import Request, Response
from strongroom.wire import awsquery, faults
from strongroom.wire.companion_core import CompanionCore, Progress
from strongroom.wire.exchange import Answer, HttpRequest, Outcome

_FETCHABLE: Final = ("sts", "GetCallerIdentity")


class QueryCore:
    """Answers requests of the query protocol."""

    def __init__(self, core: CompanionCore) -> None:
        self._core = core

    def begin(self, request: HttpRequest, origin: Origin) -> Outcome | None:
        """Answer now, or say what to wait for; None for what is not of this protocol. Raises nothing."""
        if request.raw_path != b"/":
            return None
        content_type = next((value for name, value in request.headers if name == b"content-type"), None)
        is_form = request.method == "POST" and awsquery.is_form_request(content_type)
        if not is_form and not (request.method == "GET" and request.query_string):
            return None
        progress = Progress(origin, XmlSpeech(origin), STS)
        return self._core.begin(progress, lambda: self._read(request, progress))

    def _read(self, request: HttpRequest, progress: Progress) -> Request:
        """Return what is asked. Raises the ServiceError that is the answer."""
        is_fetched = request.method == "GET"
        parameters = awsquery.parse_form(
            request.query_string if is_fetched else request.body, is_query_string=is_fetched
        )
        progress.name, version = awsquery.target_of(parameters)
        operation = OPERATIONS.get((version, progress.name))
        if operation is None or (is_fetched and (operation.service.name, operation.name) != _FETCHABLE):
            raise awsquery.unknown_operation(progress.name, version)
        progress.operation = operation
        progress.speech = XmlSpeech(progress.origin, operation)
        self._core.prove(request, progress)
        typed: Request = awsquery.decode(parameters, operation.request)
        return typed


class XmlSpeech:
    """Answers as STS and IAM write them; without an operation nobody knows which of them was meant."""

    def __init__(self, origin: Origin, operation: CompanionOperation[Any] | None = None) -> None:
        self._origin = origin
        self._operation = operation

    def answer(self, response: Response | None) -> Answer:
        if self._operation is None:
            raise LookupError("there is no answer to no operation")
        return self._of(200, awsquery.encode(self._operation, response, self._origin.request_id))

    def fault(self, error: ServiceError) -> Answer:
        xmlns = STS.xmlns if self._operation is None else self._operation.service.xmlns
        body = faults.query_body_of(error, self._origin.request_id, xmlns)
        return self._of(faults.query_fault_of(error).status, body)

    def _of(self, status: int, body: bytes) -> Answer:
        request_id = self._origin.request_id.encode()
        return Answer(status, [(b"x-amzn-RequestId", request_id), (b"Content-Type", awsquery.CONTENT_TYPE)], body)

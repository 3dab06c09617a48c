"""Requests to the companion services that speak AWS JSON 1.1, on the port and path of Secrets Manager.

The target of a request says which service and operation are meant. What is not in the table of targets is
not answered here; the signature must be scoped to the service that the table names.
"""

from __future__ import annotations

from typing import Final

from strongroom.audit.record import Origin
from strongroom.companions import TARGETS
from strongroom.errors import ServiceError, UnknownOperationException
from strongroom.operations.base import Request, Response
from strongroom.wire import awsjson, faults
from strongroom.wire.companion_core import CompanionCore, Progress
from strongroom.wire.exchange import Answer, HttpRequest, Outcome

CONTENT_TYPE: Final = b"application/x-amz-json-1.1"


class JsonCore:
    """Answers requests of AWS JSON 1.1 to companion services."""

    def __init__(self, core: CompanionCore) -> None:
        self._core = core

    def begin(self, request: HttpRequest, origin: Origin) -> Outcome | None:
        """Answer now, or say what to wait for; None for what is not of these services. Raises nothing."""
        if request.method != "POST" or request.raw_path != b"/":
            return None
        headers = dict(request.headers)
        prefix, _, name = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")
        service = TARGETS.get(prefix)
        if service is None or not awsjson.is_json_request(headers.get(b"content-type")):
            return None
        progress = Progress(origin, JsonSpeech(origin), service.model, name=name)
        return self._core.begin(progress, lambda: self._read(request, progress, prefix))

    def _read(self, request: HttpRequest, progress: Progress, prefix: str) -> Request:
        """Return what is asked. Raises the ServiceError that is the answer."""
        operation = TARGETS[prefix].operations.get(progress.name)
        if operation is None:
            raise UnknownOperationException
        progress.operation = operation
        self._core.prove(request, progress)
        typed: Request = awsjson.decode(request.body, operation.request)
        return typed


class JsonSpeech:
    """Answers as services of AWS JSON write them."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def answer(self, response: Response | None) -> Answer:
        return self._of(200, awsjson.encode(response))

    def fault(self, error: ServiceError) -> Answer:
        return self._of(error.status, faults.body_of(error))

    def _of(self, status: int, body: bytes) -> Answer:
        request_id = self._origin.request_id.encode()
        return Answer(status, [(b"x-amzn-RequestId", request_id), (b"Content-Type", CONTENT_TYPE)], body)

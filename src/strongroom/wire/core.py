"""The request core: a whole HTTP request as plain values in, a whole answer out.

It knows no web server and no event loop, so that the edge around it can be replaced. `begin` answers at
once where the database can; otherwise it returns `Pending`, whose future the edge waits for.

Order (dossier sections 1.3 and 2): path and protocol, target, signature, JSON, limits, then the door.
Whatever names an operation is on the audit trail, also when it is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from strongroom import ids
from strongroom.audit.record import Origin
from strongroom.authn.access_keys import StoredAccessKey
from strongroom.authn.sigv4 import SignedRequest, Verified, Verifier
from strongroom.errors import ServiceError
from strongroom.operations.base import Operation, Response
from strongroom.service import Caller, Service, WriteElsewhereError, internal_failure
from strongroom.wire import awsjson, constraints, faults, http_guard

SERVICE_NAME: Final = "secretsmanager"
CONTENT_TYPE: Final = b"application/x-amz-json-1.1"
NOT_FOUND_BODY: Final = b"<UnknownOperationException/>\n"

_HTTP_NOT_FOUND: Final = 404
_CLAIMED_KEY: Final = re.compile(rb"Credential=([A-Za-z0-9]{16,128})/")
_OPERATION_NAME: Final = re.compile(r"[A-Za-z0-9]{1,64}")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came: header names in lower case, in order of arrival."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: Headers
    body: bytes
    source_ip: str
    http_version: str = "1.1"
    tls_version: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that waits for `future`; `finish` turns its outcome into the answer."""

    future: Future[Response | None]
    finish: Callable[[Future[Response | None]], Answer]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """This process may not write; the request must go, whole, to the one that does."""


class RequestCore:
    """Answers requests of the Secrets Manager endpoint."""

    def __init__(self, service: Service, verifier: Verifier, find_key: Callable[[str], StoredAccessKey | None]) -> None:
        self._service = service
        self._verifier = verifier
        self._find_key = find_key

    def respond(self, request: HttpRequest) -> Answer | Elsewhere:
        """Answer, waiting as long as it takes. For edges with a thread per request."""
        outcome = self.begin(request)
        return outcome.finish(outcome.future) if isinstance(outcome, Pending) else outcome

    def begin(self, request: HttpRequest) -> Answer | Pending | Elsewhere:
        """Answer now, or say what to wait for. Raises nothing."""
        named = dict(request.headers)
        origin = self._origin(request, named)
        try:
            http_guard.check(
                request.method,
                request.raw_path,
                request.query_string,
                request.headers,
                http_version=request.http_version,
            )
        except http_guard.HttpRefused as refusal:
            return Answer(refusal.status, _headers(origin), faults.body_of(refusal.error))
        if (
            request.method != "POST"
            or request.raw_path != b"/"
            or not awsjson.is_json_request(named.get(b"content-type"))
        ):
            return Answer(_HTTP_NOT_FOUND, _headers(origin, b"application/xml"), NOT_FOUND_BODY)
        return self._begin_operation(request, named, origin)

    def _begin_operation(
        self, request: HttpRequest, named: dict[bytes, bytes], origin: Origin
    ) -> Answer | Pending | Elsewhere:
        target = named[b"x-amz-target"].decode("latin-1") if b"x-amz-target" in named else None
        progress = _Progress(request, origin, target)
        try:
            progress.operation = operation = awsjson.operation_of(target)
            progress.verified = verified = self._verify(request)
            typed = awsjson.decode(request.body, operation.request)
            constraints.check(typed)
        except ServiceError as error:
            return self._refuse(progress, error)
        except Exception as error:  # noqa: BLE001 - the edge must answer whatever happened
            return self._refuse(progress, internal_failure(error))
        caller = Caller(verified.access_key.principal, verified.region, origin)
        try:
            outcome = self._service.begin(operation, typed, caller)
        except WriteElsewhereError:
            return Elsewhere()
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        if isinstance(outcome, Future):
            return Pending(outcome, lambda future: self._finish(progress, future))
        return self._succeeded(progress, outcome)

    def _verify(self, request: HttpRequest) -> Verified[StoredAccessKey]:
        signed = SignedRequest(request.method, request.raw_path, request.query_string, request.headers, request.body)
        return self._verifier.verify(signed, self._find_key, self._service.clock.now())

    def _finish(self, progress: _Progress, future: Future[Response | None]) -> Answer:
        try:
            response = future.result()
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        return self._succeeded(progress, response)

    def _succeeded(self, progress: _Progress, response: Response | None) -> Answer:
        self._count(progress, "Success")
        return Answer(200, _headers(progress.origin), awsjson.encode(response))

    def _failed(self, progress: _Progress, error: Exception) -> Answer:
        """Answer a call that the door refused, which it has recorded, or that broke, which is recorded here."""
        if isinstance(error, ServiceError):
            return self._fault(progress, error)
        return self._refuse(progress, internal_failure(error))

    def _refuse(self, progress: _Progress, error: ServiceError) -> Answer:
        """Record a refusal and answer it; if it cannot be recorded, that is the answer."""
        operation, verified = progress.operation, progress.verified
        try:
            self._service.record_refusal(
                name=progress.operation_name,
                region=None if verified is None else verified.region,
                principal=None if verified is None else verified.access_key.principal,
                claimed_key=progress.claimed_key,
                origin=progress.origin,
                read_only=operation is not None and not operation.mutates,
                error=error,
            )
        except Exception as failure:  # noqa: BLE001
            self._service.metrics.increment("audit_failures_total")
            error = internal_failure(failure)
        return self._fault(progress, error)

    def _fault(self, progress: _Progress, error: ServiceError) -> Answer:
        self._count(progress, error.code)
        return Answer(error.status, _headers(progress.origin), faults.body_of(error))

    def _count(self, progress: _Progress, code: str) -> None:
        operation = "Unknown" if progress.operation is None else progress.operation.name
        self._service.metrics.increment("requests_total", f'operation="{operation}",code="{code}"')

    def _origin(self, request: HttpRequest, named: dict[bytes, bytes]) -> Origin:
        agent, host = named.get(b"user-agent"), named.get(b"host")
        return Origin(
            request_id=ids.random_uuid(self._service.entropy),
            source_ip=request.source_ip,
            user_agent=None if agent is None else agent.decode("latin-1"),
            host=None if host is None else host.decode("latin-1"),
            tls_version=request.tls_version,
        )


@dataclass(slots=True)
class _Progress:
    """How far a request has come, for whoever must record or answer it."""

    request: HttpRequest
    origin: Origin
    target: str | None
    operation: Operation[Any] | None = None
    verified: Verified[StoredAccessKey] | None = None

    @property
    def operation_name(self) -> str:
        name = (self.target or "").removeprefix(awsjson.TARGET_PREFIX)
        return name if _OPERATION_NAME.fullmatch(name) else "Unknown"

    @property
    def claimed_key(self) -> str | None:
        """The access key id an unproven request claims; it is only ever recorded."""
        for name, value in self.request.headers:
            if name == b"authorization" and (match := _CLAIMED_KEY.search(value)):
                return match[1].decode()
        return None


def _headers(origin: Origin, content_type: bytes = CONTENT_TYPE) -> Headers:
    return [(b"x-amzn-RequestId", origin.request_id.encode()), (b"Content-Type", content_type)]

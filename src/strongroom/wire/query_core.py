"""Requests to the companion services: forms in, XML out, on the same port and path as Secrets Manager.

Rules:
- A form posted to `/`, or a query string fetched from it, names an action and a version; the version says
  which service is meant, and the signature must be scoped to that service (dossier section 1).
- Only GetCallerIdentity may be fetched, since a presigned address is a proof of identity for third parties
  and nothing else (recorded use).
- Calls that wait for an identity provider's keys wait on a thread and are performed again. Where reads may
  wait for the database the whole call runs on a thread.
- Everything that names an action is on the audit trail, also when it is refused here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol

import msgspec

from strongroom.audit.record import Origin
from strongroom.authn.callers import CallerKey
from strongroom.authn.failed_attempts import FailedAttempts, Prover
from strongroom.authn.sigv4 import Verified
from strongroom.authorization import Caller
from strongroom.companions import OPERATIONS
from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import KeysWantedError
from strongroom.companions.door import CompanionService
from strongroom.errors import AccessDeniedException, ExpiredIdentityToken, InvalidIdentityToken, ServiceError
from strongroom.operations.base import Request, Response
from strongroom.service import Service, WriteElsewhereError, internal_failure
from strongroom.wire import awsquery, constraints, faults
from strongroom.wire.exchange import Answer, Elsewhere, HttpRequest, Outcome, Pending, waited

_TOKENS: Final = "web identity tokens"
"""Stands for a key id where failures with tokens are counted."""

_FETCHABLE: Final = ("sts", "GetCallerIdentity")

_ACTION: Final = re.compile(r"[A-Za-z0-9]{1,64}")

FindCaller = Callable[[str, str | None], "CallerKey | None"]


class Speech(Protocol):
    """How an endpoint says what came of a call."""

    def answer(self, response: Response | None) -> Answer: ...
    def fault(self, error: ServiceError) -> Answer: ...


class QueryCore:
    """Answers requests of the query protocol.

    `provers` are one for each service, `fetchers` wait for identity providers.
    """

    def __init__(
        self,
        service: Service,
        door: CompanionService,
        provers: Mapping[str, Prover],
        find_caller: FindCaller,
        *,
        attempts: FailedAttempts | None,
        fetchers: Executor,
        threads: Executor | None = None,
    ) -> None:
        self._service = service
        self._door = door
        self._provers = provers
        self._find_caller = find_caller
        self._threads = threads
        self._attempts = attempts
        self._fetchers = fetchers

    def begin(self, request: HttpRequest, origin: Origin) -> Outcome | None:
        """Answer now, or say what to wait for; None for what is not of this protocol. Raises nothing."""
        if request.raw_path != b"/":
            return None
        content_type = next((value for name, value in request.headers if name == b"content-type"), None)
        is_form = request.method == "POST" and awsquery.is_form_request(content_type)
        if not is_form and not (request.method == "GET" and request.query_string):
            return None
        if self._threads is not None:
            return Pending(self._threads.submit(self._answer_waiting, request, origin), lambda future: future.result())
        return self._answer(request, origin)

    def begin_anonymous(
        self, operation: CompanionOperation[Any], typed: Request, origin: Origin, speech: Speech
    ) -> Outcome:
        """Perform a call that needs no signature, for an endpoint that speaks in its own way. Raises nothing."""
        progress = _Progress(origin, speech, operation, operation.name)
        try:
            self._require_patience(progress)
        except ServiceError as error:
            return self._refuse(progress, error)
        if self._threads is not None:
            perform = lambda: waited(self._perform(progress, typed, None))  # noqa: E731
            return Pending(self._threads.submit(perform), lambda future: future.result())
        return self._perform(progress, typed, None)

    def _answer_waiting(self, request: HttpRequest, origin: Origin) -> Answer | Elsewhere:
        return waited(self._answer(request, origin))

    def _answer(self, request: HttpRequest, origin: Origin) -> Outcome:
        progress = _Progress(origin, XmlSpeech(origin))
        try:
            typed, caller = self._understand(request, progress)
        except Exception as error:  # noqa: BLE001 - the edge must answer whatever happened
            return self._refuse(progress, error)
        return self._perform(progress, typed, caller)

    def _understand(self, request: HttpRequest, progress: _Progress) -> tuple[Request, Caller | None]:
        """Return what is asked, and by whom, if it has to be somebody.

        Raises:
            ServiceError: the answer.
        """
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
        self._require_patience(progress)
        if operation.access is not Access.ANONYMOUS:
            prover = self._provers[operation.service.name]
            now, source = self._service.clock.now(), progress.origin.source_ip
            progress.verified = prover.prove(request, self._find_caller, now, source=source)
        typed = awsquery.decode(parameters, operation.request)
        constraints.check(typed)
        verified = progress.verified
        if verified is None:
            return typed, None
        return typed, Caller(verified.access_key.principal, verified.region, progress.origin)

    def _perform(self, progress: _Progress, typed: Request, caller: Caller | None) -> Outcome:
        """Go through the door, or wait for what it needs first."""
        try:
            outcome = self._door.begin(progress.known_operation, typed, caller, progress.origin)
        except WriteElsewhereError:
            return Elsewhere()
        except KeysWantedError as wanted:
            if progress.has_waited:
                return self._refuse(progress, RuntimeError("keys that were fetched are not there"))
            progress.has_waited = True
            future = self._fetchers.submit(self._door.key_sets.load, wanted.provider, wanted.key_id)
            return Pending(future, lambda fetched: self._go_on(progress, typed, caller, fetched))
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        if isinstance(outcome, Future):
            return Pending(outcome, lambda future: self._finish(progress, future))
        return self._succeeded(progress, outcome)

    def _require_patience(self, progress: _Progress) -> None:
        """Have an address wait that came with worthless tokens too often, as one with wrong signatures."""
        if self._attempts is not None and progress.known_operation.access is Access.ANONYMOUS:
            self._attempts.require_patience(progress.origin.source_ip, _TOKENS, self._service.clock.now())

    def _go_on(self, progress: _Progress, typed: Request, caller: Caller | None, fetched: Future[Any]) -> Outcome:
        error = fetched.exception()
        return self._perform(progress, typed, caller) if error is None else self._refuse(progress, error)

    def _finish(self, progress: _Progress, future: Future[Response | None]) -> Answer:
        try:
            response = future.result()
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        return self._succeeded(progress, response)

    def _succeeded(self, progress: _Progress, response: Response | None) -> Answer:
        self._count(progress, "Success", "success")
        return progress.speech.answer(response)

    def _failed(self, progress: _Progress, error: BaseException) -> Answer:
        """Answer a call that the door refused, which it has recorded, or that broke, which is recorded here."""
        if not isinstance(error, ServiceError):
            return self._refuse(progress, error)
        is_worthless = isinstance(error, (AccessDeniedException, ExpiredIdentityToken, InvalidIdentityToken))
        if self._attempts is not None and is_worthless and progress.known_operation.access is Access.ANONYMOUS:
            source, now = progress.origin.source_ip, self._service.clock.now()
            self._attempts.note(source, _TOKENS, now, is_known=True)
        return self._fault(progress, error)

    def _refuse(self, progress: _Progress, failure: BaseException) -> Answer:
        """Record a refusal and answer it; if it cannot be recorded, that is the answer."""
        error = failure if isinstance(failure, ServiceError) else internal_failure(failure)
        operation, verified = progress.operation, progress.verified
        try:
            self._service.record_refusal(
                name=progress.name if _ACTION.fullmatch(progress.name) else "Unknown",
                source=STS.event_source if operation is None else operation.service.event_source,
                region=None if verified is None else verified.region,
                principal=None if verified is None else verified.access_key.principal,
                claimed_key=None,
                origin=progress.origin,
                read_only=operation is not None and not operation.mutates,
                error=error,
            )
        except Exception as unrecorded:  # noqa: BLE001
            self._service.metrics.increment("audit_failures_total")
            error = internal_failure(unrecorded)
        return self._fault(progress, error)

    def _fault(self, progress: _Progress, error: ServiceError) -> Answer:
        self._count(progress, error.code, faults.outcome_of(error))
        return progress.speech.fault(error)

    def _count(self, progress: _Progress, code: str, outcome: str) -> None:
        operation = "Unknown" if progress.operation is None else progress.operation.name
        self._service.answered(operation, code, outcome, progress.began)


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


class _Progress(msgspec.Struct):
    """How far a request has come, for whoever must record or answer it."""

    origin: Origin
    speech: Speech
    operation: CompanionOperation[Any] | None = None
    name: str = "Unknown"
    verified: Verified[CallerKey] | None = None
    has_waited: bool = False
    began: float = msgspec.field(default_factory=time.perf_counter)

    @property
    def known_operation(self) -> CompanionOperation[Any]:
        if self.operation is None:
            raise LookupError("the operation has not been read yet")
        return self.operation

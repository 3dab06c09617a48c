"""Calls of the companion services, whichever protocol they came in: who asks, the door, the answer, the record.

Rules:
- Calls that wait for an identity provider's keys wait on a thread and are performed again. Where reads may
  wait for the database the whole call runs on a thread.
- Everything that names an operation is on the audit trail, also when it is refused here.
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
from strongroom.companions.base import Access, CompanionOperation, ServiceModel
from strongroom.companions.call import KeysWantedError
from strongroom.companions.door import CompanionService
from strongroom.errors import AccessDeniedException, ExpiredIdentityToken, InvalidIdentityToken, ServiceError
from strongroom.operations.base import Request, Response
from strongroom.service import Service, internal_failure
from strongroom.wire import constraints, faults
from strongroom.wire.exchange import Answer, HttpRequest, Outcome, Pending, waited

_TOKENS: Final = "web identity tokens"
"""Stands for a key id where failures with tokens are counted."""

_ACTION: Final = re.compile(r"[A-Za-z0-9]{1,64}")

FindCaller = Callable[[str, str | None], "CallerKey | None"]


class Speech(Protocol):
    """How an endpoint says what came of a call."""

    def answer(self, response: Response | None) -> Answer: ...
    def fault(self, error: ServiceError) -> Answer: ...


class Progress(msgspec.Struct):
    """How far a request has come, for whoever must record or answer it.

    `service` is the one that is meant as long as the operation is not known.
    """

    origin: Origin
    speech: Speech
    service: ServiceModel
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

    @property
    def event_source(self) -> str:
        return (self.service if self.operation is None else self.operation.service).event_source


class CompanionCore:
    """Performs calls of companion services.

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

    def begin(self, progress: Progress, read: Callable[[], Request]) -> Outcome:
        """Answer a call, or say what to wait for. Raises nothing.

        Args:
            progress: of the call.
            read: tells in the progress which operation is meant, proves the caller by `prove`, and returns
                the request; raises the ServiceError that is the answer.
        """
        if self._threads is not None:
            answer = lambda: waited(self._answer(progress, read))  # noqa: E731
            return Pending(self._threads.submit(answer), lambda future: future.result())
        return self._answer(progress, read)

    def prove(self, request: HttpRequest, progress: Progress) -> None:
        """Find out who calls, where the operation asks for it. Raises ServiceError if it is nobody."""
        operation = progress.known_operation
        self._require_patience(progress)
        if operation.access is not Access.ANONYMOUS:
            prover = self._provers[operation.service.name]
            now, source = self._service.clock.now(), progress.origin.source_ip
            progress.verified = prover.prove(request, self._find_caller, now, source=source)

    def begin_anonymous(
        self, operation: CompanionOperation[Any], typed: Request, origin: Origin, speech: Speech
    ) -> Outcome:
        """Perform a call that needs no signature, for an endpoint that speaks in its own way. Raises nothing."""
        progress = Progress(origin, speech, operation.service, operation, operation.name)
        try:
            self._require_patience(progress)
        except ServiceError as error:
            return self._refuse(progress, error)
        if self._threads is not None:
            perform = lambda: waited(self._perform(progress, typed, None))  # noqa: E731
            return Pending(self._threads.submit(perform), lambda future: future.result())
        return self._perform(progress, typed, None)

    def _answer(self, progress: Progress, read: Callable[[], Request]) -> Outcome:
        try:
            typed = read()
            constraints.check(typed)
        except Exception as error:  # noqa: BLE001 - the edge must answer whatever happened
            return self._refuse(progress, error)
        verified = progress.verified
        if verified is None:
            return self._perform(progress, typed, None)
        caller = Caller(verified.access_key.principal, verified.region, progress.origin)
        return self._perform(progress, typed, caller)

    def _perform(self, progress: Progress, typed: Request, caller: Caller | None) -> Outcome:
        """Go through the door, or wait for what it needs first."""
        try:
            outcome = self._door.begin(progress.known_operation, typed, caller, progress.origin)
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

    def _require_patience(self, progress: Progress) -> None:
        """Have an address wait that came with worthless tokens too often, as one with wrong signatures."""
        if self._attempts is not None and progress.known_operation.access is Access.ANONYMOUS:
            self._attempts.require_patience(progress.origin.source_ip, _TOKENS, self._service.clock.now())

    def _go_on(self, progress: Progress, typed: Request, caller: Caller | None, fetched: Future[Any]) -> Outcome:
        error = fetched.exception()
        return self._perform(progress, typed, caller) if error is None else self._refuse(progress, error)

    def _finish(self, progress: Progress, future: Future[Response | None]) -> Answer:
        try:
            response = future.result()
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        return self._succeeded(progress, response)

    def _succeeded(self, progress: Progress, response: Response | None) -> Answer:
        self._count(progress, "Success", "success")
        return progress.speech.answer(response)

    def _failed(self, progress: Progress, error: BaseException) -> Answer:
        """Answer a call that the door refused, which it has recorded, or that broke, which is recorded here."""
        if not isinstance(error, ServiceError):
            return self._refuse(progress, error)
        is_worthless = isinstance(error, (AccessDeniedException, ExpiredIdentityToken, InvalidIdentityToken))
        if self._attempts is not None and is_worthless and progress.known_operation.access is Access.ANONYMOUS:
            source, now = progress.origin.source_ip, self._service.clock.now()
            self._attempts.note(source, _TOKENS, now, is_known=True)
        return self._fault(progress, error)

    def _refuse(self, progress: Progress, failure: BaseException) -> Answer:
        """Record a refusal and answer it; if it cannot be recorded, that is the answer."""
        error = failure if isinstance(failure, ServiceError) else internal_failure(failure)
        operation, verified = progress.operation, progress.verified
        try:
            self._service.record_refusal(
                name=progress.name if _ACTION.fullmatch(progress.name) else "Unknown",
                source=progress.event_source,
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

    def _fault(self, progress: Progress, error: ServiceError) -> Answer:
        self._count(progress, error.code, faults.outcome_of(error))
        return progress.speech.fault(error)

    def _count(self, progress: Progress, code: str, outcome: str) -> None:
        operation = "Unknown" if progress.operation is None else progress.operation.name
        self._service.answered(operation, code, outcome, progress.began)

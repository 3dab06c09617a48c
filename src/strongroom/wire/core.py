"""The request core: a whole HTTP request as plain values in, a whole answer out.

It knows no web server and no event loop, so that the edge around it can be replaced. `begin` answers at
once where the database can; otherwise it returns `Pending`, whose future the edge waits for.

Where every question to the database costs a round trip, the questions of many requests are asked together
(`storage.Bringer`): first for the access key, then, of a caller that is proven, for the secret. A change
presumes that the key is as it was seen last, and has that confirmed by the round trip that brings what it reads.
Requests that read more than that run on a thread, where they may wait.

Order (dossier sections 1.3 and 2): path and protocol, target, signature, JSON, limits, then the door.
Whatever names an operation is on the audit trail, also when it is refused here.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import lru_cache, partial
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from strongroom.audit.record import Origin
from strongroom.authn.access_keys import StoredAccessKey
from strongroom.authn.callers import CallerKey
from strongroom.authn.failed_attempts import Prover
from strongroom.authn.sigv4 import FindKey, Verified
from strongroom.errors import ServiceError, UnknownOperationException
from strongroom.operations.base import Operation, Request, Response
from strongroom.service import (
    Bringer,
    Caller,
    Given,
    NotBroughtError,
    Recalled,
    Service,
    internal_failure,
)
from strongroom.wire import awsjson, constraints, faults, http_guard
from strongroom.wire.exchange import Answer, Headers, HttpRequest, Outcome, Pending, Unrecorded, waited
from strongroom.wire.origins import Origins

SERVICE_NAME: Final = "secretsmanager"
CONTENT_TYPE: Final = b"application/x-amz-json-1.1"
NOT_FOUND_BODY: Final = b"<UnknownOperationException/>\n"

BODIES_KEPT: Final = 1_024
MAX_BODY_KEPT: Final = 512
"""What was read of bodies of so many bytes at most is kept."""

_HTTP_NOT_FOUND: Final = 404
_CLAIMED_KEY: Final = re.compile(rb"Credential=([A-Za-z0-9]{16,128})/")
_OPERATION_NAME: Final = re.compile(r"[A-Za-z0-9]{1,64}")


class FindCaller(Protocol):
    """Finds the credentials of a key id and a session token, in what was brought if anything was."""

    def __call__(self, access_key_id: str, token: str | None, given: Given | None = None) -> CallerKey | None: ...


Companions: TypeAlias = Callable[[HttpRequest, Origin], Outcome | None]
"""Answers what is meant for another service on this port; None for what is not."""


class RequestCore:
    """Answers requests of the Secrets Manager endpoint. `threads` are needed where reads may wait."""

    def __init__(
        self,
        service: Service,
        prover: Prover,
        find_caller: FindCaller,
        *,
        origins: Origins,
        companions: Companions | None = None,
        threads: Executor | None = None,
        seen_key: Callable[[str], StoredAccessKey | None] = lambda _: None,
    ) -> None:
        self._service = service
        self._prover = prover
        self._find_caller = find_caller
        self._origins = origins
        self._companions = companions
        self._threads = threads
        self._seen_key = seen_key

    def respond(self, request: HttpRequest) -> Answer:
        """Answer, waiting as long as it takes."""
        return waited(self._admit(request, self._perform_whole))

    def begin(self, request: HttpRequest) -> Outcome:
        """Answer now, or say what to wait for. Raises nothing."""
        return self._admit(request, self._perform_whole if self._threads is None else self._ask_for_key)

    def _admit(self, request: HttpRequest, proceed: Callable[[_Progress], Outcome]) -> Outcome:
        """Refuse what is no call of an operation; go on with what is."""
        named = dict(request.headers)
        origin = self._origins.of(request, named)
        try:
            is_plain = http_guard.check(
                request.method,
                request.raw_path,
                request.query_string,
                request.headers,
                request.http_version,
                named,
            )
        except http_guard.HttpRefused as refusal:
            return Answer(refusal.status, _headers(origin), faults.body_of(refusal.error))
        target = named.get(b"x-amz-target")
        if (
            request.method != "POST"
            or request.raw_path != b"/"
            or not awsjson.is_json_request(named.get(b"content-type"))
        ):
            outcome = None if self._companions is None or target is not None else self._companions(request, origin)
            return outcome or Answer(_HTTP_NOT_FOUND, _headers(origin, b"application/xml"), NOT_FOUND_BODY)
        progress = _Progress(request, named if is_plain else None, origin, target)
        try:
            progress.operation = operation = awsjson.operation_of(target)
            unsettled = self._service.unsettled(operation) if operation.tells_access_dates else None
            return proceed(progress) if unsettled is None else self._proceed_after(unsettled, progress, proceed)
        except UnknownOperationException as error:
            outcome = None if self._companions is None else self._companions(request, origin)
            return outcome or self._failed_early(progress, error)
        except Exception as error:  # noqa: BLE001 - the edge must answer whatever happened
            return self._failed_early(progress, error)

    def _proceed_after(
        self, unsettled: Future[None], progress: _Progress, proceed: Callable[[_Progress], Outcome]
    ) -> Pending:
        return Pending(unsettled, lambda _: self._continue(progress, lambda: proceed(progress)))

    def _perform_whole(self, progress: _Progress) -> Outcome:
        """Perform a call in one go."""
        return self._perform(progress, *self._understand(progress, None), None)

    def _ask_for_key(self, progress: _Progress) -> Outcome:
        """Begin a call that can be performed on what was brought; leave any other to a thread."""
        bringer, operation, claimed = self._service.storage.bringer, progress.operation, progress.claimed_key
        if bringer is None or operation is None or claimed is None:
            return self._on_thread(progress)
        is_session = any(name == b"x-amz-security-token" for name, _ in progress.request.headers)
        is_foreseen = operation.mutates or operation.reads_version is not None or operation.reads_secrets is not None
        if is_session or not is_foreseen:
            return self._on_thread(progress)
        presumed = self._presume(progress, bringer, claimed) if operation.mutates else None
        return presumed or self._look_up_key(progress, bringer, claimed)

    def _presume(self, progress: _Progress, bringer: Bringer, claimed: str) -> Outcome | None:
        """Begin a change for the key as it was seen last: how it is comes with what the change reads, and before that
        nothing is done. Return None for what has to be looked into with the key as it is.
        """
        key, request, now = self._seen_key(claimed), progress.request, self._service.clock.now()
        if key is None:
            return None
        source = progress.origin.source_ip
        verified = self._prover.presume(request, key, now, source=source, headers=progress.named)
        if verified is None:
            return None
        try:
            typed = _typed(request.body, progress.known_operation)
            caller = Caller(key.principal, verified.region, progress.origin)
            outcome = self._service.begin(progress.known_operation, typed, caller, presumed=key.row)
        except Exception:  # noqa: BLE001 - it is found again, and told to who is proven
            return None
        if not isinstance(outcome, Future):
            raise TypeError("a change was answered before its caller was proven")

        def finish(future: Future[Response | None]) -> Outcome:
            if isinstance(future.exception(), NotBroughtError):
                return self._look_up_key(progress, bringer, claimed)
            progress.verified = Verified(key, verified.region)
            return self._finish(progress, future)

        return Pending(outcome, finish)

    def _look_up_key(self, progress: _Progress, bringer: Bringer, claimed: str) -> Pending:
        return Pending(
            bringer.access_key(claimed),
            lambda future: self._continue(progress, lambda: self._ask_for_version(progress, bringer, future.result())),
        )

    def _ask_for_version(self, progress: _Progress, bringer: Bringer, key: Given) -> Outcome:
        typed, caller = self._understand(progress, key)
        operation = progress.known_operation
        if operation.mutates:
            return self._perform(progress, typed, caller, None)
        if operation.reads_secrets is None:  # else nothing is recalled
            with contextlib.suppress(NotBroughtError):
                return self._perform(progress, typed, caller, key)
        wanted = self._service.wanted(operation, typed, caller)
        if not wanted:
            raise NotBroughtError

        def proceed(future: Future[Given]) -> Outcome:
            brought = future.result()
            given = brought if caller.principal.is_root else bringer.together(key, brought)
            return self._perform(progress, typed, caller, given)

        return Pending(bringer.versions(wanted), lambda told: self._continue(progress, lambda: proceed(told)))

    def _continue(self, progress: _Progress, proceed: Callable[[], Outcome]) -> Outcome:
        try:
            return proceed()
        except NotBroughtError:
            return self._on_thread(progress)
        except Exception as error:  # noqa: BLE001
            return self._failed_early(progress, error)

    def _on_thread(self, progress: _Progress) -> Outcome:
        if self._threads is None:
            raise RuntimeError("a database that reads cannot ask inline needs threads")
        return Pending(self._threads.submit(self._respond_again, progress), lambda future: future.result())

    def _respond_again(self, progress: _Progress) -> Answer:
        return waited(self._continue(progress, lambda: self._perform_whole(progress)))

    def _understand(self, progress: _Progress, key: Given | None) -> tuple[Request, Caller]:
        """Return what is asked, and by whom; nothing is read of a body before its signature is proven.

        Raises:
            ServiceError: the answer.
        """
        request, origin = progress.request, progress.origin
        find: FindKey[CallerKey] = self._find_caller if key is None else partial(self._find_caller, given=key)
        verified: Verified[CallerKey] = self._prover.prove(
            request, find, self._service.clock.now(), source=origin.source_ip, headers=progress.named
        )
        progress.verified = verified
        typed = _typed(request.body, progress.known_operation)
        return typed, Caller(verified.access_key.principal, verified.region, origin)

    def _perform(self, progress: _Progress, typed: Request, caller: Caller, given: Given | None) -> Outcome:
        """Go through the door."""
        try:
            is_admitted, progress.is_admitted = progress.is_admitted, True
            outcome = self._service.begin(progress.known_operation, typed, caller, given, is_admitted=is_admitted)
        except NotBroughtError:
            raise
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        if isinstance(outcome, Recalled):
            finish = partial(self._finish_recalled, progress, outcome.response)
            return Unrecorded(outcome.record, self._service.write_records, finish)
        return self._wait(progress, outcome) if isinstance(outcome, Future) else self._succeeded(progress, outcome)

    def _wait(self, progress: _Progress, awaited: Future[Response | None]) -> Pending:
        return Pending(awaited, lambda future: self._finish(progress, future))

    def _failed_early(self, progress: _Progress, error: Exception) -> Answer:
        """Record and answer what never reached the door."""
        return self._refuse(progress, error if isinstance(error, ServiceError) else internal_failure(error))

    def _finish(self, progress: _Progress, future: Future[Response | None]) -> Answer:
        try:
            response = future.result()
        except Exception as error:  # noqa: BLE001
            return self._failed(progress, error)
        return self._succeeded(progress, response)

    def _finish_recalled(self, progress: _Progress, response: Response, error: Exception | None) -> Answer:
        """Answer a call whose record is on the trail now, or could not be put there because of an error."""
        try:
            if error is None:
                return self._succeeded(progress, response)
        except Exception as failure:  # noqa: BLE001
            error = failure
        return self._failed(progress, error)

    def _succeeded(self, progress: _Progress, response: Response | None) -> Answer:
        self._count(progress, "Success", "success")
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
        self._count(progress, error.code, faults.outcome_of(error))
        return Answer(error.status, _headers(progress.origin), faults.body_of(error))

    def _count(self, progress: _Progress, code: str, outcome: str) -> None:
        operation = "Unknown" if progress.operation is None else progress.operation.name
        self._service.answered(operation, code, outcome, progress.began)


class _Progress(msgspec.Struct):
    """How far a request has come, for whoever must record or answer it."""

    request: HttpRequest
    named: Mapping[bytes, bytes] | None
    """The headers by name, where they leave out nothing and all is ASCII."""

    origin: Origin
    target: bytes | None
    operation: Operation[Any] | None = None
    verified: Verified[CallerKey] | None = None
    is_admitted: bool = False
    began: float = msgspec.field(default_factory=time.perf_counter)

    @property
    def known_operation(self) -> Operation[Any]:
        if self.operation is None:
            raise LookupError("the operation has not been read yet")
        return self.operation

    @property
    def operation_name(self) -> str:
        name = (self.target or b"").decode("latin-1").removeprefix(awsjson.TARGET_PREFIX)
        return name if _OPERATION_NAME.fullmatch(name) else "Unknown"

    @property
    def claimed_key(self) -> str | None:
        """The access key id an unproven request claims; it is only ever recorded."""
        for name, value in self.request.headers:
            if name == b"authorization" and (match := _CLAIMED_KEY.search(value)):
                return match[1].decode()
        return None


def _typed(body: bytes, operation: Operation[Any]) -> Request:
    """Return the request in a body, within its limits. Raises SerializationException, ValidationException."""
    request_type: type[Request] = operation.request
    if operation.reads_version is None or operation.mutates or len(body) > MAX_BODY_KEPT:
        return _typed_anew(body, request_type)
    return _typed_read(body, request_type)


def _typed_anew(body: bytes, request_type: type[Request]) -> Request:
    typed = awsjson.decode(body, request_type)
    constraints.check(typed)
    return typed


_typed_read: Final = lru_cache(maxsize=BODIES_KEPT)(_typed_anew)
"""For reads of one secret: they ask again and again in the same bytes, which hold no value. Nobody changes them."""


def _headers(origin: Origin, content_type: bytes = CONTENT_TYPE) -> Headers:
    return [(b"x-amzn-RequestId", origin.request_id.encode()), (b"Content-Type", content_type)]

"""The door: every call of an operation, from whatever edge, goes through here and in this order.

 1. one `now`, one event id; a transaction is opened
 2. the name of the secret is checked, then what the operation checks of its request alone
 3. authorization, before anything is said about existence
 4. the secret is looked up; the state that the operation declares is required of it
 5. the handler
 6. the audit record, of success or failure; without it there is no answer and no change. Who is given an answer that
    was recalled is given its record with it, to be put on the trail before the answer leaves (`Recalled`)
 7. commit

A reading call that turns out to write (one that is refused and thereby postpones a purge) is run again as a writing
one; what a refusal changed is committed before the refusal is the answer. That a version was read today is written
down behind the answer (`access_dates`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from strongroom import ids
from strongroom.access_dates import AccessDates
from strongroom.attempt import Attempt, Recalled, Refusal, Surroundings, identity_of
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.authorization import Caller
from strongroom.clock import Clock
from strongroom.domain import identifiers, staging
from strongroom.domain.principal import Principal
from strongroom.entropy import Entropy
from strongroom.errors import InternalServiceError, ServiceError
from strongroom.metrics import Metrics
from strongroom.operations.base import Operation, Request, Response
from strongroom.recall import Recall, subject_of
from strongroom.storage.base import (
    AccessKeyRow,
    Bringer,
    Foreseen,
    Given,
    NotBroughtError,
    Storage,
    Transaction,
    WantedVersion,
    WriteRequiredError,
)
from strongroom.throttle import Throttle
from strongroom.tracing import Tracing

__all__ = ["Bringer", "Caller", "Given", "NotBroughtError", "Recalled", "Service", "internal_failure"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """Performs operations. `on_change` is told after calls that changed something."""

    storage: Storage
    around: Surroundings
    clock: Clock
    dates: AccessDates
    throttle: Throttle | None = None
    recall: Recall = field(default_factory=Recall)
    on_change: Callable[[], None] = lambda: None
    tracing: Tracing | None = None

    @property
    def entropy(self) -> Entropy:
        return self.around.entropy

    @property
    def metrics(self) -> Metrics:
        return self.around.metrics

    def answered(self, operation: str, code: str, outcome: str, began: float) -> None:
        """Count a request that was answered just now and began at that moment of `time.perf_counter`."""
        seconds = time.perf_counter() - began
        self.around.metrics.observe(operation, code, outcome, seconds)
        if self.tracing is not None:
            self.tracing.answered(operation, code, outcome, seconds, self.clock.now())

    def unsettled(self, operation: Operation[Any]) -> Future[None] | None:
        """Return what has to be waited for before an operation may begin; None where it may at once."""
        return self.dates.unsettled() if operation.tells_access_dates else None

    def perform(self, operation: Operation[Any], request: Request, caller: Caller) -> Response | None:
        """Do it and return when it is done. May block on the database.

        Raises:
            ServiceError: the answer, if it is not success.
        """
        if (unsettled := self.unsettled(operation)) is not None:
            unsettled.result()
        outcome = self.begin(operation, request, caller)
        if isinstance(outcome, Recalled):
            self.write_records([outcome.record])
            return outcome.response
        return outcome.result() if isinstance(outcome, Future) else outcome

    def begin(
        self,
        operation: Operation[Any],
        request: Request,
        caller: Caller,
        given: Given | None = None,
        *,
        is_admitted: bool = False,
        presumed: AccessKeyRow | None = None,
    ) -> Response | Recalled | Future[Response | None] | None:
        """Return the answer of a call that could be answered at once, or the future of its answer.

        The record of one that was recalled is for the caller to put on the trail (`write_records`).

        Args:
            operation: what is asked.
            request: the decoded request.
            caller: who asks, proven.
            given: rows to read instead of the database.
            is_admitted: this very call has been let in by the throttle before.
            presumed: the key that proves the caller of a change, if it is not known yet that it is still like this. The
                future fails with NotBroughtError where it is not, or where that could not be found out.

        Raises:
            ServiceError: the answer, if it is not success and could be given at once.
            NotBroughtError: what was `given` to read does not suffice; nothing was done or recorded.
        """
        if presumed is not None and self.throttle is not None:  # it counts calls of callers that are proven
            raise NotBroughtError("an access key")
        around = self.around
        attempt = Attempt(around, operation, request, caller, self.clock.now(), ids.random_uuid(around.entropy))
        if self.throttle is not None and not is_admitted:
            attempt.require_admitted(self.throttle)
        if not operation.mutates:
            try:
                response = self._read_or_recall(attempt, given)
            except WriteRequiredError:
                return self._answer_of(self._submit(attempt.run_to_keep, attempt), attempt)
            if attempt.accesses:
                self.dates.note(attempt.accesses)
            return response
        return self._submit(attempt.run, attempt, presumed)

    def _submit(
        self,
        work: Callable[[Transaction], Response | None],
        attempt: Attempt,
        presumed: AccessKeyRow | None = None,
    ) -> Future[Response | None]:
        foreseen = self._foreseen(attempt, presumed)
        if foreseen is None and presumed is not None:
            raise NotBroughtError("an access key")
        future = self.storage.submit(work, foreseen, changes_one_secret=attempt.operation.changes_one_secret)
        future.add_done_callback(lambda _: self.on_change())
        return future

    def _answer_of(self, kept: Future[Response | None], attempt: Attempt) -> Future[Response | None]:
        """Return the future of an answer whose refusal may have been committed together with a change."""
        answer: Future[Response | None] = Future()

        def pass_on(done: Future[Response | None]) -> None:
            error = done.exception()
            result = None if error is not None else done.result()
            if isinstance(result, Refusal):
                error = result.error
            if error is None:
                self.dates.note(attempt.accesses)
                answer.set_result(result)
            else:
                answer.set_exception(error)

        kept.add_done_callback(pass_on)
        return answer

    def _read_or_recall(self, attempt: Attempt, given: Given | None) -> Response | Recalled | None:
        mark = None if attempt.operation.reads_version is None else self.storage.mark(given)
        if mark is None:
            return self.storage.read(attempt.run, given)
        question = attempt.question()
        known = self.recall.find(question, mark)
        if known is not None:
            return attempt.answer_again(known)
        response = self.storage.read(attempt.run, given)
        # Only if nothing was committed in between was the snapshot the mark's.
        if attempt.recallable and self.storage.mark(given) == mark:
            respond, arn = attempt.recallable[-1]
            self.recall.keep(question, respond, mark, subject_of(arn))
        return response

    def _foreseen(self, attempt: Attempt, presumed: AccessKeyRow | None) -> Foreseen | None:
        """Return what a change is going to read, where that is worth knowing and its operation declares it."""
        if self.storage.bringer is None or attempt.operation.reads_secrets is not None:  # of several none is foreseen
            return None
        caller = attempt.caller
        wanted = self.wanted(attempt.operation, attempt.request, caller)
        if not wanted or wanted[0].region != caller.region:  # what is elsewhere is not even looked for
            return None
        return Foreseen(wanted[0], None if caller.principal.is_root else caller.principal.identity_arn, presumed)

    def wanted(self, operation: Operation[Any], request: Request, caller: Caller) -> tuple[WantedVersion, ...]:
        """Return what the call is going to read, if its operation declares that this is all; else nothing."""
        named = (_reference(name, caller) for name in _names(operation, request))
        reads_version = operation.reads_version
        version_id, label = (None, staging.CURRENT) if reads_version is None else reads_version(request)
        return tuple(
            WantedVersion(one.account_id, one.region, one.name, one.arn, version_id, label)
            for one in named
            if one is not None
        )

    def write_records(self, records: Sequence[bytes]) -> None:
        """Put on the trail what answers that were recalled have with them. Raises TrailError."""
        self.around.trail(records, False)  # noqa: FBT003 - the Journal's shape

    def record_refusal(
        self,
        *,
        name: str,
        source: str = record.SERVICE,
        region: str | None,
        principal: Principal | None,
        claimed_key: str | None,
        origin: Origin,
        read_only: bool,
        error: ServiceError,
    ) -> None:
        """Put a call on the trail that never reached the door, or that the door could not record itself.

        Raises:
            TrailError: the trail cannot be written.
        """
        identity = record.unknown_identity(claimed_key) if principal is None else identity_of(principal)
        line = record.api_call(
            record.CallFacts(
                name=name,
                now=self.clock.now(),
                event_id=ids.random_uuid(self.entropy),
                region=region,
                account_id=None if principal is None else principal.account_id,
                identity=identity,
                origin=origin,
                read_only=read_only,
                source=source,
            ),
            error=error,
        )
        self.write_records([line])


def _names(operation: Operation[Any], request: Request) -> Sequence[str]:
    """Return the secrets that are all a request reads, as it names them; none where its operation does not say so."""
    if operation.reads_secrets is not None:
        return operation.reads_secrets(request) or ()
    if operation.names_secret is None or operation.reads_version is None:
        return ()
    try:
        name = operation.names_secret(request)
    except ServiceError:  # the door says so, and records it
        return ()
    return () if name is None else (name,)


def _reference(secret_id: str, caller: Caller) -> identifiers.SecretReference | None:
    """Return which secret is named; None for what is no name, which the door says and records too."""
    try:
        return identifiers.parse_secret_id(secret_id, account_id=caller.principal.account_id, region=caller.region)
    except ServiceError:
        return None


def internal_failure(error: BaseException) -> InternalServiceError:
    """Return what a client may know of an unexpected error: nothing but that it happened."""
    logger.error("A call failed unexpectedly", exc_info=error)
    return InternalServiceError("An error occurred on the server side.")

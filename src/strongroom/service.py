"""The door: every call of an operation, from whatever edge, goes through here and in this order.

 1. one `now`, one event id; a transaction is opened
 2. the name of the secret is checked, then what the operation checks of its request alone
 3. authorization, before anything is said about existence
 4. the secret is looked up; the state that the operation declares is required of it
 5. the handler
 6. the audit record, of success or failure; without it there is no answer and no change
 7. commit

A reading call that turns out to write (the first read of a day) is run again as a writing one.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from strongroom import ids
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.audit.redact import shown
from strongroom.clock import Clock
from strongroom.crypto.page_tokens import PageTokens
from strongroom.crypto.vault import Vault
from strongroom.domain import deletion, identifiers, managed, replication
from strongroom.domain.principal import Principal
from strongroom.domain.quotas import AWS, Quotas
from strongroom.domain.regions import AWS_REGIONS
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import day_of
from strongroom.entropy import Entropy
from strongroom.errors import (
    InternalServiceError,
    InvalidRequestException,
    ServiceError,
)
from strongroom.metrics import Metrics
from strongroom.operations.base import OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.condition_keys import context_of
from strongroom.operations.secret_room import SecretRoom
from strongroom.operations.stored_policies import parse_stored
from strongroom.policy import evaluate
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import names_of
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.recall import Recall
from strongroom.rotators.base import Rotators
from strongroom.storage.base import (
    Bringer,
    Given,
    Journal,
    NotBroughtError,
    Storage,
    Transaction,
    WantedVersion,
    WriteElsewhereError,
    WriteRequiredError,
)
from strongroom.throttle import Throttle

IDENTITIES: Final = 1_024
"""Callers whose part of an audit record is kept ready."""

__all__ = ["Bringer", "Caller", "Given", "NotBroughtError", "Service", "WriteElsewhereError", "internal_failure"]

logger = logging.getLogger(__name__)


class Caller(msgspec.Struct, frozen=True):
    """Who calls, in which region, from where."""

    principal: Principal
    region: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Service:
    """Performs operations. `on_change` is told after calls that changed something."""

    storage: Storage
    vault: Vault
    page_tokens: PageTokens
    trail: Journal
    clock: Clock
    entropy: Entropy
    metrics: Metrics
    rotators: Rotators
    regions: frozenset[str] = frozenset(AWS_REGIONS)
    quotas: Quotas = AWS
    throttle: Throttle | None = None
    room: SecretRoom = field(default_factory=SecretRoom)
    recall: Recall = field(default_factory=Recall)
    on_change: Callable[[], None] = lambda: None

    def perform(self, operation: Operation[Any], request: Request, caller: Caller) -> Response | None:
        """Do it and return when it is done. May block on the database.

        Raises:
            ServiceError: the answer, if it is not success.
        """
        outcome = self.begin(operation, request, caller)
        return outcome.result() if isinstance(outcome, Future) else outcome

    def begin(
        self,
        operation: Operation[Any],
        request: Request,
        caller: Caller,
        given: Given | None = None,
        *,
        is_admitted: bool = False,
    ) -> Response | Future[Response | None] | None:
        """Return the answer of a call that could be answered at once, or the future of its answer.

        Args:
            operation: what is asked.
            request: the decoded request.
            caller: who asks, proven.
            given: rows to read instead of the database.
            is_admitted: this very call has been let in by the throttle before.

        Raises:
            ServiceError: the answer, if it is not success and could be given at once.
            NotBroughtError: what was `given` to read does not suffice; nothing was done or recorded.
        """
        attempt = _Attempt(self, operation, request, caller, self.clock.now(), ids.random_uuid(self.entropy))
        if self.throttle is not None and not is_admitted:
            attempt.require_admitted(self.throttle)
        if not operation.mutates:
            try:
                if operation.reads_version is None:
                    return self.storage.read(attempt.run, given)
                return self._read_or_recall(attempt, given)
            except WriteRequiredError:
                pass
        future = self.storage.submit(attempt.run)
        future.add_done_callback(lambda _: self.on_change())
        return future

    def _read_or_recall(self, attempt: _Attempt, given: Given | None) -> Response | None:
        mark = self.storage.mark(given)
        if mark is None:
            return self.storage.read(attempt.run, given)
        question = attempt.question()
        known = self.recall.find(question, mark)
        if known is not None:
            return attempt.answer_again(known)
        response = self.storage.read(attempt.run, given)
        # Only if nothing was committed in between was the snapshot the mark's.
        if attempt.recallable and self.storage.mark(given) == mark:
            self.recall.keep(question, attempt.recallable[-1], mark)
        return response

    def wanted(self, operation: Operation[Any], request: Request, caller: Caller) -> WantedVersion | None:
        """Return what the call is going to read, if its operation declares that this is all."""
        names_secret, reads_version = operation.names_secret, operation.reads_version
        sent = None if names_secret is None else names_secret(request)
        if sent is None or reads_version is None:
            return None
        try:
            named = identifiers.parse_secret_id(sent, account_id=caller.principal.account_id, region=caller.region)
        except ServiceError:  # the door says so, and records it
            return None
        version_id, label = reads_version(request)
        return WantedVersion(named.account_id, named.region, named.name, named.arn, version_id, label)

    def record_refusal(
        self,
        *,
        name: str,
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
        identity = record.unknown_identity(claimed_key) if principal is None else _identity(principal)
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
            ),
            error=error,
        )
        self.trail([line], False)  # noqa: FBT003 - the Journal's shape


class _Attempt(msgspec.Struct, frozen=True):
    """One call, ready to be run in a transaction; running it again gives the same record."""

    service: Service
    operation: Operation[Any]
    request: Request
    caller: Caller
    now: datetime
    event_id: str
    recallable: list[Callable[[], Response]] = msgspec.field(default_factory=list)

    def question(self) -> Hashable:
        """Return all that the answer depends on besides the database, where no policy's conditions matter."""
        asked = msgspec.structs.astuple(self.request)
        return self.operation.name, self.caller.principal, self.caller.region, asked, day_of(self.now)

    def answer_again(self, respond: Callable[[], Response]) -> Response:
        """Give an answer that was worked out before, and record it like any other."""
        try:
            response = respond()
        except ServiceError as error:
            self.service.trail([self._record(None, error)], False)  # noqa: FBT003 - the Journal's shape
            raise
        self.service.trail([self._record(response, None)], False)  # noqa: FBT003
        return response

    def run(self, tx: Transaction) -> Response | None:
        try:
            response = self._answer(tx)
        except ServiceError as error:
            tx.journal(self._record(None, error))
            raise
        tx.journal(self._record(response, None))
        return response

    def require_admitted(self, throttle: Throttle) -> None:
        """Refuse a call that comes too soon after others, and record it. Raises ThrottlingException."""
        try:
            throttle.admit(self.operation.name, self.caller.principal.account_id, self.caller.region, self.now)
        except ServiceError as error:
            self.service.trail([self._record(None, error)], False)  # noqa: FBT003 - the Journal's shape
            raise

    def _answer(self, tx: Transaction) -> Response | None:
        operation, request, service = self.operation, self.request, self.service
        reference = self._checked_reference()
        found = None if reference is None else self._find(tx, reference)
        self._require_allowed(tx, reference, found)
        if reference is not None:
            self._require_state(found)
        numbers = itertools.count(1)
        call = Call(
            principal=self.caller.principal,
            account_id=self.caller.principal.account_id if found is None else found.account_id,
            region=self.caller.region,
            now=self.now,
            tx=tx,
            vault=service.vault,
            page_tokens=service.page_tokens,
            entropy=service.entropy,
            regions=service.regions,
            rotators=service.rotators,
            quotas=service.quotas,
            room=service.room,
            found=found,
            perform=lambda other, its_request: self._perform_within(tx, other, its_request, next(numbers)),
            may_recall=lambda respond: self._may_recall(tx, found, respond),
            require_allowed=lambda action, secret: self._decide(tx, action, secret.arn, secret, as_sent=secret.arn),
        )
        return operation.handler(call, request)

    def _may_recall(self, tx: Transaction, found: Secret | None, respond: Callable[[], Response]) -> None:
        """Keep an answer that no policy decided: conditions may look at more than the question."""
        if not tx.writable and (found is None or not tx.policies(found)):
            self.recallable.append(respond)

    def _perform_within(
        self, tx: Transaction, operation: Operation[Any], request: Request, number: int
    ) -> Response | None:
        """Make a further call as part of this one. Its event id follows from its place, for when it is run again."""
        event_id = ids.derived_event_id(self.event_id, number)
        return _Attempt(self.service, operation, request, self.caller, self.now, event_id).run(tx)

    def _checked_reference(self) -> identifiers.SecretReference | None:
        """Return what the request names, after the checks that need only the request."""
        sent, reference = self._secret_id(), None
        if sent is not None:
            reference = identifiers.parse_secret_id(
                sent, account_id=self.caller.principal.account_id, region=self.caller.region
            )
        if self.operation.validate is not None:
            self.operation.validate(self.request)
        return reference

    def _secret_id(self) -> str | None:
        names_secret = self.operation.names_secret
        return None if names_secret is None else names_secret(self.request)

    def _require_allowed(
        self, tx: Transaction, reference: identifiers.SecretReference | None, found: Secret | None
    ) -> None:
        """Let identity and resource policies decide, before anything is said about existence."""
        arn = "*"
        if reference is not None:
            named = reference.arn or identifiers.render_arn(reference.region, reference.account_id, reference.name)
            arn = named if found is None else found.arn
        self._decide(tx, self.operation.action, arn, found, as_sent=self._secret_id())

    def _decide(self, tx: Transaction, action: str, arn: str, found: Secret | None, *, as_sent: str | None) -> None:
        """Refuse an action that is not allowed to the caller. Raises AccessDeniedException."""
        principal = self.caller.principal
        policies = [] if found is None else [parse_stored(text) for text in tx.policies(found).values()]
        context = Context.lazy(
            lambda: context_of(
                self.request,
                found,
                principal=principal,
                region=self.caller.region,
                origin=self.caller.origin,
                now=self.now,
            )
        )
        decided = decide(AccessRequest(names_of(principal), action, arn, context), Policies(resource=policies))
        evaluate.require_allowed(decided, principal, action=action, resource_as_sent=as_sent)

    def _find(self, tx: Transaction, reference: identifiers.SecretReference) -> Secret | None:
        if reference.region != self.caller.region:
            return None
        if reference.arn is not None:
            return tx.find_secret_by_arn(reference.account_id, reference.region, reference.arn)
        return tx.find_secret(reference.account_id, reference.region, reference.name)

    def _require_state(self, found: Secret | None) -> None:
        operation = self.operation
        if found is None:
            if operation.secret_state in (SecretState.ANY, SecretState.USABLE):
                raise identifiers.secret_not_found()
            return
        if operation.on_replica is not OnReplica.ALLOWED:
            replication.require_primary(found, except_cross_account=operation.on_replica is OnReplica.OWN_LIFE)
        if operation.secret_state is SecretState.USABLE:
            self._require_usable(found)
        managed.require_unmanaged(found, operation.name)

    def _require_usable(self, found: Secret) -> None:
        try:
            deletion.require_usable(found)
        except InvalidRequestException:
            if self.operation.name == "GetSecretValue":
                self.service.metrics.increment("refused_reads_of_deleted_secrets_total")
            raise

    def _record(self, response: Response | None, error: ServiceError | None) -> bytes:
        operation, principal = self.operation, self.caller.principal
        return record.api_call(
            record.CallFacts(
                name=operation.name,
                now=self.now,
                event_id=self.event_id,
                region=self.caller.region,
                account_id=principal.account_id,
                identity=_identity(principal),
                origin=self.caller.origin,
                read_only=not operation.mutates,
            ),
            request=shown(self.request, operation.shown_request),
            response=shown(response, operation.shown_response),
            error=error,
        )


def internal_failure(error: BaseException) -> InternalServiceError:
    """Return what a client may know of an unexpected error: nothing but that it happened."""
    logger.error("A call failed unexpectedly", exc_info=error)
    return InternalServiceError("An error occurred on the server side.")


@lru_cache(maxsize=IDENTITIES)
def _identity(principal: Principal) -> Mapping[str, str]:
    return record.user_identity(
        kind=principal.kind,
        principal_id=principal.principal_id,
        arn=principal.arn,
        account_id=principal.account_id,
        access_key_id=principal.access_key_id,
    )

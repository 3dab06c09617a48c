"""The door of the companion services: every call goes through here and in this order.

 1. one `now`, one event id; a transaction is opened
 2. what no such credentials may call at all; authorization by the caller's policies, before anything is
    said about existence; an operation whose resource has a policy of its own (a role's trust policy)
    decides in its handler
 3. the handler
 4. the audit record, of success or failure; without it there is no answer and no change
 5. commit

It is the sibling of `service`, which does the same for secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from strongroom import ids
from strongroom.audit import record
from strongroom.audit.record import Origin
from strongroom.audit.redact import shown
from strongroom.authn.access_keys import AccessKeys
from strongroom.authn.key_sets import KeySets
from strongroom.authn.sessions import SessionTokens
from strongroom.authn.sigv4 import invalid_token
from strongroom.authorization import Authorizer, Caller
from strongroom.clock import Clock
from strongroom.companions.base import IAM, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.targets import condition_keys, find_target, named_in_denial
from strongroom.crypto.page_tokens import PageTokens
from strongroom.domain.principal import Principal
from strongroom.entropy import Entropy
from strongroom.errors import ServiceError
from strongroom.operations.base import Request, Response
from strongroom.policy.access_request import NO_RESOURCE
from strongroom.storage.base import Journal, Storage, Transaction, WriteRequiredError


@dataclass(frozen=True, slots=True)
class CompanionService:
    """Performs operations of the companion services. `account_id` is the server's own account."""

    storage: Storage
    trail: Journal
    access_keys: AccessKeys
    sessions: SessionTokens
    key_sets: KeySets
    page_tokens: PageTokens
    clock: Clock
    entropy: Entropy
    account_id: str
    region: str
    event_days: int

    def begin(
        self, operation: CompanionOperation[Any], request: Request, caller: Caller | None, origin: Origin
    ) -> Response | Future[Response | None] | None:
        """Return the answer of a call that could be answered at once, or the future of its answer.

        Args:
            operation: what is asked.
            request: the decoded request.
            caller: who asks, proven; None where the operation is open to everyone.
            origin: where the call came from.

        Raises:
            ServiceError: the answer, if it is not success and could be given at once.
            KeysWantedError: the keys of an identity provider must be fetched first; nothing was recorded.
        """
        attempt = _Attempt(
            self, operation, request, caller, origin, self.clock.now(), ids.random_uuid(self.entropy), []
        )
        if not operation.mutates:
            try:
                return self.storage.read(attempt.run)
            except WriteRequiredError:
                pass
        return self.storage.submit(attempt.run)

    def perform(
        self, operation: CompanionOperation[Any], request: Request, caller: Caller | None, origin: Origin
    ) -> Response | None:
        """As `begin`, but wait until it is done."""
        outcome = self.begin(operation, request, caller, origin)
        return outcome.result() if isinstance(outcome, Future) else outcome

    def perform_within(
        self,
        tx: Transaction,
        operation: CompanionOperation[Any],
        request: Request,
        caller: Caller,
        origin: Origin,
        *,
        event_id: str,
        identity: Mapping[str, Any],
        journal: Callable[[bytes], None],
    ) -> Response | None:
        """Perform a call as a part of somebody's transaction, who sees to its record.

        Args:
            tx: the transaction, which the other parts share.
            operation: what is asked.
            request: the request, whose limits have been checked.
            caller: as whom it is performed.
            origin: where the call came from.
            event_id: that of its record.
            identity: who is on the record for it.
            journal: takes the record, of success or failure; it belongs on the trail before the commit.

        Raises:
            ServiceError: it is refused.
        """
        attempt = _Attempt(self, operation, request, caller, origin, self.clock.now(), event_id, [identity])
        return attempt.run(tx, journal)


class _Attempt(msgspec.Struct, frozen=True):
    """One call, ready to be run in a transaction; running it again gives the same record."""

    service: CompanionService
    operation: CompanionOperation[Any]
    request: Request
    caller: Caller | None
    origin: Origin
    now: datetime
    event_id: str
    identities: list[Mapping[str, Any]]

    def run(self, tx: Transaction, journal: Callable[[bytes], None] | None = None) -> Response | None:
        take = journal or tx.journal
        try:
            response = self._answer(tx)
        except ServiceError as error:
            take(self._record(None, error))
            raise
        take(self._record(response, None))
        return response

    def _answer(self, tx: Transaction) -> Response | None:
        service, operation, caller = self.service, self.operation, self.caller
        principal = None if caller is None else caller.principal
        _require_usable_at(operation, principal)
        account_id = service.account_id if principal is None else principal.account_id
        decider = None if caller is None else Authorizer(tx, caller, self.now)
        if operation.access is Access.SIGNED and decider is not None:
            self._authorize(tx, decider, operation.resource(self.request, account_id, principal))
        call = CompanionCall(
            caller=principal,
            account_id=account_id,
            region=service.region if caller is None else caller.region,
            origin=self.origin,
            now=self.now,
            tx=tx,
            entropy=service.entropy,
            access_keys=service.access_keys,
            sessions=service.sessions,
            key_sets=service.key_sets,
            page_tokens=service.page_tokens,
            event_days=service.event_days,
            decider=decider,
            record_as=self.identities.append,
        )
        return operation.handler(call, self.request)

    def _authorize(self, tx: Transaction, decider: Authorizer, arn: str) -> None:
        action, is_entity = self.operation.action, self.operation.is_about_entity
        target = find_target(tx.identities, arn) if is_entity else None
        as_sent = named_in_denial(arn) if is_entity else None if arn == NO_RESOURCE else arn
        decider.require(
            action,
            arn if target is None else target.arn,
            as_sent=as_sent,
            keys=lambda: condition_keys(action, self.request, target),
        )

    def _record(self, response: Response | None, error: ServiceError | None) -> bytes:
        operation, caller = self.operation, self.caller
        principal = None if caller is None else caller.principal
        return record.api_call(
            record.CallFacts(
                name=operation.name,
                now=self.now,
                event_id=self.event_id,
                region=self.service.region if caller is None else caller.region,
                account_id=self.service.account_id if principal is None else principal.account_id,
                identity=self._identity(principal),
                origin=self.origin,
                read_only=not operation.mutates,
                source=operation.service.event_source,
            ),
            request=shown(self.request, operation.shown_request),
            response=shown(response, operation.shown_response),
            error=error,
        )

    def _identity(self, principal: Principal | None) -> Mapping[str, Any]:
        if self.identities:
            return self.identities[-1]
        return record.unknown_identity(None) if principal is None else record.user_identity(principal)


def _require_usable_at(operation: CompanionOperation[Any], principal: Principal | None) -> None:
    """Refuse IAM to the session of a user or root without a second factor, which nobody has here (documented)."""
    if operation.service is IAM and principal is not None and principal.session and principal.role_arn is None:
        raise invalid_token()

"""One call of an operation, from its checks to its record, ready to be run in a transaction.

Running it again, because another node was in the way or because a read turned out to write, gives the same
record. The order of what it does is that of the door (`service`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from strongroom import ids
from strongroom.audit import record
from strongroom.audit.redact import shown
from strongroom.authorization import VOLATILE_KEYS, Authorizer, Caller, Keys
from strongroom.crypto.page_tokens import PageTokens
from strongroom.crypto.vault import Vault
from strongroom.domain import deletion, identifiers, managed, protection, replication
from strongroom.domain.access import Access
from strongroom.domain.principal import Principal
from strongroom.domain.protection import DeletionRules
from strongroom.domain.quotas import Quotas
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import day_of
from strongroom.entropy import Entropy
from strongroom.errors import InvalidRequestException, ServiceError
from strongroom.metrics import Metrics
from strongroom.operations.base import OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import PURGE_JOB, Call
from strongroom.operations.condition_keys import context_of
from strongroom.operations.secret_room import SecretRoom
from strongroom.policy.document import Policy, PolicyKind
from strongroom.policy.evaluate import is_by_unreadable
from strongroom.policy.stored import parse_stored
from strongroom.rotators.base import Rotators
from strongroom.storage.base import Job, Journal, Transaction
from strongroom.throttle import Throttle

IDENTITIES: Final = 1_024
"""Callers whose part of an audit record is kept ready."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What calls work with, the same for all of them."""

    vault: Vault
    page_tokens: PageTokens
    trail: Journal
    entropy: Entropy
    metrics: Metrics
    rotators: Rotators
    regions: frozenset[str]
    quotas: Quotas
    room: SecretRoom
    deletion_rules: DeletionRules


class Refusal(Response):
    """Stands for an error that is the answer although what the call changed is kept."""

    error: ServiceError


class Recalled(NamedTuple):
    """An answer that was recalled. It may be given when its record is on the trail, and not before."""

    response: Response
    record: bytes


class Attempt(msgspec.Struct, frozen=True):
    """One call. `recallable` is filled with what gives its answer again, if something does, and the ARN of the secret
    it is about; `holds` with the secrets whose purge it postponed because it was refused; `accesses` with the versions
    whose date of access is to be written down if the call succeeds.
    """

    around: Surroundings
    operation: Operation[Any]
    request: Request
    caller: Caller
    now: datetime
    event_id: str
    recallable: list[tuple[Callable[[], Response], str]] = msgspec.field(default_factory=list)
    holds: list[str] = msgspec.field(default_factory=list)
    accesses: list[Access] = msgspec.field(default_factory=list)

    def question(self) -> Hashable:
        """Return all that the answer depends on besides the database and what `VOLATILE_KEYS` are about."""
        asked = msgspec.structs.astuple(self.request)
        return self.operation.name, self.caller.principal, self.caller.region, asked, day_of(self.now)

    def answer_again(self, respond: Callable[[], Response]) -> Recalled:
        """Give an answer that was worked out before, with the record that it has like any other."""
        try:
            response = respond()
        except ServiceError as error:
            self.around.trail([self._record(None, error)], False)  # noqa: FBT003 - the Journal's shape
            raise
        return Recalled(response, self._record(response, None))

    def run(self, tx: Transaction, authorizer: Authorizer | None = None) -> Response | None:
        """Do it; a call within a call shares its authorizer."""
        try:
            response = self._answer(tx, authorizer or Authorizer(tx, self.caller, self.now))
        except ServiceError as error:
            if is_by_unreadable(error):
                self.around.metrics.increment("unreadable_policies_total")
            tx.journal(self._record(None, error))
            raise
        tx.journal(self._record(response, None))
        return response

    def run_to_keep(self, tx: Transaction) -> Response | None:
        """Do it; where a refusal changed something, return the refusal, so that the change is committed with it."""
        self.holds.clear()
        try:
            return self.run(tx)
        except ServiceError as error:
            if not self.holds:
                raise
            return Refusal(error=error)

    def require_admitted(self, throttle: Throttle) -> None:
        """Refuse a call that comes too soon after others, and record it. Raises ThrottlingException."""
        try:
            throttle.admit(self.operation.name, self.caller.principal.account_id, self.caller.region, self.now)
        except ServiceError as error:
            self.around.trail([self._record(None, error)], False)  # noqa: FBT003 - the Journal's shape
            raise

    def _answer(self, tx: Transaction, authorizer: Authorizer) -> Response | None:
        operation, request, around = self.operation, self.request, self.around
        reference = self._checked_reference()
        found = None if reference is None else self._find(tx, reference)
        arn = self._arn_of(reference, found)
        self._require_allowed(tx, authorizer, arn, found)
        if reference is not None:
            self._require_state(tx, found)
        numbers = itertools.count(1)
        call = Call(
            principal=self.caller.principal,
            account_id=self.caller.principal.account_id if found is None else found.account_id,
            region=self.caller.region,
            now=self.now,
            tx=tx,
            vault=around.vault,
            page_tokens=around.page_tokens,
            entropy=around.entropy,
            regions=around.regions,
            rotators=around.rotators,
            quotas=around.quotas,
            room=around.room,
            deletion_rules=around.deletion_rules,
            found=found,
            arn=arn,
            authorizer=authorizer,
            perform=lambda other, its_request: self._perform_within(tx, authorizer, other, its_request, next(numbers)),
            may_recall=lambda respond: self._may_recall(tx, authorizer, respond, arn),
            note_access=self.accesses.append,
            require_allowed=lambda action, secret: self._require(tx, authorizer, action, secret.arn, secret),
        )
        return operation.handler(call, request)

    def _may_recall(self, tx: Transaction, authorizer: Authorizer, respond: Callable[[], Response], arn: str) -> None:
        """Keep an answer, unless a policy looked at what may be another in the next call."""
        if not tx.writable and not authorizer.asked & VOLATILE_KEYS:
            self.recallable.append((respond, arn))

    def _perform_within(
        self, tx: Transaction, authorizer: Authorizer, operation: Operation[Any], request: Request, number: int
    ) -> Response | None:
        """Make a further call as part of this one. Its event id follows from its place, for when it is run again."""
        event_id = ids.derived_event_id(self.event_id, number)
        inner = Attempt(self.around, operation, request, self.caller, self.now, event_id, accesses=self.accesses)
        return inner.run(tx, authorizer)

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

    def _arn_of(self, reference: identifiers.SecretReference | None, found: Secret | None) -> str:
        """Return what policies are asked about: of a secret that is about to be made, the ARN it will have."""
        if reference is None:
            return "*"
        if found is not None:
            return found.arn
        if reference.arn is not None:
            return reference.arn
        name = reference.name
        if self.operation.creates:
            name = f"{name}-{ids.arn_suffix(self.around.entropy)}"
        return identifiers.render_arn(reference.region, reference.account_id, name)

    def _require_allowed(self, tx: Transaction, authorizer: Authorizer, arn: str, found: Secret | None) -> None:
        """Let policies decide, before anything is said about existence."""
        operation, resource = self.operation, policies_of(tx, found)
        authorizer.require(
            operation.action,
            arn,
            as_sent=self._secret_id(),
            keys=lambda: self._keys(tx, arn, found),
            resource=resource,
        )
        if operation.further_actions is not None:
            for action in operation.further_actions(self.request):
                authorizer.require(action, arn, as_sent=arn, keys=lambda: self._keys(tx, arn, found), resource=resource)

    def _require(self, tx: Transaction, authorizer: Authorizer, action: str, arn: str, secret: Secret) -> None:
        """Refuse a further action on some secret. Raises AccessDeniedException."""
        authorizer.require(
            action, arn, as_sent=arn, keys=lambda: self._keys(tx, arn, secret), resource=policies_of(tx, secret)
        )

    def _keys(self, tx: Transaction, arn: str, secret: Secret | None) -> Keys:
        return context_of(
            self.operation.condition_keys,
            self.request,
            secret,
            arn=arn,
            key_arn=lambda key_id: self._key_arn(tx, key_id),
        )

    def _key_arn(self, tx: Transaction, kms_key_id: str) -> str | None:
        account_id, region = self.caller.principal.account_id, self.caller.region
        key = self.around.vault.find_key(tx, kms_key_id, account_id=account_id, region=region)
        return None if key is None else key.arn

    def _find(self, tx: Transaction, reference: identifiers.SecretReference) -> Secret | None:
        if reference.region != self.caller.region:
            return None
        reads_version = self.operation.reads_version
        version_id = None if reads_version is None else reads_version(self.request)[0]
        if reference.arn is not None:
            return tx.find_secret_by_arn(reference.account_id, reference.region, reference.arn, version_id)
        return tx.find_secret(reference.account_id, reference.region, reference.name, version_id)

    def _require_state(self, tx: Transaction, found: Secret | None) -> None:
        operation = self.operation
        if found is None:
            if operation.secret_state in (SecretState.ANY, SecretState.USABLE):
                raise identifiers.secret_not_found()
            return
        if operation.on_replica is not OnReplica.ALLOWED:
            replication.require_primary(found, except_cross_account=operation.on_replica is OnReplica.OWN_LIFE)
        if operation.secret_state is SecretState.USABLE:
            self._require_usable(tx, found)
        managed.require_unmanaged(found, operation.name)

    def _require_usable(self, tx: Transaction, found: Secret) -> None:
        try:
            deletion.require_usable(found)
        except InvalidRequestException:
            if self.operation.name == "GetSecretValue":
                self._hold(tx, found)
                self.around.metrics.increment("refused_reads_of_deleted_secrets_total")
            raise

    def _hold(self, tx: Transaction, found: Secret) -> None:
        """Postpone the purge because of this read, if the settings ask for it. In a read this asks for a write."""
        rules = self.around.deletion_rules
        if not rules.hold_on_read:
            return
        reader = self.caller.principal.arn
        held = protection.hold_for_read(found, tx.deletions.find(found.arn), reader, self.now, rules)
        if held is None:
            return
        secret, planned = held
        tx.put_secret(secret)
        tx.deletions.put(planned)
        assert secret.purge_at is not None
        tx.put_job(Job(PURGE_JOB, secret.arn, secret.account_id, secret.region, secret.purge_at))
        tx.journal(
            record.service_event(
                name="HoldSecretDeletion",
                now=self.now,
                event_id=ids.derived_event_id(self.event_id, "hold"),
                region=secret.region,
                account_id=secret.account_id,
                arn=secret.arn,
                details={"DeletionDate": record.event_time(secret.purge_at), "Reader": reader},
            )
        )
        self.holds.append(secret.arn)

    def _record(self, response: Response | None, error: ServiceError | None) -> bytes:
        operation, principal = self.operation, self.caller.principal
        return record.api_call(
            record.CallFacts(
                operation.name,
                self.now,
                self.event_id,
                self.caller.region,
                principal.account_id,
                identity_of(principal),
                self.caller.origin,
                not operation.mutates,
            ),
            request=shown(self.request, operation.shown_request),
            response=shown(response, operation.shown_response),
            error=error,
        )


def policies_of(tx: Transaction, secret: Secret | None) -> list[Policy]:
    """Return the resource policies of a secret; none where there is no secret."""
    if secret is None:
        return []
    return [
        parse_stored(stored.document, PolicyKind.RESOURCE, pins=stored.principal_ids, name=name)
        for name, stored in tx.policies(secret).items()
    ]


@lru_cache(maxsize=IDENTITIES)
def identity_of(principal: Principal) -> msgspec.Raw:
    """Return a caller's part of an audit record, as it stands there."""
    return msgspec.Raw(msgspec.json.encode(record.user_identity(principal)))

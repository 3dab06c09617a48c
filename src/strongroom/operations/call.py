"""What a handler is given: the caller, one instant, one transaction, and the secret the door resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from strongroom import ids
from strongroom.audit.record import service_event
from strongroom.authorization import Authorizer
from strongroom.crypto.page_tokens import PageTokens
from strongroom.crypto.vault import Vault
from strongroom.domain import deletion, kms_key, quotas, rotation, staging
from strongroom.domain.access import Access
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.principal import Principal
from strongroom.domain.protection import DeletionRules
from strongroom.domain.quotas import Quotas
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.secret import SealedValue, Secret, Version, touched
from strongroom.domain.secret_value import SecretValue
from strongroom.entropy import Entropy
from strongroom.operations import key_use
from strongroom.operations.secret_room import SecretRoom
from strongroom.rotators.base import Rotators
from strongroom.storage.base import Job, Transaction

PURGE_JOB: Final = "purge"
CLEANUP_JOB: Final = "version-cleanup"
REPLICATE_JOB: Final = "replicate"


class Call(msgspec.Struct, frozen=True):
    """One call in progress. `secret` is what the request names; absent only where the operation allows.

    `perform(operation, request)` makes a further call in the same transaction, by the same caller, through
    the same checks and with a record of its own. `require_allowed(action, secret)` refuses the call unless
    its caller may do something more, such as `secretsmanager:GetSecretValue`, to a secret. `arn` is what
    policies were asked about, also that of a secret which the call is about to make. `regions` are those a
    secret may be replicated to. `may_recall(respond)` says that `respond()` gives the same answer to the
    same question for as long as nothing is committed and the day lasts. `note_access` has a date of access
    written down behind the answer.
    """

    principal: Principal
    account_id: str
    region: str
    now: datetime
    tx: Transaction
    vault: Vault
    page_tokens: PageTokens
    entropy: Entropy
    regions: frozenset[str]
    rotators: Rotators
    quotas: Quotas
    room: SecretRoom
    deletion_rules: DeletionRules
    found: Secret | None
    arn: str
    authorizer: Authorizer
    perform: Callable[[Any, Any], Any]
    require_allowed: Callable[[str, Secret], None]
    may_recall: Callable[[Callable[[], Any]], None]
    note_access: Callable[[Access], None]

    @property
    def secret(self) -> Secret:
        if self.found is None:
            raise LookupError("the operation declares that its secret may be missing")
        return self.found

    def read_value(self, secret: Secret, version: Version) -> SecretValue | None:
        """Return the value of a version; None for a placeholder or a removed one."""
        if version.sealed is None:
            return None
        return self.open_value(secret, version.version_id, version.sealed)

    def open_value(self, secret: Secret, version_id: str, sealed: SealedValue) -> SecretValue:
        """Return a value for the caller, who is refused one that stayed under the default key if not its account's."""
        return self.value_opener(secret, version_id, sealed)()

    def value_opener(self, secret: Secret, version_id: str, sealed: SealedValue) -> Callable[[], SecretValue]:
        """Return what opens a value for the caller as `open_value` does, and may do so again."""
        opener = self.vault.opener(self.tx, secret, version_id, sealed)
        self._require_shareable(secret, sealed.key_arn)
        if not self.principal.is_root:
            key = self.vault.find_key(self.tx, sealed.key_arn, account_id=secret.account_id, region=secret.region)
            if key is not None:
                self.require_key_use("kms:Decrypt", key, secret, version_id)
        return opener

    def require_key_use(self, action: str, key: KmsKey, secret: Secret, version_id: str = key_use.PROBE) -> None:
        """Refuse the caller the use of a KMS key for a version of a secret. Raises AccessDeniedException."""
        key_use.require_use(self.authorizer, self.principal, action, key, secret, version_id)

    def require_key_access(self, key: KmsKey, secret: Secret) -> None:
        """Refuse a key that the caller could not use for the secret, as Secrets Manager tries out when it is set."""
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            self.require_key_use(action, key, secret)

    def add_version(
        self,
        secret: Secret,
        version_id: str,
        value: SecretValue,
        labels: Sequence[str] | None,
        placeholder: Version | None,
    ) -> dict[str, str]:
        """Store a value as a new version, or into its placeholder, and return the stages after it.

        The caller has looked for the version: it is not there, or is the placeholder.
        """
        self.require_value_access(secret)
        count = self.require_room_for_version(secret) + 1 if placeholder is None else None
        before = self.tx.stages(secret)
        after = staging.stage_new_version(before, version_id, labels, most=self.quotas.labels_per_secret)
        sealed = self._seal(secret, version_id, value)
        if placeholder is None:
            self.tx.insert_version(secret, Version(version_id, self.now, sealed, secret.kms_key_id))
        else:
            self.tx.put_version(secret, replace(placeholder, sealed=sealed, kms_key_id=secret.kms_key_id))
        self.put_stages(secret, before, after, count)
        return after

    def add_first_version(self, secret: Secret, version_id: str, value: SecretValue) -> None:
        """Store the value of a secret that this call has made: it has nothing that would have to be read first."""
        self.require_value_access(secret)
        after = staging.stage_new_version({}, version_id, None, most=self.quotas.labels_per_secret)
        sealed = self._seal(secret, version_id, value)
        self.tx.insert_version(secret, Version(version_id, self.now, sealed, secret.kms_key_id))
        self.tx.put_stages(secret, {}, after)

    def _seal(self, secret: Secret, version_id: str, value: SecretValue) -> SealedValue:
        key = self.vault.encryption_key(
            self.tx, secret.kms_key_id, account_id=self.account_id, region=self.region, now=self.now
        )
        self.require_key_use("kms:GenerateDataKey", key, secret, version_id)
        return self.vault.seal(self.tx, key, secret, version_id, value)

    def require_value_access(self, secret: Secret) -> None:
        """Refuse another account's caller the value of a secret under the default key."""
        self._require_shareable(secret, secret.kms_key_id)

    def _require_shareable(self, secret: Secret, kms_key_id: str | None) -> None:
        """By the key itself, since the default one has an id and two ARNs besides its alias."""
        if self.principal.account_id != secret.account_id and self.vault.is_aws_managed(
            self.tx, kms_key_id, account_id=secret.account_id, region=secret.region
        ):
            raise kms_key.not_shareable()

    def require_room_for_version(self, secret: Secret) -> int:
        """Refuse one version more than the quota allows; return how many there are.

        A placeholder takes its room when it is made.
        """
        count = self.tx.count_versions(secret)
        if count >= self.quotas.versions_per_secret:
            labelled = set(self.tx.stages(secret).values())
            removable = deletion.prunable_versions(self.tx.list_versions(secret), labelled, self.now)
            quotas.require_room_for_version(count - len(removable), self.quotas)
        return count

    def put_stages(
        self, secret: Secret, before: dict[str, str], after: dict[str, str], versions: int | None = None
    ) -> None:
        """Store moved labels, and plan the clean-up of versions that have none any more.

        `versions` is how many the secret has, if the caller knows.
        """
        self.tx.put_stages(secret, before, after)
        if rotation.abandoned_version(before, after) is not None:
            self.record_event("RotationAbandoned", secret)
        if versions is None:
            versions = self.tx.count_versions(secret)
        if versions <= deletion.KEPT_DEPRECATED_VERSIONS:
            return
        due = deletion.next_pruning(self.tx.list_versions(secret), set(after.values()))
        if due is not None and self.tx.find_job(CLEANUP_JOB, secret.arn) is None:
            self.tx.put_job(Job(CLEANUP_JOB, secret.arn, secret.account_id, secret.region, due))

    def save(self, secret: Secret) -> Secret:
        """Store a changed secret, with its date of change, have replicas follow, and return it."""
        changed = touched(secret, self.now)
        self.tx.put_secret(changed)
        self.replicate(changed)
        return changed

    def save_after_write(self, secret: Secret, version_id: str, stages: Mapping[str, str]) -> Secret:
        """As `save`, after a version was added: one that became current counts as a rotation for the schedule."""
        settings = secret.rotation
        if settings is not None and stages.get(staging.CURRENT) == version_id:
            secret = replace(secret, rotation=rotation.scheduled(settings, self.now))
        return self.save(secret)

    def replicate(self, secret: Secret) -> None:
        """Plan that the replicas of a changed primary follow it."""
        for replica in self.tx.list_replicas(secret):
            if replica.status not in (ReplicaStatus.DETACHED, ReplicaStatus.PENDING):
                self.plan_copy(secret, replica)

    def plan_copy(self, primary: Secret, replica: Replica) -> Replica:
        """Put a replica's state to InProgress, and the job that copies to it."""
        planned = replace(replica, status=ReplicaStatus.IN_PROGRESS, status_message=None)
        self.tx.put_replica(primary, planned)
        self.tx.put_job(
            Job(REPLICATE_JOB, f"{primary.arn} {replica.arn}", primary.account_id, primary.region, self.now)
        )
        return planned

    def remove(self, secret: Secret) -> None:
        """Have a secret purged as soon as may be, without a recovery window."""
        self.tx.put_secret(touched(deletion.schedule(secret, timedelta(0), self.now), self.now))
        self.tx.put_job(Job(PURGE_JOB, secret.arn, secret.account_id, secret.region, self.now))

    def record_event(self, name: str, secret: Secret, **details: str) -> None:
        """Put something the service does by itself on the trail, together with this call."""
        self.tx.journal(
            service_event(
                name=name,
                now=self.now,
                event_id=ids.random_uuid(self.entropy),
                region=secret.region,
                account_id=secret.account_id,
                arn=secret.arn,
                details=details,
            )
        )

"""The records that every rule works on: a secret, its versions, its tags. All frozen; change = `replace`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from strongroom.domain.schedule import RotationRules
from strongroom.domain.secret_value import ValueKind
from strongroom.structs import Struct, replace

_WIRE_RESOLUTION: Final = timedelta(milliseconds=1)


class Tag(Struct, frozen=True, gc=False):
    key: str
    value: str


class RotationSettings(Struct, frozen=True, gc=False):
    """How a secret is rotated; the dates are of the last completed rotation and the end of the next window."""

    enabled: bool
    rules: RotationRules | None = None
    lambda_arn: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    role_arn: str | None = None
    configured_at: datetime | None = None
    last_rotated_at: datetime | None = None
    next_rotation_at: datetime | None = None


class Secret(Struct, frozen=True, gc=False):
    """A secret's metadata. The value lives in its versions, never here.

    `tags` is None until the secret is tagged for the first time and may become `()` again: AWS omits
    the member in the first case and answers `[]` in the second (recorded).
    `kms_key_id` is the text the caller gave, or None for the implicit default key.
    `last_accessed_on` has day resolution (UTC), as in AWS.
    `deleted_at` is when deletion was asked for, `purge_at` when the recovery window ends; both or neither.
    `primary_region` is set on primaries that have replicas, and on the replicas.
    `revision` grows with every change; replicas copy states, not changes, and tell them apart by it.
    `cross_account_primary` is the ARN that a cross-account replica was made for.
    `rotation` stays after rotation was cancelled; None means it never was configured.
    """

    account_id: str
    region: str
    arn: str
    name: str
    created_at: datetime
    last_changed_at: datetime
    description: str = ""
    kms_key_id: str | None = None
    tags: tuple[Tag, ...] | None = None
    last_accessed_on: date | None = None
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
    owning_service: str | None = None
    primary_region: str | None = None
    type: str | None = None
    revision: int = 0
    cross_account_primary: str | None = None
    rotation: RotationSettings | None = None


class SealedValue(Struct, frozen=True, gc=False):
    """A value as the database holds it: unreadable without the KMS key that wraps its data key."""

    kind: ValueKind
    key_arn: str
    key_version: int
    wrapped_key: bytes
    ciphertext: bytes


class Version(Struct, frozen=True, gc=False):
    """One immutable value of a secret.

    `sealed` is None for a rotation's placeholder, which has no value yet, and for a version that the
    clean-up removed: then `deleted_at` is set and the row only remembers that the id was in use.
    `kms_key_id` is what KmsKeyIds shows: the key as the caller named it, or None for the default key.
    """

    version_id: str
    created_at: datetime
    sealed: SealedValue | None = None
    kms_key_id: str | None = None
    last_accessed_on: date | None = None
    deleted_at: datetime | None = None

    @property
    def is_placeholder(self) -> bool:
        """Whether the version still waits for its value."""
        return self.sealed is None and self.deleted_at is None


def touched(secret: Secret, now: datetime) -> Secret:
    """Return the secret as changed now. LastChangedDate strictly grows, also at the wire's milliseconds (recorded)."""
    last_changed_at = max(now, secret.last_changed_at + _WIRE_RESOLUTION)
    return replace(secret, last_changed_at=last_changed_at, revision=secret.revision + 1)

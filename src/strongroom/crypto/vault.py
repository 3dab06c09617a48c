"""Values in and out of their sealed form: KMS keys, data keys, and the failures clients see.

Rules (dossier sections 4.1 to 4.4):
- Each new value has a data key of its own, wrapped by the current version of its KMS key; both are bound
  to account, region, secret ARN, version id, kind, key and key version.
- The default key of an account and region is made on first use, inside the call that needs it.
- An unusable key gives EncryptionFailure on writes and DecryptionFailure on reads, with KMS's own text.
- A changed, swapped or cut row gives DecryptionFailure, one text for all, counts a metric and is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from strongroom import ids
from strongroom.crypto.aead import KEY_BYTES, encode_fields, opener, purpose_context, seal, unwrap, wrap
from strongroom.crypto.keyring import Keyring
from strongroom.domain import kms_key
from strongroom.domain.kms_key import DEFAULT_ALIAS, KeyManager, KeyReference, KeyState, KmsKey
from strongroom.domain.secret import SealedValue, Secret
from strongroom.domain.secret_value import SecretValue, ValueKind
from strongroom.entropy import Entropy
from strongroom.errors import DecryptionFailure, EncryptionFailure, InvalidParameterException, TamperedError
from strongroom.metrics import Metrics
from strongroom.storage.base import Transaction, WrappedKey

BACKING_KEY_CACHE: Final = 4_096
"""Unwrapped KMS key versions kept in memory: immutable, 32 bytes each."""

_BACKING_KEY: Final = "kms key version"
_DATA_KEY: Final = "data key"
_SECRET_VALUE: Final = "secret value"

logger = logging.getLogger(__name__)


class Vault:
    """Seals and opens values. Holds keys, never a value."""

    def __init__(self, keyring: Keyring, entropy: Entropy, metrics: Metrics) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._metrics = metrics
        self._unwrap_backing = lru_cache(maxsize=BACKING_KEY_CACHE)(self._unwrap_backing_uncached)

    def encryption_key(
        self, tx: Transaction, kms_key_id: str | None, *, account_id: str, region: str, now: datetime
    ) -> KmsKey:
        """Return the usable key that a request or a secret names.

        Raises:
            InvalidParameterException: the text cannot name a key here.
            AccessDeniedException: the key is another account's.
            EncryptionFailure: no such key, or it is not enabled.
        """
        reference = kms_key.parse_reference(kms_key_id, account_id=account_id, region=region)
        kms_key.require_own(reference, account_id)
        key = _find_key(tx, reference)
        if key is None and reference.alias == DEFAULT_ALIAS:
            return self._make_default_key(tx, account_id, region, now)
        refusal = kms_key.refusal(key, reference)
        if key is None or refusal is not None:
            raise EncryptionFailure(f"Secrets Manager can't encrypt the secret value: {refusal}")
        return key

    def is_aws_managed(self, tx: Transaction, kms_key_id: str | None, *, account_id: str, region: str) -> bool:
        """Tell whether this names the default key, which is not made by asking."""
        reference = kms_key.parse_reference(kms_key_id, account_id=account_id, region=region)
        key = _find_key(tx, reference)
        return reference.alias == DEFAULT_ALIAS if key is None else key.manager is KeyManager.AWS

    @staticmethod
    def find_key(tx: Transaction, kms_key_id: str, *, account_id: str, region: str) -> KmsKey | None:
        """Return the key that a text names, None for no key and for no name of one."""
        try:
            return _find_key(tx, kms_key.parse_reference(kms_key_id, account_id=account_id, region=region))
        except InvalidParameterException:
            return None

    def create_key(
        self, tx: Transaction, *, account_id: str, region: str, now: datetime, manager: KeyManager, description: str
    ) -> KmsKey:
        """Make a KMS key with its first backing key."""
        key = KmsKey(
            account_id=account_id,
            region=region,
            key_id=ids.random_uuid(self._entropy),
            manager=manager,
            state=KeyState.ENABLED,
            current_version=1,
            created_at=now,
            description=description,
        )
        material = self._entropy.token_bytes(KEY_BYTES)
        blob = self._keyring.seal(_BACKING_KEY, material, key.arn, 1)
        tx.insert_kms_key(key, WrappedKey(1, blob, str(self._keyring.active_term)))
        return key

    def seal(self, tx: Transaction, key: KmsKey, secret: Secret, version_id: str, value: SecretValue) -> SealedValue:
        """Encrypt a value under a new data key."""
        version, key_arn = key.current_version, key.arn
        data_key = self._entropy.token_bytes(KEY_BYTES)
        fields = _binding(secret, version_id, value.kind, key_arn, version)
        return SealedValue(
            kind=value.kind,
            key_arn=key_arn,
            key_version=version,
            wrapped_key=wrap(
                self._backing_key(tx, key, version, key_arn),
                data_key,
                purpose_context(_DATA_KEY, fields),
                self._entropy,
            ),
            ciphertext=seal(data_key, value.reveal(), purpose_context(_SECRET_VALUE, fields), self._entropy),
        )

    def open(self, tx: Transaction, secret: Secret, version_id: str, sealed: SealedValue) -> SecretValue:
        """Return the value of a version; the state of its key is read afresh.

        Raises:
            DecryptionFailure: the key is not usable, or the row is not what was sealed.
        """
        return self.opener(tx, secret, version_id, sealed)()

    def opener(
        self, tx: Transaction, secret: Secret, version_id: str, sealed: SealedValue
    ) -> Callable[[], SecretValue]:
        """Return what opens a value as `open` does, each time anew, under the state of its key that `tx` sees.

        Raises:
            DecryptionFailure: as `open`.
        """
        try:
            key = self._decryption_key(tx, secret, sealed)
            fields = _binding(secret, version_id, sealed.kind, sealed.key_arn, sealed.key_version)
            backing = self._backing_key(tx, key, sealed.key_version, key.arn)
            data_key = unwrap(backing, sealed.wrapped_key, purpose_context(_DATA_KEY, fields))
            decrypt = opener(data_key, sealed.ciphertext, purpose_context(_SECRET_VALUE, fields))
        except TamperedError:
            raise self._tampered(secret.arn, version_id) from None
        kind, arn = sealed.kind, secret.arn

        def open_again() -> SecretValue:
            try:
                return SecretValue(kind, decrypt())
            except TamperedError:
                raise self._tampered(arn, version_id) from None

        return open_again

    def _tampered(self, arn: str, version_id: str) -> DecryptionFailure:
        self._metrics.increment("tampered_ciphertexts_total")
        logger.error("The stored value of version %s of %s does not open: tampered?", version_id, arn)
        return DecryptionFailure("Secrets Manager can't decrypt the protected secret text using the provided KMS key.")

    @staticmethod
    def _decryption_key(tx: Transaction, secret: Secret, sealed: SealedValue) -> KmsKey:
        try:
            reference = kms_key.parse_reference(sealed.key_arn, account_id=secret.account_id, region=secret.region)
        except InvalidParameterException:
            raise TamperedError from None
        if reference.key_id is None:  # the server writes the ARN of a key, never an alias
            raise TamperedError
        key = tx.find_kms_key(reference.account_id, reference.region, reference.key_id)
        refusal = kms_key.refusal(key, reference)
        if key is None or refusal is not None:
            raise DecryptionFailure(f"Secrets Manager can't decrypt the secret value: {refusal}")
        return key

    def _make_default_key(self, tx: Transaction, account_id: str, region: str, now: datetime) -> KmsKey:
        key = self.create_key(
            tx,
            account_id=account_id,
            region=region,
            now=now,
            manager=KeyManager.AWS,
            description="Default key that protects my Secrets Manager data when no other key is defined",
        )
        tx.insert_kms_alias(account_id, region, DEFAULT_ALIAS, key.key_id)
        return key

    def _backing_key(self, tx: Transaction, key: KmsKey, version: int, key_arn: str) -> bytes:
        row = tx.find_backing_key(key.account_id, key.region, key.key_id, version)
        if row is None:
            raise TamperedError
        return self._unwrap_backing(key_arn, version, row.wrapped)

    def _unwrap_backing_uncached(self, key_arn: str, version: int, wrapped: bytes) -> bytes:
        return self._keyring.open(_BACKING_KEY, wrapped, key_arn, version)


def _find_key(tx: Transaction, reference: KeyReference) -> KmsKey | None:
    key_id = reference.key_id
    if reference.alias is not None:
        key_id = tx.find_kms_alias(reference.account_id, reference.region, reference.alias)
    return None if key_id is None else tx.find_kms_key(reference.account_id, reference.region, key_id)


def _binding(secret: Secret, version_id: str, kind: ValueKind, key_arn: str, key_version: int) -> bytes:
    return encode_fields(
        (secret.account_id, secret.region, secret.arn, version_id, kind.value, key_arn, key_version),
    )

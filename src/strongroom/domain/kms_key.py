"""KMS keys as Secrets Manager sees them: how a key is named, and when it may be used.

Rules:
- KmsKeyId is a key id, a key ARN, an alias (`alias/...`) or an alias ARN (documented). Absent or empty
  means the account's default key in the region, `alias/aws/secretsmanager`, which is made on first use.
- A key of another account is refused, whether or not it exists: nothing can grant its use yet (the text
  is reported from the real service).
- An ARN of another region is refused (reported from the real service).
- A key must be enabled to encrypt and to decrypt; the failure wraps KMS's own text (recorded).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from strongroom.domain.identifiers import partition_of
from strongroom.errors import AccessDeniedException, InvalidParameterException, InvalidRequestException

DEFAULT_ALIAS: Final = "alias/aws/secretsmanager"
DEFAULT_KEY_SHOWN_AS: Final = "DefaultEncryptionKey"
"""What KmsKeyIds holds for the implicit default key (recorded)."""

REFERENCES_KEPT: Final = 1_024
"""References kept parsed: the keys in use are few, and every read names one."""

_KEY_ID: Final = re.compile(r"[A-Za-z0-9-]{1,256}")
_ALIAS: Final = re.compile(r"alias/[A-Za-z0-9:/_-]{1,250}")
_ARN: Final = re.compile(r"arn:[a-z-]+:kms:([a-z0-9-]+):(\d{12}):(?:key/([A-Za-z0-9-]+)|(alias/[A-Za-z0-9:/_-]+))")


class KeyState(StrEnum):
    """KMS key states that matter here. The text is stored; never change it."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


class KeyManager(StrEnum):
    """Who made the key. The text is stored; never change it."""

    AWS = "AWS"
    CUSTOMER = "CUSTOMER"


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key that wraps data keys; `current_version` is the backing key that new wraps use."""

    account_id: str
    region: str
    key_id: str
    manager: KeyManager
    state: KeyState
    current_version: int
    created_at: datetime
    description: str = ""

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:kms:{self.region}:{self.account_id}:key/{self.key_id}"


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key by id or by alias; exactly one of them is set."""

    account_id: str
    region: str
    key_id: str | None = None
    alias: str | None = None

    @property
    def arn(self) -> str:
        resource = self.alias if self.key_id is None else f"key/{self.key_id}"
        return f"arn:{partition_of(self.region)}:kms:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class KmsRefusal:
    """Why KMS would not use a key: its error code and its text."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} (Service: AWSKMS; Status Code: 400; Error Code: {self.code})"


def is_customer_alias(alias: str) -> bool:
    """Tell whether a customer may give a key this alias: `alias/aws/` is AWS's own."""
    return _ALIAS.fullmatch(alias) is not None and not alias.startswith("alias/aws/")


@lru_cache(maxsize=REFERENCES_KEPT)
def parse_reference(kms_key_id: str | None, *, account_id: str, region: str) -> KeyReference:
    """Return the key a request names.

    Raises:
        InvalidParameterException: the text is none of the four forms, or an ARN of another region.
    """
    if not kms_key_id:
        return KeyReference(account_id, region, alias=DEFAULT_ALIAS)
    if _ALIAS.fullmatch(kms_key_id):
        return KeyReference(account_id, region, alias=kms_key_id)
    if _KEY_ID.fullmatch(kms_key_id):
        return KeyReference(account_id, region, key_id=kms_key_id)
    arn = _ARN.fullmatch(kms_key_id)
    if arn is None or arn[1] != region:
        shown = kms_key_id if arn is None else arn[1]
        raise InvalidParameterException(f"The operation failed because of an invalid KMS key: Invalid arn {shown}")
    return KeyReference(arn[2], arn[1], key_id=arn[3], alias=arn[4])


def require_own(reference: KeyReference, account_id: str) -> None:
    """Refuse to encrypt with a key of another account."""
    if reference.account_id != account_id:
        raise not_allowed()


def not_allowed() -> AccessDeniedException:
    """The answer to a caller who may not use a key (reported)."""
    return AccessDeniedException("Access to KMS is not allowed")


def not_shareable() -> InvalidRequestException:
    """The answer to another account's caller where a value is under the default key (recorded)."""
    return InvalidRequestException(
        "You can't access a secret from a different AWS account if you encrypt the secret with the default "
        "KMS service key."
    )


def customer_key_needed() -> InvalidParameterException:
    """The answer to a cross-account replica without a key of its own (documented; class inferred, text ours)."""
    return InvalidParameterException("A cross-account replica needs a customer managed KMS key in KmsKeyId.")


def require_customer_managed(key: KmsKey) -> None:
    """Refuse an AWS managed key where a customer's own is needed."""
    if key.manager is not KeyManager.CUSTOMER:
        raise customer_key_needed()


def refusal(key: KmsKey | None, reference: KeyReference) -> KmsRefusal | None:
    """Return why the key cannot be used, or None when it can."""
    if key is None:
        if reference.alias is not None:
            return KmsRefusal("NotFoundException", f"Alias {reference.arn} is not found.")
        return KmsRefusal("NotFoundException", f"Key '{reference.arn}' does not exist")
    if key.state is KeyState.DISABLED:
        return KmsRefusal("DisabledException", f"{key.arn} is disabled.")
    if key.state is KeyState.PENDING_DELETION:
        return KmsRefusal("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    return None

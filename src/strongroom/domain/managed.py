"""Secrets that another AWS service owns, such as those of managed database passwords.

Rule: only the owner may change the value, labels or life of such a secret; it may be read, described, tagged,
shared and rotated like any other (documented). The owner is stored with the secret; nothing that a caller
sends can set it.
"""

from __future__ import annotations

from typing import Final

from strongroom.domain.secret import Secret
from strongroom.errors import InvalidRequestException

OWNERS_OPERATIONS: Final = frozenset(
    {
        "CancelRotateSecret",
        "DeleteSecret",
        "PutSecretValue",
        "RestoreSecret",
        "UpdateSecret",
        "UpdateSecretVersionStage",
    }
)


def require_unmanaged(secret: Secret, operation: str) -> None:
    """Refuse an operation that only the owner of a managed secret may use."""
    if secret.owning_service is not None and operation in OWNERS_OPERATIONS:
        raise InvalidRequestException(
            f"This secret is managed by {secret.owning_service}, and you must use that service to update it."
        )

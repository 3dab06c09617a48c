"""The other AWS services that clients of Secrets Manager call: STS and IAM, as far as they need them."""

from __future__ import annotations

from typing import Any, Final

from strongroom.companions import iam, sts
from strongroom.companions.base import CompanionOperation

OPERATIONS: Final[dict[tuple[str, str], CompanionOperation[Any]]] = {
    (operation.service.version, operation.name): operation
    for operation in (*sts.OPERATIONS.values(), *iam.OPERATIONS.values())
}
"""Every operation by its service's version and its name; what is not here does not exist."""

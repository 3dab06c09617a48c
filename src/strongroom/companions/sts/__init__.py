"""The operations of STS. One that is not in the table does not exist, whatever the service model says."""

from __future__ import annotations

from typing import Any, Final

from strongroom.companions.base import CompanionOperation
from strongroom.companions.sts import (
    assume_role,
    assume_role_with_web_identity,
    get_access_key_info,
    get_caller_identity,
    get_session_token,
)

OPERATIONS: Final[dict[str, CompanionOperation[Any]]] = {
    operation.name: operation
    for operation in (
        assume_role.OPERATION,
        assume_role_with_web_identity.OPERATION,
        get_access_key_info.OPERATION,
        get_caller_identity.OPERATION,
        get_session_token.OPERATION,
    )
}

"""IAM, as far as users, groups, roles, policies, keys and identity providers go.

Operations that a client calls before it deletes or audits an entity, and that are about what does not exist
here, answer truthfully that there is none (`absent`). Every other operation of IAM is unknown.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.companions.base import CompanionOperation
from strongroom.companions.iam import (
    absent,
    access_keys,
    account,
    attachments,
    boundaries,
    groups,
    identity_providers,
    inline_policies,
    managed_policies,
    policy_versions,
    roles,
    simulation,
    tagging,
    users,
)

_ALL: Final[tuple[CompanionOperation[Any], ...]] = (
    *users.OPERATIONS,
    *groups.OPERATIONS,
    *roles.OPERATIONS,
    *managed_policies.OPERATIONS,
    *policy_versions.OPERATIONS,
    *inline_policies.OPERATIONS,
    *attachments.OPERATIONS,
    *boundaries.OPERATIONS,
    *tagging.OPERATIONS,
    *access_keys.OPERATIONS,
    *identity_providers.OPERATIONS,
    *account.OPERATIONS,
    *simulation.OPERATIONS,
    *absent.OPERATIONS,
)
OPERATIONS: Final = {operation.name: operation for operation in _ALL}

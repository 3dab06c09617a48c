"""Whether an account has room for one more secret, without counting them at every creation."""

from __future__ import annotations

from typing import Final

from strongroom.domain.quotas import Quotas, require_room_for_secret
from strongroom.storage.base import Transaction

_SHARE: Final = 10
"""A tenth of the room found may be used before it is counted again; so at most a tenth of it is overlooked
when other processes create as well."""


class SecretRoom:
    """What this process knows of the room in each account and Region."""

    def __init__(self) -> None:
        self._creations_left: dict[tuple[str, str], int] = {}

    def require(self, tx: Transaction, account_id: str, region: str, quotas: Quotas) -> None:
        """Count one creation. Raises LimitExceededException when the account is full."""
        key = (account_id, region)
        if self._creations_left.get(key, 0) <= 0:
            count = tx.count_secrets(account_id, region)
            require_room_for_secret(count, quotas)
            self._creations_left[key] = (quotas.secrets - count) // _SHARE
        else:
            self._creations_left[key] -= 1

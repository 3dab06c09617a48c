"""What every ARN says, whatever it names: `arn:partition:service:region:account:resource` (documented)."""

from __future__ import annotations

from typing import Final

ARN_PARTS: Final = 6
"""Parts of an ARN between its first five colons; the last one may hold colons and slashes."""

ACCOUNT_PART: Final = 4


def account_of(arn: str) -> str:
    """Return the account that an ARN is of; empty for what is no ARN, and for what is nobody's."""
    parts = arn.split(":", ARN_PARTS - 1)
    return parts[ACCOUNT_PART] if len(parts) == ARN_PARTS else ""

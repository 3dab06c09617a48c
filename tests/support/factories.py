"""Records with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

from typing import Any, Final

from strongroom.domain.secret import Secret
from support.clock import NOW

ACCOUNT_ID: Final = "123456789012"
REGION: Final = "eu-central-1"
ARN_SUFFIX: Final = "a1B2c3"


def make_secret(**changes: Any) -> Secret:
    """Return a secret; the ARN follows name, account and Region unless it is given too."""
    members: dict[str, Any] = {
        "account_id": ACCOUNT_ID,
        "region": REGION,
        "name": "prod/db",
        "created_at": NOW,
        "last_changed_at": NOW,
        **changes,
    }
    members.setdefault(
        "arn",
        f"arn:aws:secretsmanager:{members['region']}:{members['account_id']}:secret:{members['name']}-{ARN_SUFFIX}",
    )
    return Secret(**members)

"""The set of named resource policies of a secret (documented).

Rules: users write the one called `default`; others are the service's own. A secret without a policy is no
error for `default` and not found for any other name. Listing names `default` first, the rest in order.

A principal's ARN in a policy means the user or role that had it when the policy was written: another one of
the same name gains nothing, and where the principal is gone the policy shows its unique id (recorded).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from strongroom.errors import InvalidParameterException, ResourceNotFoundException

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as it was written, and the unique ids of the principals that its ARNs meant then."""

    document: str
    principal_ids: tuple[tuple[str, str], ...] = ()

    def shown(self, is_there: Callable[[str, str], bool]) -> str:
        """Return the text, with the unique id of every principal that is not there any more in place of its ARN.

        `is_there(arn, unique_id)` tells whether this very principal has that ARN.
        """
        text = self.document
        for arn, unique_id in self.principal_ids:
            if not is_there(arn, unique_id):
                text = text.replace(json.dumps(arn), json.dumps(unique_id))
        return text


def require_writable(name: str | None) -> None:
    """Refuse to change a policy of the service (the class is documented, the text ours)."""
    if name not in (None, DEFAULT):
        raise InvalidParameterException(f"You can't change the resource policy {name}. You can change only {DEFAULT}.")


def require_known(name: str, present: Iterable[str]) -> None:
    """Refuse a name other than `default` that no policy has (the class is documented, the text ours)."""
    if name != DEFAULT and name not in present:
        raise ResourceNotFoundException(f"Secrets Manager can't find the resource policy {name} of the secret.")


def in_listing_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=listing_place)


def listing_place(name: str) -> tuple[bool, str]:
    return name != DEFAULT, name

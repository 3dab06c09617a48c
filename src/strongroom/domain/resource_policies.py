"""The set of named resource policies of a secret (documented).

Rules: users write the one called `default`; others are the service's own. A secret without a policy is no
error for `default` and not found for any other name. Listing names `default` first, the rest in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.errors import InvalidParameterException, ResourceNotFoundException

DEFAULT: Final = "default"


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

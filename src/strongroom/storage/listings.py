"""What listings ask of a database: stretches of an order, and what an index of names and terms lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from strongroom.domain.listing import Listing, ListingPosition
from strongroom.domain.narrowing import Narrowing
from strongroom.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Stretch:
    """Secrets that follow each other in an order, and the place up to which was looked: None for the order's end.

    There may be fewer than were asked for, even none, though the order goes on.
    """

    secrets: list[Secret]
    end: ListingPosition | None


class Listings(Protocol):
    """Each verb gives at most `limit` secrets that follow a place in the order of a listing."""

    def page(self, listing: Listing, after: ListingPosition | None, limit: int, *, name_prefix: str = "") -> Stretch:
        """Return secrets whose names begin with `name_prefix`: all of them, or, in the order of last reads, others
        too. Places that are passed over for their names are bounded in number.
        """
        ...

    def among(self, listing: Listing, names: Sequence[str], after: ListingPosition | None, limit: int) -> Stretch:
        """Return secrets of these names (some thousands at most), put in order."""
        ...

    def with_terms(self, listing: Listing, terms: Sequence[str], after: ListingPosition | None, limit: int) -> Stretch:
        """Return secrets that are indexed under one of these terms, in the order of creation only. Those scheduled for
        deletion are always among them.
        """
        ...

    def find_names(self, listing: Listing, narrowing: Narrowing, limit: int) -> list[str] | None:
        """Return the names that a narrowing lets through, each once; None when the index has more than `limit`."""
        ...

    def find_terms(self, listing: Listing, narrowing: Narrowing, limit: int) -> list[str] | None:
        """Return the terms in use that a narrowing lets through; None for more than `limit`, or if it names names."""
        ...

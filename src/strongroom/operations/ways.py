"""Ways to the page of a filtered listing, and which of them to follow.

Each way leads through the same order and lets every match through, so one can be left for another anywhere:

- Where an index knows of few candidates, those are put in order, and nothing else is looked at.
- By the beginning of names, in the orders whose indexes hold names.
- In the order of creation, through the secrets of a term.
- Through the order itself, all of it.

A way that lets through little but what matches is followed at once. Where none does, each is tried, and the index is
asked once more: for thousands of candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from strongroom.domain.filtering import Filter
from strongroom.domain.listing import Listing, ListingPosition, SortBy
from strongroom.domain.narrowing import Narrowing, name_prefix, narrowings
from strongroom.storage.base import Listings
from strongroom.storage.listings import Stretch

FEW_CANDIDATES: Final = 500
"""Candidates from the index that are put in order at once, before an order is walked."""

MAX_CANDIDATES: Final = 5_000
"""Candidates that are put in order for each page where no way finds enough of them: some 10 ms."""

CANDIDATES_PER_LOOK: Final = 4
"""Candidates that are put in order in the time of looking at one secret."""

MAX_NARROWINGS: Final = 4
"""Narrowings one call tries, those first that are likely to let the fewest through."""

MAX_TERMS: Final = 16
"""Terms whose secrets are followed side by side."""

SHORT_STRETCH: Final = 500
"""What a stretch that is short though the order goes on counts for: so many places were passed over to find it as take
the time of looking at so many secrets.
"""

CHUNK: Final = 500
"""Secrets that are looked at one after the other before it is considered where to go on."""

_GOOD_YIELD: Final = 0.25
"""The part of what a way lets through that should match. With less another one is tried."""

_Look: TypeAlias = Callable[[ListingPosition | None, int], Stretch]


@dataclass(slots=True)
class Way:
    """A way, what was looked at on it so far, and how much of that matched."""

    look: _Look
    examined: int = 0
    found: int = 0

    def follow(self, after: ListingPosition | None, limit: int) -> Stretch:
        stretch = self.look(after, limit)
        is_short = len(stretch.secrets) < limit and stretch.end is not None
        self.examined += SHORT_STRETCH if is_short else len(stretch.secrets)
        return stretch

    @property
    def is_good(self) -> bool:
        return self.found >= self.examined * _GOOD_YIELD

    def enough(self, missing: int) -> int:
        """Return how many to look at next: what is missing should be among them if matches stay as frequent."""
        if not self.examined:
            return min(missing, CHUNK)
        return min(missing * self.examined // max(self.found, 1) + missing // 4 + 1, CHUNK)


class Ways:
    """The ways to the pages of one listing."""

    def __init__(self, listings: Listings, listing: Listing, filters: Sequence[Filter]) -> None:
        self._listings = listings
        self._listing = listing
        self._prefix = name_prefix(filters)
        self._narrowings: list[Narrowing] = narrowings(filters)[:MAX_NARROWINGS]
        few = self._among(FEW_CANDIDATES)
        self._asked_for_many = few is not None
        self._ways = [few] if few is not None else [Way(look) for look in self._looks()]

    @property
    def examined(self) -> int:
        return sum(way.examined for way in self._ways)

    def best(self, missing: int) -> Way:
        """Return the way to go on with: the one that has found most, or the next where all find little."""
        best = max(self._ways, key=lambda way: way.found / max(way.examined, 1))
        if not best.is_good:
            best = next((way for way in self._ways if not way.examined), best)
        if best.is_good or self._asked_for_many:
            return best
        self._asked_for_many = True
        looks = missing * best.examined // max(best.found, 1)
        many = self._among(min(CANDIDATES_PER_LOOK * looks, MAX_CANDIDATES))
        if many is None:
            return best
        self._ways.append(many)
        return many

    def _among(self, limit: int) -> Way | None:
        """Return the way through all secrets that can match, where the index knows of no more than `limit`."""
        for narrowing in self._narrowings:
            names = self._listings.find_names(self._listing, narrowing, limit)
            if names is not None:
                return Way(partial(self._listings.among, self._listing, names))
        return None

    def _looks(self) -> Iterator[_Look]:
        """Yield what narrows; the order itself where nothing does."""
        narrowed = 0
        if self._listing.sort_by is SortBy.CREATED_DATE:
            for narrowing in self._narrowings:
                terms = self._listings.find_terms(self._listing, narrowing, MAX_TERMS)
                if terms is not None:
                    narrowed += 1
                    yield partial(self._listings.with_terms, self._listing, terms)
        if self._prefix or not narrowed:
            yield partial(self._listings.page, self._listing, name_prefix=self._prefix)

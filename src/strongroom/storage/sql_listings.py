"""Listings by SQL: stretches of an order, read from its index, and what the index of names and terms lets through.

`run` is a query by its name, with parameters; `SqlTransaction` hands down its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias

from strongroom.domain.listing import Listing, ListingPosition, SortBy, position_of
from strongroom.domain.narrowing import Narrowing, prefix_end
from strongroom.domain.secret import Secret
from strongroom.storage.listings import Stretch
from strongroom.storage.rows import Params, Row, secret_of
from strongroom.storage.term_index import Run, texts

_ORDERS: Final = {
    SortBy.NAME: "name",
    SortBy.CREATED_DATE: "creation",
    SortBy.LAST_CHANGED_DATE: "change",
    SortBy.LAST_ACCESSED_DATE: "access",
}
_PASSES_NAMES: Final = frozenset({SortBy.CREATED_DATE, SortBy.LAST_CHANGED_DATE})
"""Orders of whose index a stretch can be passed over for the names in it."""

MAX_PASSED: Final = 20_000
"""Places of an order that one statement passes over, in the index alone: some 4 ms."""

_WITH_TIES: Final = frozenset({"list_by_access", "list_by_access_desc"})
_LAST_TEXT: Final = "\U0010ffff"
_FIRST_VALUE: Final = -(2**63)
_LAST_VALUE: Final = 2**63 - 1

_Places: TypeAlias = list[tuple[int, str]]
"""Sort values and names, in the order of a listing."""


class SqlListings:
    """The `Listings` of one transaction."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def page(self, listing: Listing, after: ListingPosition | None, limit: int, *, name_prefix: str = "") -> Stretch:
        if name_prefix and listing.sort_by in _PASSES_NAMES:
            return self._with_prefix(listing, after, limit, name_prefix)
        query = _query("list", listing)
        params = _stretch(listing, after, name_prefix) | {"row_limit": limit}
        found = [
            secret_of(row)
            for scheduled in range(1 + listing.include_scheduled)
            for row in self._walk(query, params | {"scheduled": scheduled}, ties=after is not None)
        ]
        if listing.include_scheduled:
            found.sort(key=lambda secret: _sort_key(secret, listing.sort_by), reverse=listing.descending)
        return _stretch_of(found[:limit], listing, limit)

    def among(self, listing: Listing, names: Sequence[str], after: ListingPosition | None, limit: int) -> Stretch:
        params = _stretch(listing, after, "") | {"row_limit": limit, "texts": texts(names)}
        rows = self._run(_query("list_among", listing), params | {"scheduled": int(listing.include_scheduled)})
        return _stretch_of([secret_of(row) for row in rows], listing, limit)

    def with_terms(self, listing: Listing, terms: Sequence[str], after: ListingPosition | None, limit: int) -> Stretch:
        params = _stretch(listing, after, "") | {"row_limit": limit}
        query = _query("names_of_term", listing)
        of_terms: list[_Places] = [[(row[0], row[1]) for row in self._run(query, params | {"term": t})] for t in terms]
        ends = [places[-1] if len(places) == limit else None for places in of_terms]
        return self._merged(listing, of_terms, ends, limit)

    def find_names(self, listing: Listing, narrowing: Narrowing, limit: int) -> list[str] | None:
        names: list[str] = []
        for query, prefixes in (("names_with_prefix", narrowing.names), ("names_with_term", narrowing.terms)):
            for prefix in prefixes:
                bounds = _beginning(listing, prefix) | {"row_limit": limit + 1 - len(names)}
                names += [row[0] for row in self._run(query, bounds)]
                if len(names) > limit:
                    return None
        return list(dict.fromkeys(names))

    def find_terms(self, listing: Listing, narrowing: Narrowing, limit: int) -> list[str] | None:
        if narrowing.names:
            return None
        terms: list[str] = []
        for prefix in narrowing.terms:
            bounds = _beginning(listing, prefix) | {"row_limit": limit + 1 - len(terms)}
            terms += [row[0] for row in self._run("terms_with_prefix", bounds)]
            if len(terms) > limit:
                return None
        return terms

    def _with_prefix(self, listing: Listing, after: ListingPosition | None, limit: int, prefix: str) -> Stretch:
        """Pass over an order's index, whose entries hold the names, and look at the secrets that are wanted only."""
        params = _stretch(listing, after, "") | _beginning(listing, prefix) | {"row_limit": limit}
        found: list[_Places] = []
        ends: list[tuple[int, str] | None] = []
        for scheduled in range(1 + listing.include_scheduled):
            params |= {"scheduled": scheduled, "passed": MAX_PASSED, "skipped": MAX_PASSED - 1}
            places: _Places = [(row[0], row[1]) for row in self._run(_query("names", listing), params)]
            rows = places[-1:] if len(places) == limit else self._run(_query("place", listing), params)
            found.append(places)
            ends.append((rows[0][0], rows[0][1]) if rows else None)
        return self._merged(listing, found, ends, limit)

    def _merged(
        self, listing: Listing, parts: Sequence[_Places], ends: Sequence[tuple[int, str] | None], limit: int
    ) -> Stretch:
        """Return what several looks at one order have found, as far as all of them have come."""
        places = sorted(set(chain.from_iterable(parts)), reverse=listing.descending)
        reached = [end for end in ends if end is not None]
        end = None
        if reached:
            end = max(reached) if listing.descending else min(reached)
            places = [place for place in places if (place >= end if listing.descending else place <= end)]
        if len(places) > limit:
            places, end = places[:limit], places[limit - 1]
        return Stretch(self._named(listing, places), None if end is None else ListingPosition(*end))

    def _named(self, listing: Listing, places: _Places) -> list[Secret]:
        if not places:
            return []
        names = [name for _, name in places]
        rows = self._run("secrets_named", _place(listing) | {"texts": texts(names)})
        by_name = {secret.name: secret for secret in map(secret_of, rows)}
        return [by_name[name] for name in names if name in by_name]

    def _walk(self, query: str, params: Params, *, ties: bool) -> list[Row]:
        """Return the rows of an order that follow a place; those that tie with it come first."""
        limit = params["row_limit"]
        rows = self._run(f"{query}_ties", params) if ties and query in _WITH_TIES else []
        if len(rows) == limit:
            return rows
        return rows + self._run(query, params | {"row_limit": limit - len(rows)})


def _place(listing: Listing) -> Params:
    return {"account_id": listing.account_id, "region": listing.region}


def _beginning(listing: Listing, prefix: str) -> Params:
    return _place(listing) | {"floor": prefix, "ceiling": prefix_end(prefix)}


def _query(verb: str, listing: Listing) -> str:
    return f"{verb}_by_{_ORDERS[listing.sort_by]}{'_desc' if listing.descending else ''}"


def _stretch(listing: Listing, after: ListingPosition | None, name_prefix: str) -> Params:
    """Return the parameters that say where a stretch begins and ends."""
    params = _place(listing)
    if listing.sort_by is not SortBy.NAME:
        if after is not None:
            return params | {"value": after.value, "name": after.name}
        if listing.descending:
            return params | {"value": _LAST_VALUE, "name": _LAST_TEXT}
        return params | {"value": _FIRST_VALUE, "name": ""}
    floor, ceiling = name_prefix, prefix_end(name_prefix) if name_prefix else _LAST_TEXT
    if after is not None and listing.descending:
        ceiling = min(ceiling, after.name)
    elif after is not None:
        # The next name there can be: names hold no control characters, and PostgreSQL no U+0000.
        floor = max(floor, f"{after.name}\x01")
    return params | {"floor": floor, "ceiling": ceiling}


def _stretch_of(secrets: list[Secret], listing: Listing, limit: int) -> Stretch:
    return Stretch(secrets, position_of(secrets[-1], listing.sort_by) if len(secrets) == limit else None)


def _sort_key(secret: Secret, order: SortBy) -> tuple[str | int, str]:
    position = position_of(secret, order)
    return position.value, position.name

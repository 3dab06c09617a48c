"""Pages of lists: `Marker` and `MaxItems`.

Rules (documented, unless marked):
- A page has 100 items unless the request wants another number, up to 1,000. There may be more even if a page
  is short; `IsTruncated` says so, and `Marker` then asks for what follows.
- A marker is good for the same operation, account and parameters only; any other is a ValidationError (the
  code is inferred: no list operation has InvalidInput among its errors; the text is ours).
- What is deleted between two pages is not missed by the next one: a marker names the last item shown, and
  pages follow the order of names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import msgspec

from strongroom.companions.call import CompanionCall
from strongroom.domain.identity import IdentityKind, name_key
from strongroom.errors import InvalidNextTokenException, ValidationException
from strongroom.operations.base import Request

DEFAULT_ITEMS: Final = 100
BATCH: Final = 1_000
"""Rows read at once where a filter leaves only some of them."""

T = TypeVar("T")

Place = list[str]
"""Where an item stands: texts in the order of which the list is told."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    marker: str | None

    @property
    def is_truncated(self) -> bool:
        return self.marker is not None


def page(
    call: CompanionCall,
    request: Request,
    follow: Callable[[Place], Iterator[T]],
    place_of: Callable[[T], Place],
) -> Page[T]:
    """Return the page that a request asks for.

    Args:
        call: the call.
        request: with `marker` and `max_items`; the rest of it is what a marker is bound to.
        follow: yields the items that come after a place, in order; an empty place is before all.
        place_of: gives the place of an item.
    """
    marker: str | None = getattr(request, "marker", None)
    most: int = getattr(request, "max_items", None) or DEFAULT_ITEMS
    binding = (type(request).__name__, call.account_id, _bound(request))
    after = [] if marker is None else _open(call, marker, binding)
    items = list(islice(follow(after), most + 1))
    if len(items) <= most:
        return Page(items, None)
    return Page(items[:most], call.page_tokens.seal(place_of(items[most - 1]), *binding))


def page_of(call: CompanionCall, request: Request, items: Sequence[T], place_of: Callable[[T], str]) -> Page[T]:
    """Return a page of a list that is at hand."""
    places = sorted(((place_of(item), item) for item in items), key=lambda pair: pair[0])
    return page(
        call,
        request,
        lambda after: (item for place, item in places if not after or place > after[0]),
        lambda item: [place_of(item)],
    )


def named_entities(call: CompanionCall, kind: IdentityKind, prefix: str | None, after: str = "") -> Iterator[Any]:
    """Yield the entities of a kind whose path begins with a prefix, in the order of their names."""
    while True:
        batch = call.tx.identities.page(kind, call.account_id, after=after, limit=BATCH)
        yield from (entity for entity in batch if entity.path.startswith(prefix or "/"))
        if len(batch) < BATCH:
            return
        after = name_key(kind, batch[-1].name)


def page_of_entities(call: CompanionCall, request: Request, kind: IdentityKind, prefix: str | None) -> Page[Any]:
    return page(
        call,
        request,
        lambda after: named_entities(call, kind, prefix, after[0] if after else ""),
        lambda entity: [name_key(kind, entity.name)],
    )


def _bound(request: Request) -> str:
    members = {name: getattr(request, name) for name in request.__struct_fields__}
    return msgspec.json.encode(
        [value for name, value in members.items() if name not in ("marker", "max_items")]
    ).decode()


def _open(call: CompanionCall, marker: str, binding: tuple[str, ...]) -> Place:
    try:
        return call.page_tokens.open(marker, Place, *binding)
    except InvalidNextTokenException:
        raise ValidationException("Invalid Marker.") from None

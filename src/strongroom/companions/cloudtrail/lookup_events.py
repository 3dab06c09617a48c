"""LookupEvents: the events of the caller's account and region, newest first, by one attribute and between times.

Rules (documented, unless marked):
- One attribute at most. Times include both ends; a start after the end is InvalidTimeRangeException.
- A page has up to 50 events. A token is good for a call with the same parameters only. A page may have fewer
  events than there are, or none, and a token nevertheless: a call reads one page of the index, which looks
  at a bounded number of events (ours).
- Only management events are recorded, so the category `insight` is refused (ours).
- A resource's name is that of the secret or its ARN; an event tells both, where both are known (inferred).
- Where the index is off nothing could be found, and the call says so (ours).

Texts are ours: none is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from strongroom.audit.events import resource_query
from strongroom.companions.base import CLOUDTRAIL, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.domain.timestamps import from_micros, to_micros, wire_time
from strongroom.domain.trail_event import EventPlace, EventQuery, TrailEvent
from strongroom.errors import (
    InvalidEventCategoryException,
    InvalidLookupAttributesException,
    InvalidMaxResultsException,
    InvalidTimeRangeException,
    UnsupportedOperationException,
)
from strongroom.operations.base import REQUIRED, Request, Response, Shape, limits
from strongroom.policy.access_request import NO_RESOURCE

MAX_RESULTS: Final = 50

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRUTH: Final = {"true": True, "false": False}


class LookupAttribute(Shape, kw_only=True):
    attribute_key: str = REQUIRED
    attribute_value: Annotated[str, limits(1, 2_000)] = REQUIRED


class LookupEventsRequest(Request, kw_only=True):
    lookup_attributes: list[LookupAttribute] | None = None
    start_time: float | None = None
    end_time: float | None = None
    event_category: str | None = None
    max_results: int | None = None
    next_token: str | None = None


class Resource(Shape, kw_only=True):
    resource_type: str | None = None
    resource_name: str | None = None


class Event(Shape, kw_only=True):
    event_id: str | None = None
    event_name: str | None = None
    read_only: str | None = None
    access_key_id: str | None = None
    event_time: float | None = None
    event_source: str | None = None
    username: str | None = None
    resources: list[Resource] | None = None
    cloud_trail_event: str | None = None


class LookupEventsResponse(Response, kw_only=True):
    events: list[Event] | None = None
    next_token: str | None = None


def lookup_events(call: CompanionCall, request: LookupEventsRequest) -> LookupEventsResponse:
    query, most = _query_of(call, request), _page_size(request)
    if not call.event_days:
        raise UnsupportedOperationException("Events are not kept here: audit_index_days is 0.")
    binding = (OPERATION.name, call.account_id, call.region, _bound(request))
    after = None
    if request.next_token is not None:
        micros, sequence, event_id = call.page_tokens.open(request.next_token, tuple[int, int, str], *binding)
        after = EventPlace(from_micros(micros), sequence, event_id)
    page, token = call.tx.trail.events(query, after, most), None
    if (end := page.after) is not None:
        token = call.page_tokens.seal((to_micros(end.happened_at), end.sequence, end.event_id), *binding)
    return LookupEventsResponse(events=[_shown(event) for event in page.events], next_token=token)


def _page_size(request: LookupEventsRequest) -> int:
    most = MAX_RESULTS if request.max_results is None else request.max_results
    if not 1 <= most <= MAX_RESULTS:
        raise InvalidMaxResultsException(f"MaxResults must be between 1 and {MAX_RESULTS}.")
    return most


def _query_of(call: CompanionCall, request: LookupEventsRequest) -> EventQuery:
    if request.event_category is not None:
        raise InvalidEventCategoryException("Only management events are recorded; leave EventCategory out.")
    since = _BEGINNING if request.start_time is None else _instant(request.start_time)
    until = max(call.now, since) if request.end_time is None else _instant(request.end_time)
    if since > until:
        raise InvalidTimeRangeException("StartTime must not be after EndTime.")
    attributes = request.lookup_attributes or []
    if len(attributes) > 1:
        raise InvalidLookupAttributesException("You can specify only one lookup attribute.")
    wanted: dict[str, Any] = {}
    for attribute in attributes:
        if attribute.attribute_key not in _ATTRIBUTES:
            raise InvalidLookupAttributesException(
                f"AttributeKey must be one of {', '.join(_ATTRIBUTES)}, not {attribute.attribute_key}."
            )
        wanted |= _ATTRIBUTES[attribute.attribute_key](attribute.attribute_value)
    return EventQuery(call.account_id, since, until, region=call.region, **wanted)


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidTimeRangeException("A time is outside the range of possible values.") from None


def _read_only(text: str) -> Mapping[str, Any]:
    if text not in _TRUTH:
        raise InvalidLookupAttributesException("The value of ReadOnly must be true or false.")
    return {"read_only": _TRUTH[text]}


_ATTRIBUTES: Final[dict[str, Callable[[str], Mapping[str, Any]]]] = {
    "EventId": lambda text: {"event_id": text},
    "EventName": lambda text: {"event_name": text},
    "ReadOnly": _read_only,
    "Username": lambda text: {"username": text},
    "ResourceType": lambda text: {"resource_type": text},
    "ResourceName": resource_query,
    "EventSource": lambda text: {"event_source": text},
    "AccessKeyId": lambda text: {"access_key_id": text},
}


def _bound(request: LookupEventsRequest) -> str:
    asked = [(one.attribute_key, one.attribute_value) for one in request.lookup_attributes or ()]
    return msgspec.json.encode((asked, request.start_time, request.end_time)).decode()


def _shown(event: TrailEvent) -> Event:
    names = [name for name in (event.resource_name, event.resource_arn) if name is not None]
    return Event(
        event_id=event.event_id,
        event_name=event.event_name,
        read_only=str(event.read_only).lower(),
        access_key_id=event.access_key_id,
        event_time=wire_time(event.happened_at),
        event_source=event.event_source,
        username=event.username,
        resources=[Resource(resource_type=event.resource_type, resource_name=name) for name in names],
        cloud_trail_event=event.record,
    )


OPERATION = CompanionOperation(
    service=CLOUDTRAIL,
    name="LookupEvents",
    request=LookupEventsRequest,
    result=LookupEventsResponse,
    access=Access.SIGNED,
    resource=lambda _request, _account_id, _caller: NO_RESOURCE,
    mutates=False,
    handler=lookup_events,
    shown_request=("lookup_attributes", "start_time", "end_time", "event_category", "max_results"),
    shown_response=(),
)

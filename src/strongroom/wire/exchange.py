"""A request and its answer as plain values, what an answer may have to wait for, and its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from strongroom.promises import Awaited

Headers = list[tuple[bytes, bytes]]


class HttpRequest(msgspec.Struct, frozen=True):
    """A request as it came: header names in lower case, in order of arrival."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: Headers
    body: bytes
    source_ip: str
    http_version: str = "1.1"
    tls_version: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """An answer as it goes out; `headers` lack only what the connection adds."""

    status: int
    headers: Headers
    body: bytes


class Unrecorded(msgspec.Struct, frozen=True):
    """What may be answered when its record is on the trail, and not before.

    `write` puts records there, whosesoever, or raises; `finish` gives the answer, or the one to give instead because
    of what `write` raised. It raises nothing.
    """

    record: bytes
    write: Callable[[Sequence[bytes]], None]
    finish: Callable[[Exception | None], Answer]


Ready: TypeAlias = Answer | Unrecorded
"""What nothing but its record has to be waited for."""


class Pending(msgspec.Struct, frozen=True):
    """An answer that waits for `future`; `finish` turns its outcome into the answer, or into another wait."""

    future: Awaited[Any]
    finish: Callable[[Any], Outcome]


Outcome: TypeAlias = Ready | Pending


def write_together(unrecorded: Sequence[Unrecorded]) -> Exception | None:
    """Put the records of answers of one server on its trail in one piece; return what prevented it, of all of them."""
    try:
        if unrecorded:
            unrecorded[0].write([one.record for one in unrecorded])
    except Exception as error:  # noqa: BLE001 - whatever it was, none of them may leave
        return error
    return None


def waited(outcome: Outcome) -> Answer:
    """Return what an outcome comes to, waiting as long as it takes."""
    while isinstance(outcome, Pending):
        outcome = outcome.finish(outcome.future)
    return outcome.finish(write_together([outcome])) if isinstance(outcome, Unrecorded) else outcome

"""A request and its answer as plain values, and what an answer may have to wait for."""

from __future__ import annotations

from collections.abc import Callable
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


class Pending(msgspec.Struct, frozen=True):
    """An answer that waits for `future`; `finish` turns its outcome into the answer, or into another wait."""

    future: Awaited[Any]
    finish: Callable[[Any], Outcome]


Outcome: TypeAlias = Answer | Pending


def waited(outcome: Outcome) -> Answer:
    """Return what an outcome comes to, waiting as long as it takes."""
    while isinstance(outcome, Pending):
        outcome = outcome.finish(outcome.future)
    return outcome

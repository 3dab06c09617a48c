"""Records looked up in trail files: the calls of one request, and who has used what since when.

Trails are read as they are; that they are whole is for `verify` to prove. A line that is being written, or is
none of ours, is passed over.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from strongroom.audit.chain import take_apart
from strongroom.audit.files import open_content

MAX_RECORDS: Final = 100
"""Records of one request that are looked for: a batch has a record for each of its secrets."""

COMPRESSED: Final = ".gz"
"""How the name of a file ends that nothing is added to any more and that was compressed."""

_DENIED: Final = "AccessDenied"


def find_request(paths: Iterable[Path], request_id: str) -> list[dict[str, Any]]:
    """Return the records of a request, oldest first; late ones are found soon."""
    wanted = b'"requestID":' + msgspec.json.encode(request_id)
    found = [record for path in paths for record in _find_backwards(path, wanted)]
    return sorted(found[:MAX_RECORDS], key=lambda record: str(record["eventTime"]))


def _find_backwards(path: Path, wanted: bytes) -> Iterator[dict[str, Any]]:
    if path.suffix == COMPRESSED:
        yield from reversed(list(_find_forwards(path, wanted)))
        return
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = len(content)
            while (place := content.rfind(wanted, 0, end)) >= 0:
                end = content.rfind(b"\n", 0, place) + 1
                line_end = content.find(b"\n", place)
                chained = take_apart(content[end : line_end if line_end >= 0 else len(content)])
                if chained is not None:
                    yield msgspec.json.decode(chained.record)


def _find_forwards(path: Path, wanted: bytes) -> Iterator[dict[str, Any]]:
    with open_content(path) as file:
        for line in file:
            chained = take_apart(line.rstrip(b"\n")) if wanted in line else None
            if chained is not None:
                yield msgspec.json.decode(chained.record)


class _Issuer(msgspec.Struct):
    principal_id: str | None = msgspec.field(name="principalId", default=None)


class _SessionContext(msgspec.Struct):
    issuer: _Issuer | None = msgspec.field(name="sessionIssuer", default=None)


class _Identity(msgspec.Struct):
    principal_id: str | None = msgspec.field(name="principalId", default=None)
    access_key_id: str | None = msgspec.field(name="accessKeyId", default=None)
    session: _SessionContext | None = msgspec.field(name="sessionContext", default=None)


class _Record(msgspec.Struct, rename="camel"):
    event_time: str
    event_source: str
    event_name: str
    user_identity: _Identity
    error_code: str | None = None


@dataclass(slots=True)
class Uses:
    """What the trails show: by the unique id of a user or role, and by access key id.

    `last` has the latest time of a call, `actions` those that were allowed, as `service:Name`. `first_time` and
    `last_time` are the span that the trails cover; None when they are empty.
    """

    first_time: str | None = None
    last_time: str | None = None
    last: dict[str, str] = field(default_factory=dict)
    actions: dict[str, set[str]] = field(default_factory=dict)


def uses_in(paths: Iterable[Path], since: str) -> Uses:
    """Return who has used what; actions since an instant only, as CloudTrail writes it."""
    uses, decode = Uses(), msgspec.json.Decoder(_Record).decode
    for path in paths:
        with open_content(path) as file:
            for line in file:
                try:
                    _count(uses, decode(line), since)
                except msgspec.MsgspecError:
                    continue
    return uses


def _count(uses: Uses, record: _Record, since: str) -> None:
    time = record.event_time
    uses.first_time = min(uses.first_time or time, time)
    uses.last_time = max(uses.last_time or time, time)
    identity = record.user_identity
    session = identity.session
    issuer = None if session is None or session.issuer is None else session.issuer.principal_id
    for user in {issuer or identity.principal_id, identity.access_key_id}:
        if not user:
            continue
        uses.last[user] = max(uses.last.get(user, time), time)
        if record.error_code != _DENIED and time >= since:
            action = f"{record.event_source.partition('.')[0]}:{record.event_name}"
            uses.actions.setdefault(user, set()).add(action)

"""`strongroom audit export`: the events of the index as files for other tools.

`jsonl` is one file of records, oldest first. `cloudtrail` is what CloudTrail delivers: below
AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/, gzip files with {"Records": [...]} (documented), here one for each
hour. Names follow from the content, so that exporting again writes the same files. Events without an account,
from callers that nobody knows, stand under the server's own.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.audit.events import resource_query
from strongroom.cli.audit_search import Secret, Since, Until, found, reading, require_index
from strongroom.cli.moments import parse_moment
from strongroom.cli.options import AccountId, ConfigFile, Database, DataDir, existing_deployment
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.domain.trail_event import EventQuery, TrailEvent
from strongroom.storage.base import Storage

HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)


class Format(StrEnum):
    """What `--format` may be."""

    JSONL = "jsonl"
    CLOUDTRAIL = "cloudtrail"


def export(
    output: Annotated[Path, typer.Option(help="Directory to write to; it is made if it is not there.")],
    file_format: Annotated[Format, typer.Option("--format", help="How to write the events.")] = Format.JSONL,
    secret: Secret = None,
    since: Since = None,
    until: Until = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Write events of the index, of all accounts and nodes, to files; print how many."""
    config = existing_deployment(config_file, data_dir, database)
    require_index(config)
    now = SystemClock().now()
    start = now - timedelta(days=config.audit_index_days) if since is None else parse_moment(since, now)
    end = now if until is None else parse_moment(until, now)
    named = {} if secret is None else resource_query(secret)
    query = EventQuery("", start, end, **named)  # type: ignore[arg-type] # attributes that are texts
    output.mkdir(parents=True, exist_ok=True)
    with reading(config) as storage:
        hours = _by_hour(storage, query, account_id)
        if file_format is Format.JSONL:
            count = _write_lines(output / "events.jsonl", hours)
        else:
            count = sum(_write_cloudtrail(output, config, events) for events in hours)
    typer.echo(f"{count} events written to {output}")


def _by_hour(storage: Storage, query: EventQuery, account_id: str | None) -> Iterator[list[TrailEvent]]:
    """Yield the events of each hour, oldest first."""
    start = query.since
    while start <= query.until:
        following = start.replace(minute=0, second=0, microsecond=0) + HOUR
        within = EventQuery(
            "",
            start,
            min(following - _SECOND, query.until),
            resource_name=query.resource_name,
            resource_arn=query.resource_arn,
        )
        if events := list(found(storage, within, account_id)):
            yield events[::-1]
        start = following


def _write_lines(path: Path, hours: Iterator[list[TrailEvent]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for events in hours:
            file.writelines(f"{event.record}\n" for event in events)
            count += len(events)
    return count


def _write_cloudtrail(output: Path, config: Config, events: list[TrailEvent]) -> int:
    grouped: dict[tuple[str, str], list[TrailEvent]] = defaultdict(list)
    for event in events:
        grouped[event.account_id or config.account_id, event.region or config.region].append(event)
    for (account_id, region), group in grouped.items():
        path = output / delivery_path(account_id, region, group[0].happened_at, [event.event_id for event in group])
        path.parent.mkdir(parents=True, exist_ok=True)
        content = '{"Records":[' + ",".join(event.record for event in group) + "]}"
        path.write_bytes(gzip.compress(content.encode(), mtime=0))
    return len(events)


def delivery_path(account_id: str, region: str, begin: datetime, event_ids: list[str]) -> str:
    """Return the path below which CloudTrail would deliver these events."""
    unique = hashlib.sha256("\n".join(event_ids).encode()).hexdigest()[:16]
    folder = f"AWSLogs/{account_id}/CloudTrail/{region}/{begin:%Y/%m/%d}"
    return f"{folder}/{account_id}_CloudTrail_{region}_{begin:%Y%m%dT%H00Z}_{unique}.json.gz"

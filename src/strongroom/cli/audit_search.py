"""`strongroom audit search` and `readers`: questions to the index of the trail, or to the trail itself."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import typer

from strongroom.app import open_storage
from strongroom.audit.events import event_of, resource_query
from strongroom.audit.files import records_after, trail_names
from strongroom.audit.record import event_time
from strongroom.cli.audit_lines import line_of
from strongroom.cli.moments import parse_moment
from strongroom.cli.options import AccountId, AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_json, print_table
from strongroom.clock import SystemClock
from strongroom.config import Config
from strongroom.data_directory import find_node_id
from strongroom.domain import identifiers
from strongroom.domain.trail_event import EventPlace, EventQuery, Outcome, Reader, TrailEvent
from strongroom.errors import OperatorError, ServiceError
from strongroom.storage.base import Storage, Transaction

PAGE: Final = 500
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SESSION: Final = ":assumed-role/"

Secret: TypeAlias = Annotated[str | None, typer.Option("--secret", help="Name or ARN of the secret.")]
Since: TypeAlias = Annotated[str | None, typer.Option("--since", help="From when on: a date, a time, or 7d, 12h, 30m.")]
Until: TypeAlias = Annotated[str | None, typer.Option("--until", help="Up to when.")]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="Region of the calls.")]


def search(
    secret: Secret = None,
    principal: Annotated[str | None, typer.Option(help="ARN, or name of a user or a session.")] = None,
    operation: Annotated[str | None, typer.Option(help="Name of the operation, as in DeleteSecret.")] = None,
    since: Since = None,
    until: Until = None,
    outcome: Annotated[Outcome | None, typer.Option(help="What came of the call.")] = None,
    limit: Annotated[int, typer.Option(help="How many events to print at most.")] = 100,
    from_trail: Annotated[
        bool, typer.Option("--trail", help="Read the files of this data directory instead of the index.")
    ] = False,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Print the events for which all of this holds, newest first, of all accounts and nodes."""
    config = existing_deployment(config_file, data_dir, database)
    query = _query(secret, principal, operation, since, until, region, outcome)
    if from_trail:
        events = _from_files(config, query, account_id)
        _print(heapq.nlargest(limit, events, key=lambda event: event.place), as_json=as_json)
        return
    require_index(config)
    with reading(config) as storage:
        _print(islice(found(storage, query, account_id), limit), as_json=as_json)


def readers(
    secret: Annotated[str, typer.Argument(help="Name or ARN of the secret; the ARN also after it is gone.")],
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Show who read a secret: from where, with what, which version, how often and when last."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    require_index(config)
    with reading(config) as storage:
        told = storage.read(lambda tx: tx.trail.readers(_arn_of(tx, secret, config)))
    rows = [_shown(reader) for reader in told]
    if as_json:
        print_json(rows)
        return
    headers = ("principal", "address", "client", "version", "reads", "refused", "first", "last", "last refused")
    print_table(headers, [[str(value or "-") for value in row.values()] for row in rows])


def found(storage: Storage, query: EventQuery, account_id: str | None) -> Iterator[TrailEvent]:
    """Yield the events that are asked for, of one account or of all, newest first."""
    accounts = [account_id]
    if account_id is None:
        accounts = ["", *(known for known, _ in storage.read(lambda tx: tx.list_accounts()))]
    streams = [_of_account(storage, replace(query, account_id=str(one))) for one in accounts]
    return heapq.merge(*streams, key=lambda event: event.place, reverse=True)


def require_index(config: Config) -> None:
    """Raise OperatorError where events are not kept."""
    if not config.audit_index_days:
        raise OperatorError(
            "The audit trail has no index.",
            why="the setting audit_index_days is 0",
            next_step="set it to a number of days and start the server, or search the files: audit search --trail",
        )


def _of_account(storage: Storage, query: EventQuery) -> Iterator[TrailEvent]:
    after: EventPlace | None = None
    while True:
        page = storage.read(lambda tx, after=after: tx.trail.events(query, after, PAGE))  # type: ignore[misc]
        yield from page.events
        if page.after is None:
            return
        after = page.after


def _from_files(config: Config, query: EventQuery, account_id: str | None) -> Iterator[TrailEvent]:
    node = find_node_id(config)
    for trail in trail_names(config.audit_dir):
        for placed in records_after(config.audit_dir, trail, None, synced=False):
            event = event_of(placed.line.record, f"{node}/{trail}", placed.line.sequence)
            if event is None or account_id not in (None, event.account_id):
                continue
            if query.resource_arn is not None and event.resource_arn is None:  # which a name alone does not tell
                event = event._replace(resource_arn=query.resource_arn)
            if replace(query, account_id=event.account_id).wants(event):
                yield event


def _query(
    secret: str | None,
    principal: str | None,
    operation: str | None,
    since: str | None,
    until: str | None,
    region: str | None,
    outcome: Outcome | None,
) -> EventQuery:
    now = SystemClock().now()
    more: dict[str, Any] = _named(principal) if secret is None else {**resource_query(secret), **_named(principal)}
    return EventQuery(
        account_id="",
        since=BEGINNING if since is None else parse_moment(since, now),
        until=now if until is None else parse_moment(until, now),
        region=region,
        event_name=operation,
        outcome=outcome,
        **more,
    )


def _named(principal: str | None) -> dict[str, str]:
    if principal is None:
        return {}
    if not principal.startswith("arn:"):
        return {"username": principal}
    if _SESSION in principal:
        return {"username": principal.rsplit("/", 1)[-1], "identity_arn": principal}
    return {"principal_arn": principal}


def _arn_of(tx: Transaction, secret: str, config: Config) -> str:
    account_id, region = config.account_id, config.region
    try:
        named = identifiers.parse_secret_id(secret, account_id=account_id, region=region)
    except ServiceError:
        named = None
    if named is not None and named.arn is not None:
        return named.arn
    known = None if named is None else tx.find_secret(named.account_id, named.region, named.name)
    if known is None:
        raise OperatorError(
            f"There is no secret {secret} in account {account_id}, region {region}.",
            why="a name is of one account and region, and of a secret that is still there",
            next_step="give --region and --account-id, or the ARN, which finds the readers of a purged secret too",
        )
    return known.arn


@contextmanager
def reading(config: Config) -> Iterator[Storage]:
    storage = open_storage(config)
    try:
        yield storage
    finally:
        storage.close()


def _print(events: Any, *, as_json: bool) -> None:
    for event in events:
        typer.echo(event.record if as_json else line_of(msgspec.json.decode(event.record)))


def _shown(reader: Reader) -> dict[str, Any]:
    return {
        "principal": reader.principal_arn,
        "sourceIPAddress": reader.source_ip,
        "userAgent": reader.agent,
        "versionStage": reader.stage,
        "reads": reader.reads,
        "refusals": reader.refusals,
        "firstTime": event_time(reader.first_at),
        "lastTime": event_time(reader.last_at),
        "lastRefusedTime": None if reader.refused_at is None else event_time(reader.refused_at),
    }

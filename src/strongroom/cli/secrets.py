"""`strongroom secrets`: deletes secrets after showing what hangs on them, and looks after scheduled deletions.

Exit statuses of `delete`, for programs (docs/deletion.md):
  0  deleted, or a dry run that found neither readers nor references
  1  the command could not be carried out; 2 it was misspelt
  3  somebody still reads a secret: nothing was done to it
  4  a dry run found nobody who reads it, but policies, replicas or secrets that refer to it
  5  the service refused to change a secret (protected, too short a window, replicas)
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
import typer

from strongroom.cli import secrets_bulk, secrets_pending
from strongroom.cli.desk import Desk, open_desk
from strongroom.cli.options import AccountId, AsJson, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_json
from strongroom.cli.secrets_bulk import Selection
from strongroom.cli.secrets_door import DELETE, KEPT, REFUSED, RESTORE, get, refused_by
from strongroom.cli.secrets_journal import Outcome, Plan, resume
from strongroom.cli.secrets_report import Report, print_report, report_on, shown
from strongroom.domain import deletion
from strongroom.domain.secret import Secret
from strongroom.errors import OperatorError, ServiceError
from strongroom.vigilance import deletion_rules_of

app = typer.Typer(help="Delete and restore secrets safely; hold deletions.", no_args_is_help=True)

RECENT_DAYS: Final = 7

Region: TypeAlias = Annotated[
    str | None, typer.Option("--region", help="Region of the secrets; default: the setting region.")
]
Prefix: TypeAlias = Annotated[str | None, typer.Option("--prefix", help="All secrets whose names begin so.")]
Tags: TypeAlias = Annotated[list[str] | None, typer.Option("--tag", help="All secrets with this tag, key=value.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")]
JournalFile: TypeAlias = Annotated[
    Path | None, typer.Option("--journal", help="File that a bulk change is written down in.")
]
Resume: TypeAlias = Annotated[
    Path | None, typer.Option("--resume", help="Journal of an interrupted bulk change, to go on with it.")
]


class Exit(IntEnum):
    """Exit statuses that programs may rely on."""

    DONE = 0
    STILL_READ = 3
    REFERRED_TO = 4
    REFUSED = 5


@app.command("delete")
def delete(
    name: Annotated[str | None, typer.Argument(help="Name or ARN of a secret.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what hangs on it.")] = False,
    yes: Yes = False,
    days: Annotated[int | None, typer.Option("--recovery-window-in-days", help="7 to 30; default 30.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Delete at once: nothing can be restored.")] = False,
    recent_days: Annotated[int, typer.Option(help="Who read it in so many days still reads it.")] = RECENT_DAYS,
    despite_readers: Annotated[bool, typer.Option("--despite-readers", help="Delete what is still read.")] = False,
    prefix: Prefix = None,
    tag: Tags = None,
    journal: JournalFile = None,
    resume_from: Resume = None,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Show who reads a secret and what refers to it; with --yes delete it, unless somebody still reads it."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    selection = Selection.of(name, prefix, tag, is_resumed=resume_from is not None)
    with open_desk(config) as desk:
        plan = Plan(
            action=DELETE,
            account_id=config.account_id,
            region=config.region,
            started_at=desk.now,
            recovery_window_in_days=days,
            force=force,
        )
        window, kept = _window(days, force=force), list[Outcome]()
        if resume_from is None:
            reports = [_report(desk, secret, window, recent_days) for secret in selection.secrets(desk)]
            if not yes or dry_run:
                raise typer.Exit(_shown_only(reports, as_json=as_json))
            plan, kept = _planned(plan, reports, despite_readers=despite_readers)
        raise typer.Exit(_run(desk, plan, kept, selection, journal, resume_from, as_json=as_json))


@app.command("restore")
def restore(
    name: Annotated[str | None, typer.Argument(help="Name or ARN of a secret.")] = None,
    yes: Yes = False,
    prefix: Prefix = None,
    tag: Tags = None,
    journal: JournalFile = None,
    resume_from: Resume = None,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Take scheduled deletions back; with --prefix or --tag only --yes does so, and without it they are shown."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    selection = Selection.of(name, prefix, tag, is_resumed=resume_from is not None)
    with open_desk(config) as desk:
        secrets = [] if resume_from else [one for one in selection.secrets(desk) if one.purge_at or selection.name]
        if not (yes or selection.name or resume_from):
            secrets_pending.print_pending(desk, secrets, as_json=as_json)
            raise typer.Exit(Exit.DONE)
        plan = Plan(
            action=RESTORE,
            account_id=config.account_id,
            region=config.region,
            started_at=desk.now,
            secrets=[secret.arn for secret in secrets],
        )
        raise typer.Exit(_run(desk, plan, [], selection, journal, resume_from, as_json=as_json))


@app.command("pending")
def pending(
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
    as_json: AsJson = False,
) -> None:
    """List scheduled deletions: until when, who asked for them, and whose reads were refused since."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        secrets_pending.print_pending(desk, secrets_pending.scheduled(desk, region), as_json=as_json)


@app.command("hold")
def hold(
    name: str,
    until: Annotated[
        datetime | None, typer.Option(help="Until when, UTC; default: as far as deletion_hold_max_days allows.")
    ] = None,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Postpone the purge of a secret until a person decides."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        secrets_pending.hold(desk, get(desk, name), until)


@app.command("release")
def release(
    name: str,
    yes: Yes = False,
    region: Region = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Let a held deletion go on at the date that was asked for; --yes is needed where that has passed."""
    config = existing_deployment(config_file, data_dir, database, account_id, region)
    with open_desk(config) as desk:
        secrets_pending.release(desk, get(desk, name), confirmed=yes)


def _planned(plan: Plan, reports: list[Report], *, despite_readers: bool) -> tuple[Plan, list[Outcome]]:
    """Return the plan for what nobody reads, and what is kept because somebody does."""
    read = [report.secret for report in reports if report.is_read and not despite_readers]
    arns = [report.secret.arn for report in reports if report.secret not in read]
    kept = [Outcome(secret.arn, secret.name, KEPT, "somebody still reads it") for secret in read]
    return msgspec.structs.replace(plan, secrets=arns), kept


def _window(days: int | None, *, force: bool) -> timedelta:
    try:
        return deletion.recovery_window(days, force=force)
    except ServiceError as error:
        raise refused_by(error) from error


def _report(desk: Desk, secret: Secret, window: timedelta, recent_days: int) -> Report:
    return desk.storage.read(
        lambda tx: report_on(
            tx,
            secret,
            desk.now,
            window=window,
            recent=timedelta(days=recent_days),
            rules=deletion_rules_of(desk.config),
            is_indexed=desk.config.audit_index_days > 0,
        )
    )


def _shown_only(reports: list[Report], *, as_json: bool) -> Exit:
    if as_json:
        print_json([shown(report) for report in reports])
    else:
        for report in reports:
            print_report(report)
    if any(report.is_read for report in reports):
        return Exit.STILL_READ
    return Exit.REFERRED_TO if any(report.is_referred_to for report in reports) else Exit.DONE


def _run(
    desk: Desk,
    plan: Plan,
    kept: list[Outcome],
    selection: Selection,
    journal: Path | None,
    resume_from: Path | None,
    *,
    as_json: bool,
) -> Exit:
    if resume_from is not None:
        begun = resume(resume_from)
        place = (begun.plan.action, begun.plan.account_id, begun.plan.region)
        if place != (plan.action, plan.account_id, plan.region):
            raise OperatorError(
                f"The journal {resume_from} is of another command.",
                why=f"it says {place[0]} in account {place[1]}, region {place[2]}",
                next_step="go on with that command, or name another journal",
            )
        outcomes = secrets_bulk.go_on(desk, begun)
    elif selection.name is not None:
        outcomes = secrets_bulk.change_one(desk, plan)
    else:
        outcomes = secrets_bulk.change_many(desk, plan, journal)
    outcomes = kept + outcomes
    secrets_bulk.print_outcomes(outcomes, as_json=as_json)
    if any(outcome.outcome == REFUSED for outcome in outcomes):
        return Exit.REFUSED
    return Exit.STILL_READ if kept else Exit.DONE

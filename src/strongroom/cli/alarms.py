"""`strongroom alarms`: the states of alarms, their history, and a notice to try a receiver with."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Final

import typer

from strongroom import ids
from strongroom.alarms.base import Sink, SinkError, members_of
from strongroom.cli.desk import open_desk
from strongroom.cli.options import AsJson, ConfigFile, Database, DataDir, configuration, existing_deployment
from strongroom.cli.output import print_json, print_table
from strongroom.cli.secrets_report import told
from strongroom.clock import SystemClock
from strongroom.domain.alarms import Alarm, AlarmState, AlarmStatus, Notice
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError
from strongroom.vigilance import sinks_of
from strongroom.workers.alarms import NOTIFY_JOB

app = typer.Typer(help="Alarms: what rings, what has rung, and whether receivers hear it.", no_args_is_help=True)

HISTORY: Final = 100
STILL_RINGING: Final = 3
"""Exit status of `list` and `show` while something rings."""


@app.command("list")
def list_alarms(
    config_file: ConfigFile = None, data_dir: DataDir = None, database: Database = None, as_json: AsJson = False
) -> None:
    """Show every alarm and what it rings about; the exit status is 3 while any does."""
    config = existing_deployment(config_file, data_dir, database)
    with open_desk(config) as desk:
        states = desk.storage.read(lambda tx: tx.alarms.states())
        waiting = sum(job.kind == NOTIFY_JOB for job in desk.storage.read(lambda tx: tx.list_jobs()))
    ringing: dict[str, list[AlarmStatus]] = defaultdict(list)
    for status in states:
        if status.state is AlarmState.ALARM:
            ringing[status.alarm].append(status)
    if as_json:
        print_json(
            {
                "Alarms": {alarm.value: [_shown(status) for status in ringing[alarm]] for alarm in Alarm},
                "Off": list(config.alarms_off),
                "Receivers": {name: sink.describe() for name, sink in sinks_of(config).items()},
                "NoticesWaiting": waiting,
            }
        )
    else:
        rows = []
        for alarm in Alarm:
            state = "off" if alarm in config.alarms_off else "ALARM" if ringing[alarm] else "ok"
            rows.append([alarm.value, state, "", ""])
            rows += [["", "", status.subject, status.reason] for status in ringing[alarm]]
        print_table(("alarm", "state", "about", "why"), rows)
        typer.echo(f"notices that wait to be told: {waiting}")
    if any(ringing.values()):
        raise typer.Exit(STILL_RINGING)


@app.command("show")
def show(
    name: str,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes of an alarm, the last ones first."""
    if name not in set(Alarm):
        raise OperatorError(
            f"There is no alarm {name}.", why="alarms have fixed names", next_step=f"use one of: {', '.join(Alarm)}"
        )
    config = existing_deployment(config_file, data_dir, database)
    with open_desk(config) as desk:
        notices = desk.storage.read(lambda tx: tx.alarms.notices(name, HISTORY))
    if as_json:
        print_json([members_of(notice) for notice in notices])
        return
    rows = [[told(one.happened_at), one.state.value, one.subject, one.reason] for one in notices]
    print_table(("time", "state", "about", "why"), rows)


@app.command("test")
def try_out(
    receiver: Annotated[str | None, typer.Argument(help="Name of one receiver; default: all of them.")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Send a notice to receivers at once, and say whether they took it. Needs no running server."""
    sinks = sinks_of(configuration(config_file).config)
    chosen = {name: sink for name, sink in sinks.items() if receiver in (None, name)}
    if not chosen:
        raise OperatorError(
            "There is no receiver to test.",
            why=f"the setting alarms_sinks names {', '.join(sinks) or 'none'}",
            next_step="name one of them, or set alarms_sinks (docs/alarms.md)",
        )
    refused = [name for name, sink in chosen.items() if not _takes(name, sink)]
    if refused:
        raise typer.Exit(1)


def _takes(name: str, sink: Sink) -> bool:
    now = SystemClock().now()
    notice = Notice(
        ids.random_uuid(SystemEntropy()), "test", "strongroom alarms test", AlarmState.ALARM, now, "Nothing happened."
    )
    try:
        sink.send(notice, now)
    except SinkError as error:
        typer.echo(f"{name}: refused: {error}")
        return False
    typer.echo(f"{name}: took notice {notice.notice_id} ({sink.describe()})")
    return True


def _shown(status: AlarmStatus) -> dict[str, object]:
    return {"Subject": status.subject, "Since": status.since, "Reason": status.reason}

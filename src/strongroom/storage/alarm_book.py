"""The verbs about scheduled deletions and about alarms, over one open transaction: `run` reads, `change` writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from strongroom.domain.alarms import AlarmState, AlarmStatus, Failure, Notice
from strongroom.domain.principal import root_arn
from strongroom.domain.protection import PlannedDeletion
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import from_micros, to_micros
from strongroom.domain.trail_event import EventQuery
from strongroom.storage.records import Job
from strongroom.storage.rows import SECRET_COLUMNS, Params, Row, job_of, micros, secret_of
from strongroom.storage.trail_index import LAST_INSTANT, SqlTrailIndex, every_event
from strongroom.storage.watching import RootCall

Run = Callable[[str, Params], list[Row]]

_WATCH: Final = "trail"


class SqlDeletions:
    """`Deletions` over one open transaction."""

    def __init__(self, run: Run, change: Run) -> None:
        self._run = run
        self._change = change

    def find(self, arn: str) -> PlannedDeletion | None:
        rows = self._run("find_planned_deletion", {"arn": arn})
        return _planned_of(rows[0]) if rows else None

    def put(self, planned: PlannedDeletion) -> None:
        params: Params = {name: getattr(planned, name) for name in ("arn", "account_id", "region", "name")}
        params |= {"scheduled_by": planned.scheduled_by, "due_at": to_micros(planned.due_at)}
        self._change("put_planned_deletion", params | {"held_by": planned.held_by, "held_at": micros(planned.held_at)})

    def delete(self, arn: str) -> None:
        self._change("delete_planned_deletion", {"arn": arn})

    def scheduled(self, before: datetime, limit: int) -> list[Secret]:
        rows = self._run("list_scheduled_secrets", {"before": to_micros(before), "row_limit": limit})
        return [secret_of(row) for row in rows]

    def find_secret(self, arn: str) -> Secret | None:
        rows = self._run("find_secret_anywhere", {"arn": arn})
        return secret_of(rows[0][:SECRET_COLUMNS]) if rows else None


class SqlAlarmBook:
    """`AlarmBook` over one open transaction."""

    def __init__(self, run: Run, change: Run) -> None:
        self._run = run
        self._change = change

    # --- states and notices

    def states(self) -> list[AlarmStatus]:
        rows = self._run("list_alarm_states", {})
        return [AlarmStatus(row[0], row[1], AlarmState(row[2]), from_micros(row[3]), row[4]) for row in rows]

    def put_state(self, status: AlarmStatus) -> bool:
        params: Params = {"alarm": status.alarm, "subject": status.subject, "state": status.state.value}
        params |= {"since": to_micros(status.since), "reason": status.reason}
        return bool(self._change("put_alarm_state", params))

    def delete_quiet(self, before: datetime) -> None:
        self._change("delete_quiet_alarm_states", {"before": to_micros(before)})

    def insert_notice(self, notice: Notice) -> None:
        params: Params = {"notice_id": notice.notice_id, "alarm": notice.alarm, "subject": notice.subject}
        params |= {"state": notice.state.value, "happened_at": to_micros(notice.happened_at), "reason": notice.reason}
        self._change("insert_alarm_notice", params)

    def find_notice(self, notice_id: str) -> Notice | None:
        rows = self._run("find_alarm_notice", {"notice_id": notice_id})
        return _notice_of(rows[0]) if rows else None

    def notices(self, alarm: str, limit: int) -> list[Notice]:
        return [_notice_of(row) for row in self._run("list_alarm_notices", {"alarm": alarm, "row_limit": limit})]

    def delete_notices(self, before: datetime) -> None:
        self._change("delete_alarm_notices", {"before": to_micros(before)})

    # --- their delivery

    def is_notice_due(self, now: datetime) -> bool:
        return bool(self._run("find_due_notice", {"now": to_micros(now)}))

    def claim_notices(self, owner: str, now: datetime, lease_until: datetime, limit: int) -> list[Job]:
        params: Params = {"owner": owner, "now": to_micros(now), "lease_until": to_micros(lease_until)}
        rows = self._change("claim_notices", params | {"row_limit": limit})
        return sorted((job_of(row) for row in rows), key=lambda job: (job.run_at, job.subject))

    # --- what is watched

    def seen_until(self) -> datetime | None:
        rows = self._run("find_alarm_watch", {"watch": _WATCH})
        return from_micros(rows[0][0]) if rows else None

    def put_seen_until(self, now: datetime) -> None:
        self._change("put_alarm_watch", {"watch": _WATCH, "seen_until": to_micros(now)})

    def failed_reads(self, since: datetime, limit: int) -> list[Failure]:
        return self._failures("list_failed_reads", since, limit)

    def denials(self, since: datetime, limit: int) -> list[Failure]:
        return self._failures("list_denials", since, limit)

    def _failures(self, query: str, since: datetime, limit: int) -> list[Failure]:
        rows = self._run(query, {"since": to_micros(since), "row_limit": limit})
        return [Failure(from_micros(row[0]), *row[1:]) for row in rows]

    def failed_rotations(self, account_id: str, since: datetime, limit: int) -> list[str]:
        params: Params = {"account_id": account_id, "since": to_micros(since), "row_limit": limit}
        return [row[0] for row in self._run("list_failed_rotations", params)]

    def wide_readers(self, since: datetime, least: int, limit: int) -> list[str]:
        params: Params = {"since": to_micros(since), "least": least, "row_limit": limit}
        return [row[0] for row in self._run("list_wide_readers", params)]

    def reads_of(self, principal_arn: str, since: datetime, limit: int) -> list[datetime]:
        params: Params = {"principal_arn": principal_arn, "since": to_micros(since), "row_limit": limit}
        return [from_micros(row[0]) for row in self._run("list_reads_of", params)]

    def root_call(self, account_id: str, since: datetime) -> RootCall | None:
        """Return the last call that was signed with a key of the root of an account that has users or roles."""
        if not self._run("has_identities", {"account_id": account_id}):
            return None
        query = EventQuery(account_id, since, LAST_INSTANT, principal_arn=root_arn(account_id))
        for event in every_event(SqlTrailIndex(self._run, self._change), query):
            if event.access_key_id:
                return RootCall(event.happened_at, event.event_name, event.source_ip)
        return None

    def failed_replicas(self, limit: int) -> list[tuple[str, str | None]]:
        return [(row[0], row[1]) for row in self._run("list_failed_replicas", {"row_limit": limit})]


def _planned_of(row: Row) -> PlannedDeletion:
    members: list[Any] = list(row)
    members[5] = from_micros(row[5])
    members[7] = None if row[7] is None else from_micros(row[7])
    return PlannedDeletion(*members)


def _notice_of(row: Row) -> Notice:
    return Notice(row[0], row[1], row[2], AlarmState(row[3]), from_micros(row[4]), row[5])

"""The verbs of a transaction that are about jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from strongroom.domain.timestamps import to_micros
from strongroom.storage.base import Job
from strongroom.storage.rows import Params, Row, job_of


class SqlJobs(ABC):
    """That part of a `Transaction`."""

    @abstractmethod
    def _run(self, name: str, params: Params) -> list[Row]: ...

    @abstractmethod
    def _change(self, name: str, params: Params) -> list[Row]: ...

    def put_job(self, job: Job) -> None:
        self._change(
            "put_job",
            {
                "kind": job.kind,
                "subject": job.subject,
                "account_id": job.account_id,
                "region": job.region,
                "run_at": to_micros(job.run_at),
            },
        )

    def find_job(self, kind: str, subject: str) -> Job | None:
        rows = self._run("find_job", {"kind": kind, "subject": subject})
        return job_of(rows[0]) if rows else None

    def claim_jobs(self, owner: str, now: datetime, lease_until: datetime, limit: int, *, newest: bool) -> list[Job]:
        params = {"owner": owner, "now": to_micros(now), "lease_until": to_micros(lease_until), "row_limit": limit}
        rows = self._change("claim_newest_jobs" if newest else "claim_oldest_jobs", params)
        return sorted((job_of(row) for row in rows), key=lambda job: (job.run_at, job.subject))

    def is_job_due(self, now: datetime) -> bool:
        return bool(self._run("find_due_job", {"now": to_micros(now)}))

    def finish_job(self, job: Job) -> bool:
        return bool(self._change("finish_job", {"kind": job.kind, "subject": job.subject, "fence": job.fence}))

    def retry_job(self, job: Job, run_at: datetime, error: str) -> bool:
        params = {"kind": job.kind, "subject": job.subject, "fence": job.fence}
        return bool(self._change("retry_job", params | {"run_at": to_micros(run_at), "last_error": error}))

    def release_jobs(self, owner: str) -> None:
        self._change("release_jobs", {"owner": owner})

    def delete_job(self, kind: str, subject: str) -> None:
        self._change("delete_job", {"kind": kind, "subject": subject})

    def list_jobs(self) -> list[Job]:
        return [job_of(row) for row in self._run("list_jobs", {})]

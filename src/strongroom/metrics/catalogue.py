"""Every metric there is: its kind, what it means, and the buckets of latencies.

Names carry no secret, ARN or key id, and neither do labels: they would leak, and grow without bound.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """Numbers of several processes add up, except gauges, of which the newest counts."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(NamedTuple):
    kind: Kind
    help: str


BUCKETS: Final = (0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds in seconds: a read takes some tenths of a millisecond, a write some milliseconds of disk."""

PREFIX: Final = "strongroom_"

_COUNTERS: Final = {
    "requests_total": "Answered requests, by operation and outcome code.",
    "failed_authentications_total": "Signatures that did not match, unknown key ids, and who had to wait for them.",
    "unreadable_policies_total": "Calls denied because a stored policy cannot be read any more.",
    "tampered_ciphertexts_total": "Stored values that failed authentication when opened.",
    "refused_reads_of_deleted_secrets_total": "GetSecretValue calls refused because of a scheduled deletion.",
    "access_dates_failed_total": "Times that dates of reads (LastAccessedDate) could not be written and were kept.",
    "access_dates_lost_total": "Dates of reads that were given up: too many waited, or the process ended.",
    "audit_failures_total": "Requests refused because the audit trail could not be written.",
    "purged_secrets_total": "Secrets deleted for good.",
    "purged_versions_total": "Deprecated versions removed by the clean-up.",
    "jobs_failed_total": "Attempts of background jobs that ended in an error.",
    "trail_syncs_total": "Times the audit trail was put on disk (fdatasync).",
    "commits_total": "Database transactions that changed something and were committed.",
    "alarm_notices_sent_total": "Changes of alarms that were told to a receiver.",
    "alarm_notices_failed_total": "Attempts to tell a receiver that failed; each is tried again.",
    "committed_calls_total": "Calls and jobs that those transactions acknowledged; several may share one.",
}

_GAUGES: Final = {
    "alarm_state": "Whether an alarm rings (1) or not (0), by its name.",
    "secrets": "Secrets by state: live, or scheduled for deletion. Counted every minute.",
    "purges_due": "Secrets whose deletion date has passed and that are not purged yet. Counted every minute.",
    "oldest_due_purge_seconds": "For how long the oldest of them has been due.",
    "jobs": "Background jobs by kind and state: waiting, due, or failing. Counted every minute.",
    "keyring_term_age_seconds": "Age of the newest keyring term.",
    "oldest_access_key_age_seconds": "Age of the oldest active access key.",
    "audit_lag_seconds": "How far the index of the trail is behind the trail.",
}

FAMILIES: Final[dict[str, Family]] = {
    **{name: Family(Kind.COUNTER, text) for name, text in _COUNTERS.items()},
    **{name: Family(Kind.GAUGE, text) for name, text in _GAUGES.items()},
    "request_seconds": Family(
        Kind.HISTOGRAM,
        "Time from a request's arrival, read whole, to its answer, by operation and outcome: success, refused, failed.",
    ),
}

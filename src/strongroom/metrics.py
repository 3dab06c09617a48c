"""Counters and gauges of the process, as plain integers, in Prometheus' text form on request.

Names carry no secret, ARN or key id: they would leak, and grow without bound.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

_HELP: Final = {
    "requests_total": "Answered requests, by operation and outcome code.",
    "tampered_ciphertexts_total": "Stored values that failed authentication when opened.",
    "refused_reads_of_deleted_secrets_total": "GetSecretValue calls refused because of a scheduled deletion.",
    "audit_failures_total": "Requests refused because the audit trail could not be written.",
    "failed_authentications_total": "Signatures that did not match, unknown key ids, and who had to wait for them.",
    "purged_secrets_total": "Secrets deleted for good.",
    "purged_versions_total": "Deprecated versions removed by the clean-up.",
    "jobs_failed_total": "Attempts of background jobs that ended in an error.",
    "trail_syncs_total": "Times the audit trail was put on disk (fdatasync).",
    "commits_total": "Database transactions that changed something and were committed.",
    "audit_events_indexed_total": "Records of the audit trails copied into the index.",
    "audit_index_lag_seconds": "Age of the last record in the index while newer ones wait; 0 when none does.",
    "alarm_state": "Whether an alarm rings (1) or not (0), by its name.",
    "alarm_notices_sent_total": "Changes of alarms that were told to a receiver.",
    "alarm_notices_failed_total": "Attempts to tell a receiver that failed; each is tried again.",
    "committed_calls_total": "Calls and jobs that those transactions acknowledged; several may share one.",
}

_GAUGES: Final = frozenset({"alarm_state", "audit_index_lag_seconds"})


class Metrics:
    """A bag of monotonic counters, and of gauges that are put to what is so now.

    Safe to use from several threads: none loses what another adds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter({(name, ""): 0 for name in _HELP})

    def increment(self, name: str, labels: str = "", by: int = 1) -> None:
        """Add to a counter named in this module; `labels` are in Prometheus' own syntax."""
        with self._lock:
            self._counts[name, labels] += by

    def put(self, name: str, value: int, labels: str = "") -> None:
        """Say what a gauge named in this module shows now."""
        with self._lock:
            self._counts[name, labels] = value

    def value(self, name: str, labels: str = "") -> int:
        return self._counts[name, labels]

    def render(self) -> str:
        """Return all counters as Prometheus text."""
        with self._lock:
            counts = dict(self._counts)
        labelled = {name for name, labels in counts if labels}
        lines = []
        for name, help_text in _HELP.items():
            kind = "gauge" if name in _GAUGES else "counter"
            lines += [f"# HELP strongroom_{name} {help_text}", f"# TYPE strongroom_{name} {kind}"]
            for (counted, labels), count in sorted(counts.items()):
                if counted == name and (labels or name not in labelled):
                    lines.append(f"strongroom_{name}{f'{{{labels}}}' if labels else ''} {count}")
        return "\n".join(lines) + "\n"

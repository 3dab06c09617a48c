"""What the rows of the database and the records of the trails must agree with."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chaos.calls import SAME_CLOCK
from chaos.client import Answer
from chaos.owner import Grave
from chaos.plant import AWAY, Plant
from chaos.violation import require
from strongroom.audit.trail import take_apart

NO_ROW_MAY_BE: Final = {
    "versions without a value or a key": """
        SELECT arn, version_id FROM versions
        WHERE deleted_at IS NULL AND (ciphertext IS NULL OR wrapped_key IS NULL)""",
    "secrets without a current version": """
        SELECT arn FROM secrets WHERE arn NOT IN (SELECT arn FROM stages WHERE label = 'AWSCURRENT')""",
    "versions of no secret": "SELECT arn FROM versions WHERE arn NOT IN (SELECT arn FROM secrets)",
    "labels of no secret": "SELECT arn FROM stages WHERE arn NOT IN (SELECT arn FROM secrets)",
    "labels of no version": """
        SELECT stages.arn, label FROM stages LEFT JOIN versions
        ON versions.arn = stages.arn AND versions.version_id = stages.version_id WHERE versions.arn IS NULL""",
    "index terms of no secret": "SELECT name FROM secret_terms WHERE name NOT IN (SELECT name FROM secrets)",
    "scheduled secrets that no job will purge": """
        SELECT arn FROM secrets WHERE purge_at IS NOT NULL
        AND arn NOT IN (SELECT subject FROM jobs WHERE kind = 'purge' AND run_at >= purge_at)""",
    "purges of what is not scheduled": """
        SELECT subject FROM jobs WHERE kind = 'purge'
        AND subject NOT IN (SELECT arn FROM secrets WHERE purge_at IS NOT NULL)""",
    # A replica that is made again has the ARN that it had.
    "secrets both purged and there": """
        SELECT arn FROM secrets WHERE arn IN (SELECT arn FROM tombstones)
        AND (primary_region IS NULL OR primary_region = region)""",
    "replicas that no primary has": """
        SELECT arn FROM secrets WHERE primary_region <> region AND purge_at IS NULL
        AND arn NOT IN (SELECT replica_arn FROM replicas)""",
    "primaries of replicas that are scheduled or gone": """
        SELECT arn FROM replicas WHERE arn NOT IN (SELECT arn FROM secrets WHERE purge_at IS NULL)""",
    "access keys of nobody": """
        SELECT access_key_id FROM access_keys
        WHERE principal_id NOT IN (SELECT unique_id FROM identities) AND principal_id <> account_id""",
    "policies of nobody": """
        SELECT holder_id FROM identity_policies WHERE holder_id NOT IN (SELECT unique_id FROM identities)""",
}

RECORDED_AS: Final = {"AccessDeniedException": "AccessDenied"}
"""Errors that the trail has under another name, as CloudTrail does."""

STUCK_SECONDS: Final = 20.0
MICROS: Final = 1_000_000


def require_whole_rows(plant: Plant) -> None:
    for what, statement in NO_ROW_MAY_BE.items():
        found = plant.sql(statement)
        require(not found, f"there are {what}: {found[:5]}")


def require_no_stuck_jobs(plant: Plant, *, patience: float = STUCK_SECONDS) -> None:
    """Every job that is due is done, soon after the storm."""
    due = int(time.time() * MICROS)
    deadline = time.monotonic() + patience
    while left := plant.sql("SELECT kind, subject, attempts, last_error FROM jobs WHERE run_at <= :due", due=due):
        require(time.monotonic() < deadline, f"jobs are stuck: {left[:5]}")
        time.sleep(0.05)


def tombstones(plant: Plant) -> dict[str, float]:
    """Return when each purged secret went, by its ARN."""
    return {arn: at / MICROS for arn, at in plant.sql("SELECT arn, purged_at FROM tombstones") if not is_away(arn)}


def require_removed(plant: Plant, removed: set[str]) -> None:
    """No replica was purged but those that were to go."""
    purged = {arn for (arn,) in plant.sql("SELECT arn FROM tombstones") if is_away(arn)}
    require(purged <= removed, f"replicas purged unasked: {sorted(purged - removed)}")


def is_away(arn: str) -> bool:
    """Tell whether an ARN is of a replica: there is nothing else in the other regions."""
    return not set(AWAY).isdisjoint(arn.split(":"))


def require_graves(stones: Mapping[str, float], graves: Mapping[str, Grave], due: Mapping[str, Grave]) -> None:
    """What was purged has one tombstone, of its date or later; so may what is due by now, and nothing else."""
    require(not graves.keys() - stones.keys(), f"purged without a tombstone: {graves.keys() - stones.keys()}")
    unasked = stones.keys() - graves.keys() - due.keys()
    require(not unasked, f"purged unasked, or before their date: {unasked}")
    for arn, at in stones.items():
        earliest = (graves.get(arn) or due[arn]).purge_at
        require(at >= earliest - SAME_CLOCK, f"{arn} was purged at {at}, before {earliest}")


def require_recorded(records: list[dict[str, Any]], answered: Iterable[tuple[str, Answer]]) -> None:
    """Every call that was answered is on the trail exactly once, under its name and with its outcome."""
    calls = defaultdict(list)
    for one in records:
        if one["eventType"] == "AwsApiCall":
            calls[one["requestID"]].append((one["eventName"], one.get("errorCode", "")))
    for operation, answer in answered:
        found, code = calls[answer.request_id], RECORDED_AS.get(answer.code, answer.code)
        require(found == [(operation, code)], f"{operation} {answer.request_id} {answer.code}: trail has {found}")


def require_told_purges(records: list[dict[str, Any]], graves: Mapping[str, Grave], due: Mapping[str, Grave]) -> None:
    """The end of each version is told once for each purge at most, and of no version that is still there.

    What is due by now may be on its way. Replicas come and go under one ARN, and are not counted.
    """
    told: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in records:
        if one["eventName"] in {"StartSecretVersionDelete", "EndSecretVersionDelete"}:
            details = one["additionalEventData"]
            if is_away(details["SecretId"]):
                continue
            told[one["eventName"], details["SecretId"], details["VersionId"]].add(one["eventID"])
    for (name, arn, version), event_ids in told.items():
        grave = graves.get(arn) or due.get(arn)
        require(grave is not None and version in grave.versions, f"{name} of {version} of {arn}, which is there")
        if grave is not None:
            require(len(event_ids) <= grave.deletions, f"{name} of {version} of {arn} is told as {event_ids}")
    counted = Counter((name, arn) for name, arn, _ in told)
    for arn, grave in graves.items():
        for name in ("StartSecretVersionDelete", "EndSecretVersionDelete"):
            require(counted[name, arn] == len(grave.versions), f"{arn}: {counted[name, arn]} times {name}")


def trail_records(plant: Plant) -> list[dict[str, Any]]:
    """Return the records of all trails of all nodes; a torn line is the end of one that is being written."""
    records = []
    for path in sorted(path for node in plant.nodes for path in (node.data_dir / "audit").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            part = take_apart(line)
            require(part is not None, f"{path.name} has a line that is no record")
            if part is not None:
                records.append(json.loads(part.record))
    return records


def require_proven_trails(plant: Plant) -> None:
    for node in plant.nodes:
        verified = node.command("audit", "verify")
        require(verified.returncode == 0, f"the trails do not verify: {verified.stdout}{verified.stderr}")

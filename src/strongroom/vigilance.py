"""What the settings say about deletions and alarms, and the threads that index, watch and tell, put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from strongroom.alarms.base import Sender, Sink, SinkError
from strongroom.alarms.trust import Trust
from strongroom.clock import Clock
from strongroom.config import MIN_SECRET_LENGTH, Config, unusable
from strongroom.domain.alarms import Alarm, Thresholds
from strongroom.domain.protection import MAX_HOLD_DAYS, DeletionRules, parse_minimum_windows
from strongroom.errors import OperatorError
from strongroom.metrics import Metrics
from strongroom.storage.base import Storage
from strongroom.workers.alarms import AlarmWatch
from strongroom.workers.audit_index import AuditIndex
from strongroom.workers.courier import Courier
from strongroom.workers.trail_keeper import TrailKeeper


@dataclass(frozen=True, slots=True)
class Vigilance:
    """The threads of a node that watch for alarms and tell receivers."""

    watch: AlarmWatch
    courier: Courier

    def start(self) -> None:
        self.watch.start()
        self.courier.start()

    def stop(self) -> None:
        self.watch.stop()
        self.courier.stop()


def open_vigilance(
    config: Config,
    storage: Storage,
    clock: Clock,
    metrics: Metrics,
    *,
    node: str,
    keeper: TrailKeeper,
    index: AuditIndex | None,
) -> Vigilance:
    """Put together what watches and tells. Raises OperatorError for settings that make no sense."""
    sinks = sinks_of(config)
    watch = AlarmWatch(
        storage,
        clock,
        metrics,
        thresholds=thresholds_of(config),
        receivers=sinks,
        broken_trails=lambda: keeper.broken,
        index_lag=None if index is None else lambda: index.lag,
    )
    return Vigilance(watch, Courier(storage, clock, metrics, sinks=sinks, owner=f"{node}/courier"))


def open_index(config: Config, storage: Storage, clock: Clock, metrics: Metrics, *, node: str) -> AuditIndex | None:
    """Return what copies the trail into the table that is asked about it, unless the settings want none."""
    if not config.audit_index_days:
        return None
    kept = timedelta(days=config.audit_index_days)
    return AuditIndex(storage, clock, metrics, node=node, folder=config.audit_dir, kept=kept)


def deletion_rules_of(config: Config) -> DeletionRules:
    """Return what is to be kept from being deleted. Raises OperatorError."""
    for name in ("deletion_hold_on_read_days", "deletion_hold_max_days"):
        if not 0 <= getattr(config, name) <= MAX_HOLD_DAYS:
            raise unusable(name, f"0 to {MAX_HOLD_DAYS} days")
    try:
        minimums = parse_minimum_windows(config.deletion_min_days)
    except ValueError as error:
        raise unusable("deletion_min_days", str(error)) from error
    hold, most = timedelta(days=config.deletion_hold_on_read_days), timedelta(days=config.deletion_hold_max_days)
    return DeletionRules(hold, most, minimums)


def thresholds_of(config: Config) -> Thresholds:
    """Return from when on alarms ring. Raises OperatorError."""
    for holds, name, why in _rules_of_thresholds(config):
        if not holds:
            raise unusable(name, why)
    return Thresholds(
        denied_calls=config.alarms_denied_calls,
        denied_within=timedelta(minutes=config.alarms_denied_minutes),
        mass_reads=config.alarms_mass_reads,
        mass_within=timedelta(minutes=config.alarms_mass_minutes),
        purge_within=timedelta(days=config.alarms_purge_days),
        off=frozenset(config.alarms_off),
    )


def sinks_of(config: Config) -> dict[str, Sink]:
    """Return the receivers of notices by name. Raises OperatorError."""
    key = config.alarms_signing_key
    if key is not None and len(key) < MIN_SECRET_LENGTH:
        raise unusable("alarms_signing_key", f"at least {MIN_SECRET_LENGTH} characters")
    trust = _trust_of(config)
    if not config.alarms_sinks:
        return {}
    # Loads the libraries of all kinds of receivers, a twentieth of a start.
    from strongroom.alarms.destinations import parse_sinks  # noqa: PLC0415

    try:
        return parse_sinks(config.alarms_sinks, Sender(config.account_id, config.region), key, trust)
    except ValueError as error:
        raise OperatorError(
            "The setting alarms_sinks names a receiver that cannot be used.",
            why=str(error),
            next_step="its forms are in docs/alarms.md",
        ) from error


def _trust_of(config: Config) -> Trust:
    trust = Trust(config.alarms_ca_file)
    if trust.ca_file is not None:
        try:
            trust.context()
        except SinkError as error:
            raise unusable("alarms_ca_file", str(error)) from error
    return trust


def _rules_of_thresholds(config: Config) -> Iterator[tuple[Any, str, str]]:
    """Yield whether a rule holds, of which setting, and what it says."""
    yield set(config.alarms_off) <= set(Alarm), "alarms_off", f"names among {', '.join(Alarm)}"
    yield config.alarms_purge_days >= 0, "alarms_purge_days", "a number of days"
    for name in ("alarms_denied_calls", "alarms_denied_minutes", "alarms_mass_reads", "alarms_mass_minutes"):
        yield getattr(config, name) > 0, name, "a positive number"

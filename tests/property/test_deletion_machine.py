"""Deletion under any sequence of schedules, restores, waits and purges."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strongroom.domain import deletion
from strongroom.domain.secret import Secret, Version
from strongroom.errors import InvalidParameterException, InvalidRequestException
from support.clock import NOW
from support.factories import make_secret

windows = st.integers(deletion.MIN_WINDOW_DAYS, deletion.MAX_WINDOW_DAYS)


class DeletionMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.secret: Secret = make_secret()
        self.now: datetime = NOW
        self.ends: datetime | None = None

    @rule(days=st.none() | windows)
    def schedule(self, days: int | None) -> None:
        if deletion.is_scheduled(self.secret):
            with pytest.raises(InvalidRequestException, match="marked for deletion"):
                deletion.require_usable(self.secret)
            return
        window = deletion.recovery_window(days, force=False)
        self.secret = deletion.schedule(self.secret, window, self.now)
        self.ends = self.now + timedelta(days=days or deletion.DEFAULT_WINDOW_DAYS)

    @rule()
    def force(self) -> None:
        self.secret = deletion.schedule(self.secret, deletion.recovery_window(None, force=True), self.now)
        self.ends = self.now

    @rule()
    def restore(self) -> None:
        if self.ends is not None and self.now >= self.ends:
            with pytest.raises(InvalidRequestException, match="it was deleted"):
                deletion.restore(self.secret, self.now)
        else:
            self.secret = deletion.restore(self.secret, self.now)
            self.ends = None

    @rule(hours=st.integers(1, 24 * 40))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def it_is_purgeable_from_its_deletion_date_on_and_never_before(self) -> None:
        assert deletion.is_purgeable(self.secret, self.now) == (self.ends is not None and self.now >= self.ends)
        if self.ends is not None:
            assert not deletion.is_purgeable(self.secret, self.ends - timedelta(microseconds=1))
            assert deletion.is_purgeable(self.secret, self.ends)

    @invariant()
    def both_dates_are_set_or_neither(self) -> None:
        assert (self.secret.deleted_at is None) == (self.secret.purge_at is None) == (self.ends is None)


TestDeletionMachine = DeletionMachine.TestCase


@given(st.integers(-(2**63), 2**63))
def test_recovery_window_accepts_exactly_seven_to_thirty_days(days: int) -> None:
    if deletion.MIN_WINDOW_DAYS <= days <= deletion.MAX_WINDOW_DAYS:
        assert deletion.recovery_window(days, force=False) == timedelta(days=days)
    else:
        with pytest.raises(InvalidParameterException):
            deletion.recovery_window(days, force=False)
    with pytest.raises(InvalidParameterException):
        deletion.recovery_window(days, force=True)


ages = st.lists(st.integers(0, 60), max_size=150)


@given(ages, st.sets(st.integers(0, 149), max_size=20))
def test_a_version_is_pruned_if_unlabelled_a_day_old_and_behind_a_hundred_newer(
    hours: list[int], labelled: set[int]
) -> None:
    versions = [Version(f"version-{number:03}", NOW - timedelta(hours=age)) for number, age in enumerate(hours)]
    names = {version.version_id for number, version in enumerate(versions) if number in labelled}
    unlabelled = [version for version in versions if version.version_id not in names]
    expected = [
        version
        for version in unlabelled
        if version.created_at <= NOW - timedelta(hours=24)
        and sum((other.created_at, other.version_id) > (version.created_at, version.version_id) for other in unlabelled)
        >= deletion.KEPT_DEPRECATED_VERSIONS
    ]
    assert set(deletion.prunable_versions(versions, names, NOW)) == set(expected)


@given(ages)
def test_next_pruning_is_the_moment_the_first_version_becomes_prunable(hours: list[int]) -> None:
    versions = [Version(f"version-{number}", NOW - timedelta(hours=age)) for number, age in enumerate(hours)]
    due = deletion.next_pruning(versions, ())
    if due is None:
        assert deletion.prunable_versions(versions, (), NOW + timedelta(days=365)) == []
    else:
        assert deletion.prunable_versions(versions, (), due)
        assert not deletion.prunable_versions(versions, (), due - timedelta(microseconds=1))

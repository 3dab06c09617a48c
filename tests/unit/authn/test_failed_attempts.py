"""Whoever fails again and again waits; nobody else does."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from strongroom.authn.credentials import Credentials
from strongroom.authn.failed_attempts import UNKNOWN_FACTOR, FailedAttempts, Prover
from strongroom.authn.sigv4 import Signable, Verifier
from strongroom.errors import ThrottlingException
from strongroom.metrics import Metrics
from support.clock import NOW

BURST = 3
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def attempts() -> FailedAttempts:
    return FailedAttempts(BURST, 1.0)


class AlwaysAsks:
    """Stands where the verifier stands, and looks only for the key."""

    def verify(self, request, find_key, _now, _headers):
        return find_key(request, None)


def fail(
    attempts: FailedAttempts, key_id: str = "AKIA1", *, source: str = HERE, times: int = BURST, known: bool = True
):
    for _ in range(times):
        attempts.require_patience(source, key_id, NOW)
        attempts.note(source, key_id, NOW, is_known=known)


def test_the_burst_is_free_and_what_follows_waits(attempts):
    fail(attempts)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIA1", NOW)


def test_after_a_second_one_more_may_be_tried(attempts):
    fail(attempts)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIA1", NOW + timedelta(milliseconds=999))
    later = NOW + timedelta(seconds=1)
    attempts.require_patience(HERE, "AKIA1", later)
    attempts.note(HERE, "AKIA1", later, is_known=True)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIA1", later)


def test_another_key_and_another_address_go_on(attempts):
    fail(attempts)
    attempts.require_patience(HERE, "AKIA2", NOW)
    attempts.require_patience(THERE, "AKIA1", NOW)


def test_made_up_key_ids_count_together(attempts):
    for number in range(BURST * UNKNOWN_FACTOR):
        fail(attempts, f"AKIA{number}", times=1, known=False)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIANEW", NOW, is_known=False)
    attempts.require_patience(THERE, "AKIANEW", NOW, is_known=False)


def test_an_address_that_made_up_key_ids_keeps_its_own_keys(attempts):
    for number in range(BURST * UNKNOWN_FACTOR):
        fail(attempts, f"AKIA{number}", times=1, known=False)
    prover = Prover(cast("Verifier", AlwaysAsks()), attempts)
    prover.prove(cast("Signable", "AKIAMINE"), lambda *_: cast("Credentials", object()), NOW, source=HERE)
    with pytest.raises(ThrottlingException):
        prover.prove(cast("Signable", "AKIANEW"), lambda *_: None, NOW, source=HERE)


def test_wrong_signatures_of_a_known_key_do_not_use_up_what_strangers_have(attempts):
    fail(attempts)
    attempts.require_patience(HERE, "AKIANEW", NOW)


def test_what_is_remembered_is_bounded(attempts, monkeypatch):
    monkeypatch.setattr("strongroom.authn.failed_attempts.REMEMBERED", 10)
    for number in range(50):
        attempts.note(f"192.0.2.{number}", "AKIA1", NOW, is_known=True)
    assert len(attempts._spent) == 10


def test_a_clock_that_is_set_back_gives_nothing_for_free(attempts):
    fail(attempts)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIA1", NOW - timedelta(hours=1))


def test_failures_are_counted_by_kind():
    metrics = Metrics()
    attempts = FailedAttempts(BURST, 1.0, metrics=metrics)
    fail(attempts)
    fail(attempts, "AKIA2", times=1, known=False)
    with pytest.raises(ThrottlingException):
        attempts.require_patience(HERE, "AKIA1", NOW)
    assert 'failed_authentications_total{kind="wrong_signature"} 3' in metrics.render()
    assert 'failed_authentications_total{kind="unknown_key"} 1' in metrics.render()
    assert 'failed_authentications_total{kind="throttled"} 1' in metrics.render()

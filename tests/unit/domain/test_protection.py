"""Rules that keep secrets from being deleted by mistake or too soon."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.domain import deletion, protection
from strongroom.domain.protection import (
    MIN_DAYS_TAG,
    PROTECTION_TAG,
    DeletionRules,
    MinimumWindow,
    hold,
    hold_for_read,
    minimum_days,
    parse_minimum_windows,
    release,
    require_unprotected,
    require_window,
)
from strongroom.domain.secret import Tag
from strongroom.errors import InvalidRequestException
from support.clock import NOW
from support.factories import make_secret

DAY = timedelta(days=1)
RULES = DeletionRules(hold_on_read=7 * DAY, hold_most=30 * DAY)
READER = "arn:aws:iam::123456789012:user/reader"


def tagged(**tags: str):
    keys = {"protection": PROTECTION_TAG, "days": MIN_DAYS_TAG}
    return make_secret(tags=tuple(Tag(keys[name], value) for name, value in tags.items()))


def scheduled(window=7 * DAY):
    return deletion.schedule(make_secret(), window, NOW)


@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_a_protected_secret_is_not_deleted(value):
    with pytest.raises(InvalidRequestException, match=f"Remove its tag {PROTECTION_TAG} first"):
        require_unprotected(tagged(protection=value))


@pytest.mark.parametrize("value", ["false", "", "yes", "1"])
def test_another_value_of_the_protection_tag_protects_nothing(value):
    require_unprotected(tagged(protection=value))
    require_unprotected(make_secret())


@pytest.mark.parametrize(
    ("value", "days"), [("0", 0), ("1", 1), ("30", 30), ("31", 30), ("", 30), ("soon", 30), ("-5", 30), ("٣", 30)]
)
def test_a_tag_that_is_no_number_of_days_means_the_longest_window(value, days):
    assert minimum_days(tagged(days=value), DeletionRules()) == days


def test_the_longest_of_all_shortest_windows_counts():
    rules = DeletionRules(minimums=parse_minimum_windows(["prod/=14", "prod/db=21", "test/=30"]))
    assert minimum_days(make_secret(name="prod/db"), rules) == 21
    assert minimum_days(make_secret(name="prod/web"), rules) == 14
    assert minimum_days(make_secret(name="dev"), rules) == 0


@pytest.mark.parametrize("item", ["prod", "prod=", "prod=0", "prod=31", "prod=x", "=-1"])
def test_a_setting_that_is_no_prefix_with_days_is_refused(item):
    with pytest.raises(ValueError, match="is not prefix=days"):
        parse_minimum_windows([item])


def test_a_prefix_may_hold_an_equals_sign_or_nothing():
    assert parse_minimum_windows(["a=b=7", "=8"]) == (MinimumWindow("a=b", 7), MinimumWindow("", 8))


def test_a_window_below_the_shortest_one_is_refused_and_forcing_too():
    secret, rules = tagged(days="10"), DeletionRules()
    require_window(secret, 10 * DAY, NOW, rules)
    for window in (9 * DAY, timedelta(0)):
        with pytest.raises(InvalidRequestException, match="at least 10 days"):
            require_window(secret, window, NOW, rules)


def test_forcing_is_allowed_once_the_shortest_window_has_passed_since_the_deletion():
    secret = deletion.schedule(tagged(days="10"), 30 * DAY, NOW)
    require_window(secret, timedelta(0), NOW + 10 * DAY, DeletionRules())
    with pytest.raises(InvalidRequestException):
        require_window(secret, timedelta(0), NOW + 10 * DAY - timedelta(microseconds=1), DeletionRules())


def test_a_refused_read_postpones_the_purge_to_so_many_days_after_it():
    held = hold_for_read(scheduled(), None, READER, NOW + 6 * DAY, RULES)
    assert held is not None
    secret, planned = held
    assert secret.purge_at == NOW + 13 * DAY
    assert (planned.held_by, planned.due_at) == (READER, NOW + 7 * DAY)


def test_reads_within_the_same_hour_change_nothing():
    secret, planned = hold_for_read(scheduled(), None, READER, NOW + 6 * DAY + timedelta(minutes=1), RULES)
    assert secret.purge_at == NOW + 13 * DAY + timedelta(hours=1)
    assert hold_for_read(secret, planned, READER, NOW + 6 * DAY + timedelta(minutes=59), RULES) is None
    later, _ = hold_for_read(secret, planned, READER, NOW + 6 * DAY + timedelta(minutes=61), RULES)
    assert later.purge_at == NOW + 13 * DAY + timedelta(hours=2)


@pytest.mark.parametrize("at", [timedelta(0), timedelta(seconds=-90)])
def test_a_read_that_would_not_postpone_anything_changes_nothing(at):
    assert hold_for_read(scheduled(30 * DAY), None, READER, NOW + at, RULES) is None


def test_no_read_postpones_where_the_setting_is_off_or_the_date_has_passed():
    assert hold_for_read(scheduled(), None, READER, NOW + 6 * DAY, DeletionRules()) is None
    assert hold_for_read(scheduled(), None, READER, NOW + 7 * DAY, RULES) is None
    assert hold_for_read(make_secret(), None, READER, NOW, RULES) is None


def test_a_person_holds_as_far_as_the_bound_allows_and_no_further():
    for until in (None, NOW + 900 * DAY):
        secret, planned = hold(scheduled(), None, until, "operator", NOW, RULES)
        assert (secret.purge_at, planned.held_by) == (NOW + 37 * DAY, "operator")


def test_a_hold_never_brings_the_purge_nearer():
    secret, planned = hold(scheduled(), None, NOW + DAY, "operator", NOW, RULES)
    assert (secret.purge_at, planned.held_by) == (NOW + 7 * DAY, "operator")


def test_a_released_secret_has_its_own_date_again_and_reads_hold_it_no_more():
    secret, planned = hold(scheduled(), None, None, "operator", NOW, RULES)
    released, planned = release(secret, planned, NOW + DAY)
    assert released.purge_at == NOW + 7 * DAY
    assert hold_for_read(released, planned, READER, NOW + 6 * DAY, RULES) is None


def test_a_secret_released_after_its_own_date_is_purged_now():
    secret, planned = hold(scheduled(), None, None, "operator", NOW, RULES)
    assert release(secret, planned, NOW + 9 * DAY)[0].purge_at == NOW + 9 * DAY


def test_what_is_not_scheduled_cannot_be_held_and_what_is_not_held_cannot_be_released():
    with pytest.raises(InvalidRequestException, match="none is scheduled"):
        hold(make_secret(), None, None, "operator", NOW, RULES)
    with pytest.raises(InvalidRequestException, match="because it was deleted"):
        hold(scheduled(), None, None, "operator", NOW + 7 * DAY, RULES)
    for planned in (None, protection.plan(scheduled(), READER, NOW + 7 * DAY)):
        with pytest.raises(InvalidRequestException, match="it is not held"):
            release(scheduled(), planned, NOW)

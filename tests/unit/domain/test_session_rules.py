"""What sessions are limited to, and which tags they have."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.domain import session_limits, session_tags
from strongroom.domain.principal import Session
from strongroom.domain.secret import Tag
from strongroom.errors import AccessDeniedException, InvalidParameterValue, PackedPolicyTooLarge, ValidationException

NOISE = "".join(chr(0x4E00 + number * 7_919 % 20_000) for number in range(2_000))


def calling(tags: tuple[Tag, ...] = (), transitive: tuple[str, ...] = ()) -> Session:
    issued_at = datetime(2030, 1, 2, tzinfo=UTC)
    return Session("arn:aws:iam::123456789012:role/r", "AROA", issued_at, tags=tags, transitive_tag_keys=transitive)


@pytest.mark.parametrize(
    ("asked", "most", "is_chained", "seconds"),
    [
        (None, 43_200, False, 3_600),
        (43_200, 43_200, False, 43_200),
        (None, 43_200, True, 3_600),
        (3_600, 3_600, True, 3_600),
    ],
)
def test_credentials_of_a_role_last(asked, most, is_chained, seconds):
    assert session_limits.role_session_seconds(asked, most=most, is_chained=is_chained) == seconds


@pytest.mark.parametrize(
    ("asked", "most", "is_chained", "message"),
    [
        (3_601, 3_600, False, "MaxSessionDuration"),
        (3_601, 43_200, True, "role chaining"),
        (3_601, 3_600, True, "chaining"),
    ],
)
def test_credentials_of_a_role_do_not_last(asked, most, is_chained, message):
    with pytest.raises(ValidationException, match=message):
        session_limits.role_session_seconds(asked, most=most, is_chained=is_chained)


@pytest.mark.parametrize(
    ("asked", "is_root", "seconds"),
    [(None, False, 43_200), (129_600, False, 129_600), (None, True, 3_600), (129_600, True, 3_600), (900, True, 900)],
)
def test_credentials_for_oneself_last(asked, is_root, seconds):
    assert session_limits.own_session_seconds(asked, is_root=is_root) == seconds


def test_nothing_takes_no_room_and_little_takes_a_little():
    assert session_limits.packed_percent((), (), ()) is None
    assert session_limits.packed_percent((), (), (Tag("a", ""),)) == 1
    policy = session_limits.packed_percent(("{}",), (), ())
    both = session_limits.packed_percent((NOISE[:500],), ("arn:aws:iam::aws:policy/A",), (Tag("a", NOISE[500:750]),))
    assert policy is not None
    assert both is not None
    assert 0 < policy < both <= 100


@pytest.mark.parametrize(
    ("policies", "tags", "message"),
    [((NOISE,), (), r"^Packed policy consumes \d{3}% of allotted space, please use smaller policy\.$"),
     ((), (Tag("a", NOISE),), r"^Packed size of session tags consumes \d{3}% of allotted space\.$")],
)  # fmt: skip
def test_what_does_not_fit_is_told_by_how_much(policies, tags, message):
    with pytest.raises(PackedPolicyTooLarge, match=message):
        session_limits.packed_percent(policies, (), tags)


@pytest.mark.parametrize(
    ("asked", "before", "after"), [(None, None, None), ("a", None, "a"), (None, "a", "a"), ("a", "a", "a")]
)
def test_a_source_identity_is_set_once_and_stays(asked, before, after):
    assert session_limits.plan_source_identity(asked, before) == after


def test_a_source_identity_is_not_changed():
    with pytest.raises(AccessDeniedException, match="cannot be changed"):
        session_limits.plan_source_identity("b", "a")


def test_tags_that_are_not_transitive_are_not_handed_down():
    before = calling((Tag("Team", "a"), Tag("own", "b")), ("team",))
    planned = session_tags.plan_tags((Tag("new", "c"),), ("NEW",), before)
    assert planned == session_tags.SessionTags((Tag("Team", "a"), Tag("new", "c")), ("Team", "new"))


def test_whoever_is_no_session_hands_nothing_down():
    assert session_tags.plan_tags((Tag("a", "1"),), (), None) == session_tags.SessionTags((Tag("a", "1"),))


@pytest.mark.parametrize(
    ("tags", "transitive", "before", "message"),
    [
        ((Tag("a", "1"), Tag("A", "2")), (), None, "Duplicate tag keys found"),
        ((Tag("Aws:a", "1"),), (), None, "must not begin with aws:"),
        ((), ("a",), None, "must be included in the requested tags"),
        ((Tag("a", "1"),), ("a",), calling((Tag("A", "2"),), ("A",)), "conflicts with a transitive tag key"),
        ((), ("a",), calling((Tag("a", "2"),), ("a",)), "must be included in the requested tags"),
    ],
)
def test_tags_of_a_session_are_refused(tags, transitive, before, message):
    with pytest.raises(InvalidParameterValue, match=message):
        session_tags.plan_tags(tags, transitive, before)


@pytest.mark.parametrize("tag", [Tag("k" * 128, "v" * 256), Tag("東 京", ""), Tag("a.b:c/d=e+f-g@h_i", "x")])
def test_a_tag_within_the_limits_is_sound(tag):
    assert session_tags.is_sound(tag)


@pytest.mark.parametrize("tag", [Tag("", "v"), Tag("k" * 129, ""), Tag("a", "v" * 257), Tag("a*", ""), Tag("a", "\n")])
def test_a_tag_beyond_the_limits_is_not(tag):
    assert not session_tags.is_sound(tag)

from __future__ import annotations

import pytest

from strongroom.domain.secret import Tag
from strongroom.domain.tags import MAX_TAGS_PER_SECRET, merge, remove
from strongroom.errors import InvalidParameterException

FULL = tuple(Tag(f"key{number}", "v") for number in range(MAX_TAGS_PER_SECRET))
SYSTEM = Tag("aws:cloudformation:stack-name", "stack")


def test_the_first_tags_keep_their_order():
    assert merge(None, [Tag("b", "1"), Tag("a", "2")]) == (Tag("b", "1"), Tag("a", "2"))


def test_an_existing_key_is_overwritten_in_place_and_new_keys_follow():
    existing = (Tag("a", "1"), Tag("b", "1"))
    assert merge(existing, [Tag("c", "2"), Tag("a", "2")]) == (Tag("a", "2"), Tag("b", "1"), Tag("c", "2"))


def test_keys_are_case_sensitive():
    assert merge((Tag("a", "1"),), [Tag("A", "2")]) == (Tag("a", "1"), Tag("A", "2"))


@pytest.mark.parametrize("existing", [None, (), (Tag("a", "1"),)])
def test_no_new_tags_change_nothing(existing):
    assert merge(existing, []) == existing


def test_fifty_tags_are_allowed():
    assert merge(None, FULL) == FULL
    assert merge(FULL[:-1], [FULL[-1]]) == FULL


def test_an_existing_key_can_be_overwritten_when_there_are_fifty():
    assert len(merge(FULL, [Tag("key7", "new")]) or ()) == MAX_TAGS_PER_SECRET


@pytest.mark.parametrize(("existing", "new"), [(None, [*FULL, Tag("more", "v")]), (FULL, [Tag("more", "v")])])
def test_more_than_fifty_tags_are_refused(existing, new):
    with pytest.raises(InvalidParameterException) as refused:
        merge(existing, new)
    assert refused.value.message == "You can't attach more than 50 tags to a secret."


def test_tags_of_the_system_do_not_count():
    assert merge((SYSTEM, *FULL[:-1]), [FULL[-1]]) == (SYSTEM, *FULL)


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "Aws:", "aWs:cloudformation:stack-id"])
def test_reserved_keys_are_neither_written_nor_removed(key):
    text = f"You can't add or remove the tag key {key}. Tag keys that start with aws: are reserved for AWS use."
    with pytest.raises(InvalidParameterException) as refused:
        merge(None, [Tag("a", "1"), Tag(key, "1")])
    assert refused.value.message == text
    with pytest.raises(InvalidParameterException) as refused:
        remove((Tag("a", "1"), SYSTEM), ["a", key])
    assert refused.value.message == text


@pytest.mark.parametrize("key", ["aws", "awsx:y", "my:aws:key", " aws:x"])
def test_keys_that_only_resemble_reserved_ones_are_allowed(key):
    assert merge(None, [Tag(key, "aws:value")]) == (Tag(key, "aws:value"),)


@pytest.mark.parametrize("second", ["1", "2"])
def test_a_key_named_twice_in_one_call_is_refused(second):
    with pytest.raises(InvalidParameterException) as refused:
        merge(None, [Tag("b", "1"), Tag("a", "1"), Tag("a", second)])
    assert refused.value.message == "You can't specify the tag key a more than once in the same request."


def test_removal_keeps_the_order_of_the_others():
    existing = (Tag("a", "1"), Tag("b", "2"), Tag("c", "3"))
    assert remove(existing, ["b"]) == (Tag("a", "1"), Tag("c", "3"))


@pytest.mark.parametrize("keys", [[], ["unknown"], ["A"], ["unknown", "unknown"]])
def test_unknown_keys_are_ignored(keys):
    assert remove((Tag("a", "1"),), keys) == (Tag("a", "1"),)


def test_after_the_last_removal_tags_are_empty_not_absent():
    assert remove((Tag("a", "1"),), ["a", "a"]) == ()
    assert remove((), ["a"]) == ()


def test_a_secret_never_tagged_stays_so():
    assert remove(None, ["a"]) is None


def test_tags_of_the_system_survive_the_removal_of_all_others():
    assert remove((SYSTEM, Tag("a", "1")), ["a"]) == (SYSTEM,)

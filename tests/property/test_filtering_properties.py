from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.filtering import Filter, FilterKey, compile_filters, split_words
from strongroom.domain.narrowing import Narrowing, name_prefix, narrowings, prefix_end, terms_of
from strongroom.domain.secret import Secret, Tag
from support.factories import make_secret

NAMES = st.text("aAbB1/-!", min_size=1, max_size=6)
TEXTS = st.text("aAbB1/ +éÉß,", max_size=12)
OPTIONAL = st.none() | st.text("ab-1", max_size=4)
TAGS = st.none() | st.lists(st.builds(Tag, TEXTS, TEXTS), max_size=3).map(tuple)
SECRETS = st.builds(
    make_secret, name=NAMES, description=TEXTS, tags=TAGS, primary_region=OPTIONAL, owning_service=OPTIONAL
)
PLAIN = st.text("aAbB1/ +-", max_size=5)
VALUES = st.builds(str.__add__, st.sampled_from(["", "!"]), PLAIN)
FILTERS = st.builds(Filter, st.sampled_from(FilterKey), st.lists(VALUES, min_size=1, max_size=3).map(tuple))
KEYS = st.sampled_from(FilterKey)


def passes(secret, *filters: Filter) -> bool:
    return compile_filters(filters)(secret)


@given(SECRETS, KEYS, PLAIN)
def test_a_filter_and_its_negation_partition_the_secrets(secret, key, value):
    assert passes(secret, Filter(key, (value,))) is not passes(secret, Filter(key, (f"!{value}",)))


@given(SECRETS, PLAIN)
def test_a_name_filter_is_startswith(secret, value):
    assert passes(secret, Filter(FilterKey.NAME, (value,))) is secret.name.startswith(value)


@given(SECRETS, st.lists(FILTERS, max_size=4))
def test_filters_combine_by_and(secret, filters):
    assert passes(secret, *filters) is all(passes(secret, each) for each in filters)


@given(SECRETS, FILTERS)
def test_values_combine_by_or(secret, each):
    assert passes(secret, each) is any(passes(secret, Filter(each.key, (value,))) for value in each.values)


NAME_FILTERS = st.builds(Filter, st.just(FilterKey.NAME), st.tuples(VALUES))


def lets_through(narrowing: Narrowing, secret: Secret) -> bool:
    return any(secret.name.startswith(name) for name in narrowing.names) or any(
        term.startswith(beginning) and beginning <= term < prefix_end(beginning)
        for beginning in narrowing.terms
        for term in terms_of(secret)
    )


@given(SECRETS, st.lists(FILTERS | NAME_FILTERS, max_size=4))
def test_every_narrowing_lets_every_match_through(secret, filters):
    if passes(secret, *filters):
        assert all(lets_through(narrowing, secret) for narrowing in narrowings(filters))
        assert secret.name.startswith(name_prefix(filters))


@given(KEYS, PLAIN)
def test_a_plain_filter_of_one_value_always_narrows(key, value):
    assert narrowings([Filter(key, (value,))]) or (key, value) == (FilterKey.NAME, "")


@given(NAMES.filter(lambda name: not name.startswith("!")), st.lists(FILTERS, max_size=3))
def test_a_plain_name_filter_always_gives_a_prefix(name, filters):
    assert len(name_prefix([*filters, Filter(FilterKey.NAME, (name,))])) >= len(name)


@given(SECRETS, PLAIN)
def test_word_matching_ignores_case_but_for_where_words_begin(secret, value):
    lowered = Filter(FilterKey.DESCRIPTION, (" ".join(split_words(value)).lower(),))
    assert passes(secret, Filter(FilterKey.DESCRIPTION, (value,))) is passes(secret, lowered)


@given(SECRETS)
def test_every_secret_with_a_word_in_its_description_is_found_by_it(secret):
    for word in split_words(secret.description):
        for key in (FilterKey.DESCRIPTION, FilterKey.ALL):
            assert passes(secret, Filter(key, (word,)))


@given(st.text())
def test_words_hold_every_letter_and_digit_and_nothing_else(text):
    kept = "".join(character for character in text if character.isalnum())
    assert "".join(split_words(text)) == kept


@given(st.text(string.ascii_letters + string.digits + "/ "))
def test_a_word_is_digits_capitals_or_lower_case_after_at_most_one_capital(text):
    for word in split_words(text):
        assert word.isdecimal() or word.isupper() or word[1:].islower() or word.islower()


@given(st.text())
def test_splitting_a_word_again_changes_nothing(text):
    for word in split_words(text):
        assert split_words(word) == [word]

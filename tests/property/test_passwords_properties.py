from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.passwords import DIGITS, LOWERCASE, PUNCTUATION, SPACE, UPPERCASE, compose
from strongroom.errors import InvalidParameterException
from support.entropy import SeededEntropy

SWITCHES = {
    "exclude_uppercase": UPPERCASE,
    "exclude_lowercase": LOWERCASE,
    "exclude_numbers": DIGITS,
    "exclude_punctuation": PUNCTUATION,
}
SEEDS = st.integers(0, 2**32)
# Emptied types are rare among random characters, so whole alphabets are offered as well.
EXCLUDED = st.text(string.printable + "äß", max_size=20) | st.lists(
    st.sampled_from([*SWITCHES.values(), SPACE]), max_size=5
).map("".join)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "length": st.none() | st.integers(1, 64) | st.integers(1, 4096),
        "exclude_characters": EXCLUDED,
        **{switch: st.booleans() for switch in SWITCHES},
        "include_space": st.booleans(),
        "require_each_included_type": st.booleans(),
    },
)


def included_types(options) -> list[set[str]]:
    excluded = set(options.get("exclude_characters", ""))
    return [set(alphabet) - excluded for switch, alphabet in SWITCHES.items() if not options.get(switch)]


def allowed_characters(options) -> set[str]:
    space = {SPACE} if options.get("include_space") else set()
    return set().union(*included_types(options)) | (space - set(options.get("exclude_characters", "")))


def required_types(options) -> list[set[str]]:
    return included_types(options) if options.get("require_each_included_type", True) else []


def wanted_length(options) -> int:
    return 32 if options.get("length") is None else options["length"]


def expected_refusal(options) -> str | None:
    required = required_types(options)
    if not allowed_characters(options):
        return "All characters have been excluded from selection."
    if not all(required):
        return "All characters of the desired type have been excluded."
    if wanted_length(options) < len(required):
        return "Password length is too short based on the required types."
    return None


@given(SEEDS, OPTIONS)
def test_a_password_obeys_every_option_or_is_refused_for_the_first_fault(seed, options):
    refusal = expected_refusal(options)
    if refusal is not None:
        with pytest.raises(InvalidParameterException) as refused:
            compose(SeededEntropy(seed), **options)
        assert refused.value.message == refusal
        return
    password = compose(SeededEntropy(seed), **options)
    assert len(password) == wanted_length(options)
    assert set(password) <= allowed_characters(options)
    assert all(set(password) & alphabet for alphabet in required_types(options))


@given(SEEDS, st.text(max_size=30))
def test_excluded_characters_never_appear(seed, excluded):
    password = compose(SeededEntropy(seed), exclude_characters=excluded, require_each_included_type=False)
    assert not set(password) & set(excluded)


@given(SEEDS, OPTIONS)
def test_the_entropy_alone_decides(seed, options):
    if expected_refusal(options) is None:
        assert compose(SeededEntropy(seed), **options) == compose(SeededEntropy(seed), **options)

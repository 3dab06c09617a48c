from __future__ import annotations

import string
from collections import Counter
from typing import Any

import pytest

from strongroom.domain.passwords import DIGITS, LOWERCASE, PUNCTUATION, SPACE, UPPERCASE, compose
from strongroom.errors import InvalidParameterException, ValidationException
from support.entropy import SeededEntropy

NOTHING_LEFT = "All characters have been excluded from selection."
TYPE_EMPTIED = "All characters of the desired type have been excluded."
TOO_SHORT = "Password length is too short based on the required types."

NO_TYPES = {
    "exclude_numbers": True,
    "exclude_punctuation": True,
    "exclude_uppercase": True,
    "exclude_lowercase": True,
}
SWITCHES = {
    "exclude_uppercase": UPPERCASE,
    "exclude_lowercase": LOWERCASE,
    "exclude_numbers": DIGITS,
    "exclude_punctuation": PUNCTUATION,
}


def passwords(count: int = 40, **options: Any) -> list[str]:
    entropy = SeededEntropy(7)
    return [compose(entropy, **options) for _ in range(count)]


def test_alphabets_are_those_documented():
    assert string.ascii_uppercase == UPPERCASE
    assert string.ascii_lowercase == LOWERCASE
    assert string.digits == DIGITS
    assert string.punctuation == PUNCTUATION


def test_default_is_32_characters_of_every_type_but_the_blank():
    for password in passwords():
        assert len(password) == 32
        assert all(set(password) & set(alphabet) for alphabet in SWITCHES.values())
        assert SPACE not in password


@pytest.mark.parametrize("length", [4, 5, 120, 4096])
def test_length_is_met_exactly(length):
    assert len(compose(SeededEntropy(), length=length)) == length


@pytest.mark.parametrize(("switch", "alphabet"), SWITCHES.items())
def test_a_type_switched_off_never_appears(switch, alphabet):
    assert not set("".join(passwords(**{switch: True}))) & set(alphabet)


def test_excluded_characters_never_appear():
    assert not set("".join(passwords(length=120, exclude_characters="xyzDje@?!."))) & set("xyzDje@?!.")


def test_excluding_characters_of_no_type_has_no_effect():
    assert compose(SeededEntropy(3), exclude_characters="äß\t ") == compose(SeededEntropy(3))


def test_a_type_of_one_character_is_still_required():
    for password in passwords(length=4, exclude_characters="012345678"):
        assert "9" in password


def test_the_blank_may_appear_and_need_not():
    drawn = passwords(length=8, include_space=True)
    assert any(SPACE in password for password in drawn)
    assert any(SPACE not in password for password in drawn)


def test_the_blank_takes_no_place_among_the_required_types():
    for password in passwords(length=4, include_space=True):
        assert SPACE not in password


def test_blanks_alone_make_a_password():
    assert compose(SeededEntropy(), length=5, include_space=True, **NO_TYPES) == "     "


def test_the_blank_can_be_excluded_like_any_character():
    assert SPACE not in "".join(passwords(include_space=True, exclude_characters=" "))


def test_one_character_is_enough_when_types_are_not_required():
    assert len(compose(SeededEntropy(), length=1, require_each_included_type=False)) == 1


def test_one_character_is_enough_for_one_required_type():
    options = NO_TYPES | {"exclude_numbers": False}
    assert compose(SeededEntropy(), length=1, **options) in DIGITS


def test_types_need_not_appear_when_not_required():
    assert any(not set(password) & set(DIGITS) for password in passwords(length=8, require_each_included_type=False))


def test_required_types_stand_in_every_order_about_as_often():
    def order(password: str) -> tuple[int, ...]:
        return tuple(
            next(number for number, alphabet in enumerate(SWITCHES.values()) if character in alphabet)
            for character in password
        )

    orders = Counter(order(password) for password in passwords(count=2400, length=4))
    assert len(orders) == 24
    assert 60 < min(orders.values()) <= max(orders.values()) < 150


def test_every_character_is_drawn_about_as_often():
    drawn = Counter("".join(passwords(count=200, length=94, require_each_included_type=False)))
    assert set(drawn) == set(UPPERCASE + LOWERCASE + DIGITS + PUNCTUATION)
    assert 130 < min(drawn.values()) <= max(drawn.values()) < 270


@pytest.mark.parametrize(
    "options",
    [
        NO_TYPES,
        NO_TYPES | {"require_each_included_type": False},
        NO_TYPES | {"include_space": True, "exclude_characters": " "},
        {"exclude_characters": string.printable},
        {"exclude_characters": string.printable, "length": 1},
    ],
)
def test_nothing_left_is_refused_first(options):
    with pytest.raises(InvalidParameterException) as refused:
        compose(SeededEntropy(), **options)
    assert refused.value.message == NOTHING_LEFT


@pytest.mark.parametrize("alphabet", SWITCHES.values())
@pytest.mark.parametrize("length", [1, 32])
def test_an_emptied_required_type_is_refused_before_the_length(alphabet, length):
    with pytest.raises(InvalidParameterException) as refused:
        compose(SeededEntropy(), exclude_characters=alphabet, length=length)
    assert refused.value.message == TYPE_EMPTIED


def test_emptied_types_are_refused_although_blanks_are_left():
    with pytest.raises(InvalidParameterException) as refused:
        compose(SeededEntropy(), exclude_characters=UPPERCASE + LOWERCASE + DIGITS + PUNCTUATION, include_space=True)
    assert refused.value.message == TYPE_EMPTIED


def test_an_emptied_type_is_no_fault_when_types_are_not_required():
    drawn = "".join(passwords(exclude_characters=DIGITS, require_each_included_type=False))
    assert not set(drawn) & set(DIGITS)


def test_an_emptied_type_is_no_fault_when_it_is_switched_off():
    assert compose(SeededEntropy(), exclude_characters=DIGITS, exclude_numbers=True)


@pytest.mark.parametrize(
    "options",
    [
        {"length": 3},
        {"length": 1},
        {"length": 3, "include_space": True},
        {"length": 2, "exclude_numbers": True},
    ],
)
def test_a_length_below_the_number_of_required_types_is_refused(options):
    with pytest.raises(InvalidParameterException) as refused:
        compose(SeededEntropy(), **options)
    assert refused.value.message == TOO_SHORT


@pytest.mark.parametrize(
    ("length", "limit"),
    [
        (0, "greater than or equal to 1"),
        (-1, "greater than or equal to 1"),
        (4097, "less than or equal to 4096"),
    ],
)
def test_a_length_out_of_range_is_refused(length, limit):
    with pytest.raises(ValidationException) as refused:
        compose(SeededEntropy(), length=length)
    assert refused.value.message == (
        f"1 validation error detected: Value '{length}' at 'passwordLength' failed to satisfy constraint: "
        f"Member must have value {limit}"
    )

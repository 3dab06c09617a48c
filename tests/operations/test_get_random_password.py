"""GetRandomPassword through the door. It stores nothing: one database is enough."""

from __future__ import annotations

import string
from typing import Any

import pytest

from support.refusals import refusal

pytestmark = pytest.mark.parametrize("deployment", ["sqlite"], indirect=True)

EXCLUDE = {
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}
NO_TYPE = dict.fromkeys(EXCLUDE, True)
TOO_SHORT = "Password length is too short based on the required types."
TYPE_EMPTIED = "All characters of the desired type have been excluded."
NOTHING_LEFT = "All characters have been excluded from selection."


def password(deployment, **members: Any):
    answer = deployment.call("GetRandomPassword", **members)
    assert answer.keys() == {"RandomPassword"}
    return answer["RandomPassword"]


def types_in(text):
    return {member for member, alphabet in EXCLUDE.items() if set(text) & set(alphabet)}


def test_a_password_has_32_characters_with_one_of_each_type(deployment):
    found = [password(deployment) for _ in range(50)]
    assert {len(one) for one in found} == {32}
    assert all(types_in(one) == EXCLUDE.keys() for one in found)
    assert not any(" " in one for one in found)
    assert len(set(found)) == 50


@pytest.mark.parametrize("length", [4, 32, 120, 4096])
def test_a_length_is_met_exactly(deployment, length):
    assert len(password(deployment, PasswordLength=length)) == length


@pytest.mark.parametrize("member", EXCLUDE)
def test_a_type_switched_off_does_not_appear(deployment, member):
    found = "".join(password(deployment, PasswordLength=40, **{member: True}) for _ in range(20))
    assert types_in(found) == EXCLUDE.keys() - {member}


def test_excluded_characters_do_not_appear(deployment):
    excluded = "abcABC123!\"'\\ é"
    found = "".join(password(deployment, PasswordLength=200, ExcludeCharacters=excluded) for _ in range(10))
    assert not set(found) & set(excluded)
    assert types_in(found) == EXCLUDE.keys()
    assert len(password(deployment, ExcludeCharacters="")) == 32


def test_the_space_may_appear_and_is_never_required(deployment):
    found = [password(deployment, PasswordLength=4, IncludeSpace=True) for _ in range(50)]
    assert not any(" " in one for one in found)
    assert " " in "".join(password(deployment, PasswordLength=4096, IncludeSpace=True))
    assert password(deployment, PasswordLength=5, IncludeSpace=True, **NO_TYPE) == " " * 5


def test_a_short_password_is_legal_when_types_are_few_or_not_required(deployment):
    for length in (1, 2, 3):
        assert len(password(deployment, PasswordLength=length, RequireEachIncludedType=False)) == length
    only_digits = NO_TYPE | {"ExcludeNumbers": False}
    assert password(deployment, PasswordLength=1, **only_digits) in string.digits


def test_required_characters_stand_anywhere(deployment):
    digits = {"ExcludeUppercase": True, "ExcludePunctuation": True, "ExcludeCharacters": "12345678"}
    found = [password(deployment, PasswordLength=6, **digits) for _ in range(200)]
    for position in range(6):
        assert {one[position] in "09" for one in found} == {True, False}


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"PasswordLength": 3}, TOO_SHORT),
        ({"PasswordLength": 1, "ExcludeNumbers": True}, TOO_SHORT),
        ({"PasswordLength": 3, "IncludeSpace": True}, TOO_SHORT),
        ({"ExcludeCharacters": string.digits}, TYPE_EMPTIED),
        ({"PasswordLength": 1, "ExcludeCharacters": string.digits}, TYPE_EMPTIED),
        (NO_TYPE, NOTHING_LEFT),
        (NO_TYPE | {"IncludeSpace": True, "ExcludeCharacters": " "}, NOTHING_LEFT),
        ({"ExcludeCharacters": string.digits + string.ascii_letters + string.punctuation}, NOTHING_LEFT),
        (NO_TYPE | {"RequireEachIncludedType": False}, NOTHING_LEFT),
    ],
)
def test_a_password_that_cannot_be_is_refused(deployment, members, text):
    assert refusal(deployment, "GetRandomPassword", **members) == ("InvalidParameterException", text)


def test_an_emptied_type_is_left_out_when_types_are_not_required(deployment):
    found = password(deployment, ExcludeCharacters=string.digits, RequireEachIncludedType=False)
    assert len(found) == 32
    assert not set(found) & set(string.digits)


@pytest.mark.parametrize(
    ("length", "limit"),
    [(0, "greater than or equal to 1"), (-1, "greater than or equal to 1"), (4097, "less than or equal to 4096")],
)
def test_a_length_out_of_range_is_a_constraint_violation(deployment, length, limit):
    text = (
        f"1 validation error detected: Value '{length}' at 'passwordLength' failed to satisfy constraint: "
        f"Member must have value {limit}"
    )
    assert refusal(deployment, "GetRandomPassword", PasswordLength=length) == ("ValidationException", text)

"""Page tokens: good for the call they came from, and for no other."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.keyring import Keyring
from strongroom.crypto.page_tokens import PageTokens
from strongroom.errors import InvalidNextTokenException
from support.entropy import SeededEntropy

TOKENS = PageTokens(Keyring({1: bytes(32)}, SeededEntropy()))
PLACE = (1_893_553_445_678_000, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-abcdef")
BINDING = ("ListSecrets", "123456789012", "eu-central-1", "digest")


def refuse(token, *binding: str, tokens=TOKENS, place_type=tuple[int, str]):
    with pytest.raises(InvalidNextTokenException, match="Invalid pagination token"):
        tokens.open(token, place_type, *binding)


def test_a_token_gives_its_place_back():
    assert TOKENS.open(TOKENS.seal(PLACE, *BINDING), tuple[int, str], *BINDING) == PLACE


def test_a_token_shows_nothing_of_its_place():
    token = TOKENS.seal(PLACE, *BINDING)
    assert b"arn:aws" not in base64.urlsafe_b64decode(token)
    assert token != TOKENS.seal(PLACE, *BINDING)


@pytest.mark.parametrize("position", range(len(BINDING)))
def test_a_token_of_another_call_is_refused(position):
    other = list(BINDING)
    other[position] += "x"
    refuse(TOKENS.seal(PLACE, *BINDING), *other)


def test_a_token_of_another_deployment_is_refused():
    other = PageTokens(Keyring({1: b"\1" * 32}, SeededEntropy()))
    refuse(TOKENS.seal(PLACE, *BINDING), *BINDING, tokens=other)


def test_a_place_of_another_shape_is_refused():
    refuse(TOKENS.seal(PLACE, *BINDING), *BINDING, place_type=tuple[str, str])


@given(st.text(max_size=80) | st.binary(max_size=200).map(lambda blob: base64.urlsafe_b64encode(blob).decode()))
def test_what_was_made_up_is_refused(token):
    refuse(token, *BINDING)


def test_every_changed_character_is_refused():
    token = TOKENS.seal(PLACE, *BINDING)
    blob = base64.urlsafe_b64decode(token)
    for position, character in enumerate(token):
        changed = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        try:
            same_bytes = base64.urlsafe_b64decode(changed) == blob  # bits beyond the last byte say nothing
        except ValueError:
            same_bytes = False
        if not same_bytes:
            refuse(changed, *BINDING)

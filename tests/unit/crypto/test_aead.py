"""AES-256-GCM with bound context: one difference anywhere, and nothing opens."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.aead import KEY_BYTES, context, derive, open_sealed, seal, unwrap, wrap
from strongroom.errors import TamperedError
from support.entropy import SeededEntropy

KEY = bytes(range(KEY_BYTES))
OTHER_KEY = bytes(KEY_BYTES)
AAD = context("purpose", "field")
PLAINTEXT = b"a value, and \0\xff bytes"
PAIRS = {"seal": (seal, open_sealed), "wrap": (wrap, unwrap)}

field_lists = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=1, max_size=5)
moved_borders = st.text("ab", min_size=1, max_size=6).flatmap(
    lambda text: st.lists(st.integers(0, len(text)), max_size=3).map(
        lambda cuts: [text[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True)]
    )
)


@pytest.fixture(params=PAIRS)
def pair(request):
    return PAIRS[request.param]


@given(one=field_lists | moved_borders, other=field_lists | moved_borders)
def test_different_fields_have_different_contexts(one, other):
    assert (context(*one) == context(*other)) is (one == other)


@given(one=field_lists, other=field_lists)
def test_no_context_is_the_beginning_of_another_with_as_many_fields(one, other):
    if one != other and len(one) == len(other):
        assert not context(*one).startswith(context(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a", "b"), ("a", "b", "")),
        (("a", ""), ("", "a")),
        (("a\0", "b"), ("a", "\0b")),
        (("a", "1", "2"), ("a", "12")),
    ],
)
def test_borders_of_fields_count(one, other):
    assert context(*one) != context(*other)


def test_a_number_is_written_in_decimal():
    assert context("key", 12) == context("key", "12")


@given(plaintext=st.binary(max_size=300), seed=st.integers(0, 2**32))
def test_what_was_sealed_opens(plaintext, seed):
    for put, take in PAIRS.values():
        assert take(KEY, put(KEY, plaintext, AAD, SeededEntropy(seed)), AAD) == plaintext


def test_every_flipped_bit_of_a_blob_is_refused(pair):
    put, take = pair
    blob = put(KEY, PLAINTEXT, AAD, SeededEntropy())
    for position in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(TamperedError):
            take(KEY, bytes(changed), AAD)


def test_every_flipped_bit_of_the_context_is_refused(pair):
    put, take = pair
    blob = put(KEY, PLAINTEXT, AAD, SeededEntropy())
    for position in range(len(AAD) * 8):
        changed = bytearray(AAD)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(TamperedError):
            take(KEY, blob, bytes(changed))


def test_every_shorter_or_longer_blob_is_refused(pair):
    put, take = pair
    blob = put(KEY, PLAINTEXT, AAD, SeededEntropy())
    for length in range(len(blob)):
        with pytest.raises(TamperedError):
            take(KEY, blob[:length], AAD)
    with pytest.raises(TamperedError):
        take(KEY, blob + b"\0", AAD)


@pytest.mark.parametrize("first_byte", [0, 2, 255])
def test_an_unknown_format_is_refused_before_a_key_is_used(pair, first_byte):
    put, take = pair
    blob = bytes([first_byte]) + put(KEY, PLAINTEXT, AAD, SeededEntropy())[1:]
    with pytest.raises(TamperedError):
        take(b"not even a key", blob, AAD)


def test_another_key_is_refused(pair):
    put, take = pair
    with pytest.raises(TamperedError):
        take(OTHER_KEY, put(KEY, PLAINTEXT, AAD, SeededEntropy()), AAD)


def test_a_refusal_says_nothing(pair):
    put, take = pair
    with pytest.raises(TamperedError) as caught:
        take(OTHER_KEY, put(KEY, PLAINTEXT, AAD, SeededEntropy()), AAD)
    assert caught.value.args == ()
    assert caught.value.__suppress_context__


def test_a_sealed_blob_does_not_unwrap_nor_a_wrapped_one_open():
    with pytest.raises(TamperedError):
        unwrap(KEY, seal(KEY, PLAINTEXT, AAD, SeededEntropy()), AAD)
    with pytest.raises(TamperedError):
        open_sealed(KEY, wrap(KEY, PLAINTEXT, AAD, SeededEntropy()), AAD)


def test_each_wrap_has_a_salt_a_nonce_and_hence_a_key_of_its_own(pair):
    put, _ = pair
    entropy = SeededEntropy()
    blobs = {put(KEY, PLAINTEXT, AAD, entropy) for _ in range(20)}
    assert len(blobs) == 20
    assert all(PLAINTEXT[:8] not in blob for blob in blobs)


def test_the_wrapping_key_is_derived_from_the_salt_and_not_the_key_itself():
    blob = wrap(KEY, PLAINTEXT, AAD, SeededEntropy())
    salt, inner = blob[1:33], blob[33:]
    assert open_sealed(derive(KEY, "wrap", salt), inner, AAD) == PLAINTEXT
    with pytest.raises(TamperedError):
        open_sealed(KEY, inner, AAD)


def test_derived_keys_differ_by_label_salt_and_key():
    derived = {
        derive(KEY, "one"),
        derive(KEY, "two"),
        derive(KEY, "one", b"salt"),
        derive(KEY, "one", b"salt2"),
        derive(OTHER_KEY, "one"),
        KEY,
    }
    assert len(derived) == 6
    assert all(len(key) == KEY_BYTES for key in derived)


def test_a_derivation_is_one_block_of_rfc_5869():
    """Every stored blob depends on it: a change here makes all of them unreadable."""
    info = b"strongroom wrap\0" + bytes(32)
    assert derive(KEY, "wrap", bytes(32)) == hmac.digest(KEY, info + b"\x01", "sha256")


@given(key=st.binary(min_size=32, max_size=32), label=st.text(max_size=40), salt=st.binary(max_size=64))
def test_a_derived_key_is_that_of_hkdf_expand(key, label, salt):
    info = b"strongroom " + label.encode() + b"\0" + salt
    assert derive(key, label, salt) == HKDFExpand(SHA256(), 32, info).derive(key)

"""Keyset pages: every order in both directions, ties included, the same on both databases."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest

from strongroom.domain.listing import Listing, SortBy, position_of
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret

NAMES = [
    "a",
    "A",
    "B",
    "Z",
    "_",
    "-",
    "!",
    "0",
    "9",
    "a-b",
    "a.b",
    "aB",
    "ab",
    "a/b",
    "~é",
    "\uffff",
    "\U00010000",
    "ä",
]
"""Code points decide: no locale, no case folding, and what UTF-16 orders otherwise than UTF-8."""

DAYS = [None, None, date(2030, 1, 1), date(2030, 1, 1), date(2029, 1, 1), date(1969, 12, 31)]


def dates_repeat():
    """Return secrets in which each instant and day occurs several times, in an order of no meaning."""
    return [
        make_secret(
            name=name,
            arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{number * 7 % len(NAMES):02d}",
            created_at=NOW + timedelta(microseconds=number % 3),
            last_changed_at=NOW + timedelta(days=number % 4),
            last_accessed_on=DAYS[number % len(DAYS)],
        )
        for number, name in enumerate(NAMES)
    ]


@pytest.fixture
def secrets(storage):
    made = dates_repeat()
    strangers = [make_secret(name="a", region="us-east-1"), make_secret(name="a", account_id="000000000001")]
    storage.write(lambda tx: [tx.insert_secret(secret) for secret in (*strangers, *made)])
    return made


def list_page(storage, order, after, limit, *, descending):
    listing = Listing(ACCOUNT_ID, REGION, order, descending=descending)
    return storage.read(lambda tx: tx.listings.page(listing, after, limit)).secrets


def place(secret, order):
    position = position_of(secret, order)
    return position.value, position.name


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("order", SortBy)
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_follow_each_other_without_gap_or_repetition(storage, secrets, order, descending, limit):
    listed, after = [], None
    for _ in itertools.count():
        page = list_page(storage, order, after, limit, descending=descending)
        assert len(page) <= limit
        if not page:
            break
        listed += page
        after = position_of(page[-1], order)
    assert listed == sorted(secrets, key=lambda secret: place(secret, order), reverse=descending)


def test_names_are_in_code_point_order(storage, secrets):
    page = list_page(storage, SortBy.NAME, None, 100, descending=False)
    assert [secret.name for secret in page] == sorted(NAMES)


@pytest.mark.parametrize("order", SortBy)
def test_a_page_goes_on_after_its_place_though_the_secret_there_is_gone(storage, secrets, order):
    everything = list_page(storage, order, None, 100, descending=False)
    storage.write(lambda tx: tx.delete_secret(everything[4]))
    rest = list_page(storage, order, position_of(everything[4], order), 100, descending=False)
    assert rest == everything[5:]

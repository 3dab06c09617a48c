from __future__ import annotations

import pytest

from strongroom.domain.filtering import Filter, FilterKey
from strongroom.domain.narrowing import TERM_LENGTH, Narrowing, name_prefix, narrowings, prefix_end, terms_of
from strongroom.domain.secret import Tag
from support.factories import make_secret


def by(key: str, *values: str) -> Filter:
    return Filter(FilterKey(key), values)


def names(*beginnings: str) -> Narrowing:
    return Narrowing(names=beginnings)


def terms(*beginnings: str) -> Narrowing:
    return Narrowing(terms=beginnings)


def test_terms_are_words_folded_and_texts_as_they_are_each_once():
    """What databases hold. A change here needs a migration that indexes every secret again."""
    secret = make_secret(
        name="prod/AppDb-2",
        description="Straße, the DB of 2 apps: the db",
        tags=(Tag("Team", "CoreBanking"), Tag("empty", ""), Tag("prod", "blue")),
        primary_region="eu-central-1",
        owning_service="rds",
    )
    assert terms_of(secret) == (
        "d2",
        "dapps",
        "ddb",
        "dof",
        "dstrasse",
        "dthe",
        "kTeam",
        "kempty",
        "kprod",
        "ords",
        "reu-central-1",
        "v",
        "vCoreBanking",
        "vblue",
        "w2",
        "wapp",
        "wbanking",
        "wblue",
        "wcore",
        "wdb",
        "wempty",
        "wprod",
        "wteam",
    )


def test_a_term_keeps_the_beginning_of_a_long_text_and_a_filter_asks_for_no_more():
    secret = make_secret(name="n", description="x" * 2_048, tags=(Tag("é" * 128, "v" * 256),))
    assert set(terms_of(secret)) >= {"d" + "x" * TERM_LENGTH, "k" + "é" * TERM_LENGTH, "v" + "v" * TERM_LENGTH}
    assert narrowings([by("tag-value", "v" * 100)]) == [terms("v" + "v" * TERM_LENGTH)]
    assert narrowings([by("description", "x" * 100)]) == [terms("d" + "x" * TERM_LENGTH)]


NARROWED = [
    ([], []),
    ([by("name", "prod/")], [names("prod/")]),
    ([by("tag-key", "Team")], [terms("kTeam")]),
    ([by("tag-key", "")], [terms("k")]),
    ([by("tag-value", "a b")], [terms("va b")]),
    ([by("primary-region", "eu-")], [terms("reu-")]),
    ([by("owning-service", "rds")], [terms("ords")]),
    ([by("description", "Data")], [terms("ddata")]),
    ([by("all", "Data")], [terms("ddata", "wdata")]),
    ([by("all", "a appDB")], [terms("dapp", "wapp"), terms("ddb", "wdb"), terms("da", "wa")]),
    ([by("name", "a", "bc")], [names("a", "bc")]),
    ([by("all", "a long", "words too")], [terms("dlong", "wlong", "dwords", "wwords")]),
    ([by("name", "a"), by("tag-key", "team"), by("name", "ab")], [terms("kteam"), names("ab"), names("a")]),
]


@pytest.mark.parametrize(("filters", "expected"), NARROWED)
def test_filters_narrow_to_beginnings_the_longest_first(filters, expected):
    assert narrowings(filters) == expected


@pytest.mark.parametrize(
    "filters", [[by("name", "!a")], [by("tag-key", "a", "!b")], [by("name", "")], [by("name", "a", "")]]
)
def test_negations_and_the_empty_name_narrow_to_nothing(filters):
    assert narrowings(filters) == []


@pytest.mark.parametrize("filters", [[by("all", "+")], [by("description", "")], [by("name")]])
def test_what_matches_nothing_lets_nothing_through_and_is_asked_for_first(filters):
    assert narrowings([by("name", "something"), *filters])[0] == Narrowing()


@pytest.mark.parametrize(
    ("filters", "prefix"),
    [
        ([], ""),
        ([by("name", "prod/")], "prod/"),
        ([by("name", "prod/"), by("name", "prod/db"), by("name", "p")], "prod/db"),
        ([by("tag-key", "team"), by("name", "prod/")], "prod/"),
        ([by("name", "prod/", "test/")], ""),
        ([by("name", "!prod/")], ""),
        ([by("name", "")], ""),
        ([by("name", "a!b")], "a!b"),
        ([by("description", "prod/"), by("all", "prod")], ""),
    ],
)
def test_name_prefix(filters, prefix):
    assert name_prefix(filters) == prefix


def test_prefix_end_is_the_first_text_behind_the_prefix():
    assert prefix_end("app/") == "app0"
    assert "app/\uffff" < prefix_end("app/") <= "app0"

"""The matrices recorded from the real service come first; what follows them is inferred or documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.domain.filtering import Filter, FilterKey, compile_filters, require_valid, split_words
from strongroom.domain.secret import Tag
from strongroom.errors import InvalidParameterException
from support.factories import make_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.domain.secret import Secret


def by(key: str, *values: str) -> Filter:
    return Filter(FilterKey(key), values)


def found(secrets: Iterable[Secret], *filters: Filter) -> set[str]:
    holds = compile_filters(filters)
    return {secret.name for secret in secrets if holds(secret)}


DESCRIBED = [
    make_secret(name="testing1/one", description="a secret"),
    make_secret(name="/testing2/two", description="an secret"),
    make_secret(name="testing3/three", description="asecret"),
    make_secret(name="/testing4/four", description="thesecret"),
]
EVERY_DESCRIBED = {secret.name for secret in DESCRIBED}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("/", {"/testing2/two", "/testing4/four"}),
        ("!/", {"testing1/one", "testing3/three"}),
        ("testing1 one", set()),
        ("testing", {"testing1/one", "testing3/three"}),
        ("Testing", set()),
        ("one", set()),
        ("testing1/one", {"testing1/one"}),
    ],
)
def test_name_matches_a_prefix_of_the_whole_name(value, names):
    assert found(DESCRIBED, by("name", value)) == names


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a", EVERY_DESCRIBED - {"/testing4/four"}),
        ("a secret", {"testing1/one", "/testing2/two"}),
        ("!a", {"/testing4/four"}),
        ("!c", EVERY_DESCRIBED),
        ("A SECRET", {"testing1/one", "/testing2/two"}),
        ("secret a", {"testing1/one", "/testing2/two"}),
        ("ecret", set()),
    ],
)
def test_description_matches_words(value, names):
    assert found(DESCRIBED, by("description", value)) == names


@pytest.mark.parametrize("name", ["secret", "an"])
def test_filters_with_different_keys_must_all_hold(name):
    assert found(DESCRIBED, by("description", "a"), by("name", name)) == set()
    assert found(DESCRIBED, by("description", "a"), by("name", "testing1")) == {"testing1/one"}


COUNTED = [
    make_secret(name="foo", description="one two"),
    make_secret(name="bar", description="one and two"),
    make_secret(name="baz", description="one"),
    make_secret(name="qux", description="two"),
    make_secret(name="none", description="unrelated"),
]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("one two", {"foo", "bar"}),
        ("o t", {"foo", "bar"}),
        ("t", {"foo", "bar", "qux"}),
        ("!o", {"qux", "none"}),
    ],
)
def test_description_words_may_have_others_between_them(value, names):
    assert found(COUNTED, by("description", value)) == names


def test_filters_with_the_same_key_must_all_hold():
    assert found(COUNTED, by("description", "one"), by("description", "two")) == {"foo", "bar"}


def test_one_value_of_a_filter_is_enough():
    assert found(COUNTED, by("name", "foo", "bar")) == {"foo", "bar"}


def test_a_negated_value_is_one_more_alternative():
    assert found(COUNTED, by("description", "one", "!two")) == {"foo", "bar", "baz", "none"}


SPREAD = [
    make_secret(name="SecretOneabc"),
    make_secret(name="SecretTwoabc", description="DescTwo"),
    make_secret(name="Thirdsecretabc"),
    make_secret(name="SecretFTagabc", tags=(Tag("1", "foo"),)),
    make_secret(name="SecretFValueabc", tags=(Tag("foo", "v"),)),
    make_secret(name="noneabc"),
]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("SecretOne", {"SecretOneabc"}),
        ("foo", {"SecretFTagabc", "SecretFValueabc"}),
        ("Secret", {"SecretOneabc", "SecretTwoabc", "SecretFTagabc", "SecretFValueabc"}),
        ("secret", {"SecretOneabc", "SecretTwoabc", "SecretFTagabc", "SecretFValueabc"}),
        ("sec", {"SecretOneabc", "SecretTwoabc", "SecretFTagabc", "SecretFValueabc"}),
        ("ret", set()),
        ("SomeSecret", set()),
        ("d", {"SecretTwoabc"}),
        ("d t", {"SecretTwoabc"}),
        ("t", {"SecretTwoabc", "Thirdsecretabc", "SecretFTagabc"}),
    ],
)
def test_all_matches_words_of_any_attribute(value, names):
    assert found(SPREAD, by("all", value)) == names


SEPARATED = [make_secret(name=f"prod{separator}AppBeta{separator}1f2e3d") for separator in "/_+=.@-"]
EVERY_SEPARATED = {secret.name for secret in SEPARATED}
COMPANIES = [make_secret(name="uat/COMPANY/1f2e3d"), make_secret(name="uat/COMPANYthings/1f2e3d")]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (("AppBeta",), EVERY_SEPARATED),
        (("Beta",), EVERY_SEPARATED),
        (("AppBeta", "prod"), EVERY_SEPARATED),
        (("1f2e3d",), EVERY_SEPARATED | {"uat/COMPANY/1f2e3d", "uat/COMPANYthings/1f2e3d"}),
        (("+",), set()),
        (("company",), {"uat/COMPANY/1f2e3d"}),
        (("things",), set()),
        (("Ythings",), {"uat/COMPANYthings/1f2e3d"}),
        (("N",), set()),
        (("pany",), set()),
    ],
)
def test_all_splits_names_at_separators_and_changes_of_case(values, names):
    assert found([*SEPARATED, *COMPANIES], by("all", *values)) == names


def test_all_splits_a_name_that_mixes_separators():
    assert found([make_secret(name="prod-AppBeta/x")], by("all", "beta prod")) == {"prod-AppBeta/x"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("+", []),
        ("/_+=.@- \t", []),
        ("my test", ["my", "test"]),
        ("MyTestPhrase", ["My", "Test", "Phrase"]),
        ("myTest", ["my", "Test"]),
        ("COMPANYthings", ["COMPAN", "Ythings"]),
        ("COMPANY", ["COMPANY"]),
        ("HTTPServer2Go", ["HTTP", "Server", "2", "Go"]),
        ("credsDatabase#892", ["creds", "Database", "892"]),
        ("v2beta", ["v", "2", "beta"]),
        ("Grüße, Welt!", ["Grüße", "Welt"]),
        ("caféBar", ["café", "Bar"]),
    ],
)
def test_words(text, words):
    assert split_words(text) == words


def test_all_words_must_be_in_one_attribute():
    secret = make_secret(name="alpha", description="beta", tags=(Tag("gamma", "delta"),))
    assert found([secret], by("all", "alpha")) == {"alpha"}
    assert found([secret], by("all", "gamma")) == {"alpha"}
    assert found([secret], by("all", "delta")) == {"alpha"}
    assert found([secret], by("all", "alpha beta")) == set()
    assert found([secret], by("all", "gamma delta")) == set()


def test_all_does_not_look_at_regions_and_services():
    assert found([make_secret(name="x", primary_region="eu-west-1", owning_service="rds")], by("all", "rds", "eu")) == (
        set()
    )


def test_words_match_whatever_the_case_of_letters_beyond_ascii():
    assert found([make_secret(name="x", description="STRASSE Übersicht")], by("description", "strasse")) == {"x"}
    assert found([make_secret(name="x", description="Straße")], by("description", "strasse")) == {"x"}


TAGGED = [
    make_secret(name="untagged"),
    make_secret(name="emptied", tags=()),
    make_secret(name="one", tags=(Tag("team", "Blue"),)),
    make_secret(name="two", tags=(Tag("cost", "42"), Tag("team", "red"))),
]


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("tag-key", "team", {"one", "two"}),
        ("tag-key", "te", {"one", "two"}),
        ("tag-key", "Team", set()),
        ("tag-key", "eam", set()),
        ("tag-key", "", {"one", "two"}),
        ("tag-key", "!cost", {"untagged", "emptied", "one"}),
        ("tag-key", "!team", {"untagged", "emptied"}),
        ("tag-value", "Bl", {"one"}),
        ("tag-value", "bl", set()),
        ("tag-value", "4", {"two"}),
        ("tag-value", "!red", {"untagged", "emptied", "one"}),
    ],
)
def test_tags_match_a_prefix_of_any_and_negation_means_none(key, value, names):
    assert found(TAGGED, by(key, value)) == names


def test_key_and_value_filters_may_be_met_by_different_tags():
    assert found(TAGGED, by("tag-key", "team"), by("tag-value", "42")) == {"two"}


OWNED = [
    make_secret(name="own"),
    make_secret(name="replica", primary_region="eu-west-1"),
    make_secret(name="managed", owning_service="rds"),
]


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("primary-region", "eu-", {"replica"}),
        ("primary-region", "EU-", set()),
        ("primary-region", "west", set()),
        ("primary-region", "!eu-", {"own", "managed"}),
        ("owning-service", "rd", {"managed"}),
        ("owning-service", "RDS", set()),
        ("owning-service", "!rds", {"own", "replica"}),
    ],
)
def test_region_and_service_match_a_prefix_and_negation_includes_secrets_without_them(key, value, names):
    assert found(OWNED, by(key, value)) == names


@pytest.mark.parametrize("key", ["description", "all"])
def test_a_value_without_words_matches_nothing_and_its_negation_everything(key):
    secrets = [make_secret(name="a+b", description="+"), make_secret(name="c")]
    for wordless in ("+", "", " /"):
        assert found(secrets, by(key, wordless)) == set()
        assert found(secrets, by(key, f"!{wordless}")) == {"a+b", "c"}


def test_negated_description_includes_secrets_without_one():
    assert found([make_secret(name="x")], by("description", "!a")) == {"x"}


def test_only_the_first_exclamation_mark_negates():
    secrets = [make_secret(name="!bang"), make_secret(name="calm")]
    assert found(secrets, by("name", "!!b")) == {"calm"}
    assert found(secrets, by("name", "!calm")) == {"!bang"}


def test_without_filters_every_secret_passes():
    assert found(DESCRIBED) == EVERY_DESCRIBED


def test_a_filter_without_values_lets_nothing_pass():
    assert found(DESCRIBED, by("name")) == set()


def test_require_valid_returns_the_filter():
    assert require_valid("tag-key", ["a", "!b"]) == Filter(FilterKey.TAG_KEY, ("a", "!b"))


@pytest.mark.parametrize("key", [None, "", "Name", "nonsense"])
def test_require_valid_refuses_a_missing_key(key):
    with pytest.raises(InvalidParameterException) as refused:
        require_valid(key, None)
    assert refused.value.message == "Invalid filter key"


@pytest.mark.parametrize("values", [None, [], ()])
def test_require_valid_refuses_missing_values(values):
    with pytest.raises(InvalidParameterException) as refused:
        require_valid("description", values)
    assert refused.value.message == "Invalid filter values for key: description"

from __future__ import annotations

import time

import pytest

from strongroom.domain.principal import Principal
from strongroom.policy.callers import (
    CallerNames,
    NamedPrincipal,
    PrincipalClause,
    PrincipalForm,
    PrincipalMatch,
    names_of,
)
from strongroom.policy.matching import (
    ActionClause,
    ResourceClause,
    parse_arn_pattern,
    parse_glob,
    parse_template,
)

ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3"


def values(**known: str):
    return lambda key: known.get(key.removeprefix("aws:"))


NOTHING = values()


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", [""], ["a"]),
        ("abc", ["abc"], ["", "ab", "abcd", "ABC"]),
        ("*", ["", "a", "a:b/c"], []),
        ("**", ["", "a"], []),
        ("?", ["a", "*"], ["", "ab"]),
        ("a*", ["a", "abc"], ["", "ba"]),
        ("*a", ["a", "ba", "aa"], ["ab"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("*ab*ab*", ["abab", "xabyabz"], ["aab", "ab", "aba"]),
        ("a?c*e", ["abce", "abcde"], ["ace", "abcd"]),
        ("*?b?*", ["abc", "xxabcx", "bbb"], ["bc", "ab", "acc"]),
        ("*b??d*", ["bbccd", "abxydz"], ["bcd", "bccc"]),
        ("name-??????", ["name-a1b2c3"], ["name-a1b2c", "name-a1b2c34", "name-x-a1b2c3"]),
        ("name-*", ["name-a1b2c3", "name-x-a1b2c3", "name-"], ["name"]),
        ("[a-z]", ["[a-z]"], ["b"]),
        (".*", ["."], [""]),
    ],
)
def test_globs(pattern, matching, others):
    glob = parse_glob(pattern)
    assert [text for text in [*matching, *others] if glob.matches(text)] == matching


@pytest.mark.parametrize("pattern", ["a*" * 5000 + "b", "*a?" * 5000 + "b", "*" + "a?" * 900 + "b*", "?*" * 5000])
def test_no_pattern_makes_matching_slow(pattern):
    glob, text = parse_glob(pattern), "a" * 2048
    started = time.monotonic()
    glob.matches(text)
    assert time.monotonic() - started < 0.5  # a backtracking matcher takes years


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain", "plain"),
        ("${aws:username}", "mary"),
        ("x/${aws:username}/y", "x/mary/y"),
        ("${aws:team, 'none'}", "none"),
        ("${aws:username, 'none'}", "mary"),
        ("${aws:team,''}", ""),
        ("${ aws:username }", "mary"),
        ("${*}${?}${$}{aws:username}", "*?${aws:username}"),
        ("$aws:username", "$aws:username"),
        ("${aws:team}", None),
        ("${aws:username}${aws:team}", None),
    ],
)
def test_variables_are_filled_in(text, rendered):
    assert parse_template(text, variables=True).render(values(username="mary")) == rendered


@pytest.mark.parametrize(
    "text",
    [
        "${", "${}", "${aws:username", "${name}", "${aws:*}", "${${aws:a}}",
        "${aws:a, b}", "${aws:a, 'b}", "${aws:a, '}", "${aws:a,}", "${**}",
    ],
)  # fmt: skip
def test_what_begins_no_variable_is_refused(text):
    with pytest.raises(ValueError, match="variable"):
        parse_template(text, variables=True)
    assert parse_template(text, variables=False).render(NOTHING) == text


def test_a_value_filled_in_never_becomes_a_wildcard():
    glob = parse_template("team/${aws:team}/*", variables=True).glob(values(team="*?"))
    assert glob is not None
    assert glob.matches("team/*?/x")
    assert not glob.matches("team/blue/x")
    escaped = parse_template("a${*}b*${?}", variables=True).glob(NOTHING)
    assert escaped is not None
    assert escaped.matches("a*bcd?")
    assert not escaped.matches("axbcd?")
    assert not escaped.matches("a*bcde")


def test_a_value_filled_in_is_no_template_again():
    template = parse_template("${aws:team}", variables=True)
    assert template.render(values(team="${aws:username}", username="mary")) == "${aws:username}"


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        (SECRET, True),
        (SECRET.upper(), False),
        ("arn:aws:secretsmanager:*:*:secret:*", True),
        ("arn:*:*:*:*:*", True),
        ("arn:aws:secretsmanager:us-east-?:123456789012:secret:prod/db-??????", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db", False),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/*", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:*", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:s*3", True),
        # a star does not reach across the first five colons
        ("arn:*:123456789012:secret:prod/db-a1b2c3", False),
        ("arn:aws:secretsmanager:*:secret:prod/db-a1b2c3", False),
        # fewer than six parts
        ("arn:aws:secretsmanager:*", True),
        ("arn:*", True),
        ("a*", True),
        ("arn:aws:s3:*", False),
        ("arn:aws:secretsmanager", False),
        ("arn", False),
        ("", False),
    ],
)
def test_arn_patterns(pattern, matches):
    assert parse_arn_pattern(pattern, variables=True).matches(SECRET, NOTHING) is matches


def test_the_last_part_of_an_arn_spans_colons():
    pattern = parse_arn_pattern("arn:aws:lambda:us-east-1:123456789012:function:*", variables=True)
    assert pattern.matches("arn:aws:lambda:us-east-1:123456789012:function:rotate:live", NOTHING)


def test_variables_stand_in_arns():
    pattern = parse_arn_pattern("arn:aws:secretsmanager:*:*:secret:${aws:team}/*", variables=True)
    assert pattern.matches(SECRET, values(team="prod")) is True
    assert pattern.matches(SECRET, values(team="*")) is False
    assert pattern.matches(SECRET, NOTHING) is None
    elsewhere = parse_arn_pattern("arn:aws:s3:*:*:${aws:team}", variables=True)
    assert elsewhere.matches(SECRET, NOTHING) is False


def test_a_variable_cannot_bring_colons_into_the_first_parts():
    pattern = parse_arn_pattern("arn:aws:${aws:x}:*:*:*", variables=True)
    assert pattern.matches(SECRET, values(x="secretsmanager")) is True
    assert pattern.matches(SECRET, values(x="secretsmanager:us-east-1")) is False


def test_a_resource_without_value_matches_nothing_and_differs_only_under_deny():
    unknown = parse_arn_pattern("arn:aws:secretsmanager:*:*:secret:${aws:team}/*", variables=True)
    named, excepted = ResourceClause((unknown,)), ResourceClause((unknown,), negated=True)
    for unknown_differs in (False, True):
        assert not named.covers(SECRET, NOTHING, unknown_differs=unknown_differs)
        assert excepted.covers(SECRET, NOTHING, unknown_differs=unknown_differs) is unknown_differs
        assert not excepted.covers(SECRET, values(team="prod"), unknown_differs=unknown_differs)
        assert excepted.covers(SECRET, values(team="test"), unknown_differs=unknown_differs)


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("*", True),
        ("secretsmanager:*", True),
        ("secretsmanager:getsecretvalue", True),
        ("SECRETSMANAGER:GetSecretVALUE", True),
        ("secretsmanager:Get*", True),
        ("secretsmanager:GetSecretValu?", True),
        ("*:*", True),
        ("s3:*", False),
        ("secretsmanager:BatchGet*", False),
        ("secretsmanager:GetSecretValue?", False),
    ],
)
def test_actions(pattern, covered):
    globs = (parse_glob(pattern.lower()),)
    assert ActionClause(globs).covers("secretsmanager:GetSecretValue") is covered
    assert ActionClause(globs, negated=True).covers("secretsmanager:GetSecretValue") is not covered


ROOT = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", unique_id=ACCOUNT)
USER = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/app"
SESSION = CallerNames(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one", role_arn=ROLE)
SERVICE = CallerNames(ACCOUNT, "secretsmanager.amazonaws.com", service="secretsmanager.amazonaws.com")

NAMED = {
    "everyone": NamedPrincipal(PrincipalForm.EVERYONE, "*"),
    "account": NamedPrincipal(PrincipalForm.ACCOUNT, ACCOUNT),
    "other account": NamedPrincipal(PrincipalForm.ACCOUNT, "210987654321"),
    "user": NamedPrincipal(PrincipalForm.CALLER, USER.arn),
    "role": NamedPrincipal(PrincipalForm.ROLE, ROLE),
    "session": NamedPrincipal(PrincipalForm.CALLER, SESSION.arn),
    "service": NamedPrincipal(PrincipalForm.SERVICE, "secretsmanager.amazonaws.com"),
    "provider": NamedPrincipal(PrincipalForm.FEDERATED, "accounts.google.com"),
}


@pytest.mark.parametrize(
    ("named", "root", "user", "session", "service"),
    [
        (
            "everyone",
            PrincipalMatch.EVERYONE,
            PrincipalMatch.EVERYONE,
            PrincipalMatch.EVERYONE,
            PrincipalMatch.EVERYONE,
        ),
        ("account", PrincipalMatch.ACCOUNT, PrincipalMatch.ACCOUNT, PrincipalMatch.ACCOUNT, None),
        ("other account", None, None, None, None),
        ("user", None, PrincipalMatch.CALLER, None, None),
        ("role", None, None, PrincipalMatch.ROLE, None),
        ("session", None, None, PrincipalMatch.CALLER, None),
        ("service", None, None, None, PrincipalMatch.CALLER),
        ("provider", None, None, None, None),
    ],
)
def test_how_a_principal_is_named(named, root, user, session, service):
    clause = PrincipalClause((NAMED[named],))
    assert [clause.match(caller) for caller in (ROOT, USER, SESSION, SERVICE)] == [root, user, session, service]


def test_the_strongest_name_counts():
    clause = PrincipalClause((NAMED["account"], NAMED["session"], NAMED["role"]))
    assert clause.match(SESSION) is PrincipalMatch.CALLER
    assert clause.match(USER) is PrincipalMatch.ACCOUNT


@pytest.mark.parametrize(
    ("listed", "exempt"),
    [
        (["other account"], []),
        (["account"], ["root"]),
        (["user"], []),
        (["user", "account"], ["root", "user"]),
        (["session"], []),
        (["session", "account"], ["root"]),
        (["session", "role", "account"], ["root", "session"]),
        (["role", "account"], ["root"]),
        (["service"], ["service"]),
        (["everyone"], ["root", "user", "session", "service"]),
    ],
)
def test_not_principal_exempts_whose_every_name_is_listed(listed, exempt):
    clause = PrincipalClause(tuple(NAMED[name] for name in listed), negated=True)
    callers = {"root": ROOT, "user": USER, "session": SESSION, "service": SERVICE}
    assert [name for name, caller in callers.items() if clause.match(caller) is None] == exempt


def test_the_names_of_a_principal():
    root = Principal("Root", ROOT.arn, ACCOUNT, ACCOUNT, "AKIAEXAMPLE")
    assert names_of(root) == ROOT
    assert ROOT.is_root
    assert not USER.is_root

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.principal import Principal
from strongroom.errors import MalformedPolicyDocumentException
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import names_of
from strongroom.policy.conditions import Context, compile_condition, find_operator, matches
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.evaluate import Decision
from strongroom.policy.matching import parse_arn_pattern, parse_glob, parse_template
from strongroom.policy.public_access import find_broad_statements, locks_out

OWNER, PARTNER, STRANGER = "111111111111", "222222222222", "333333333333"
ROLE = f"arn:aws:iam::{OWNER}:role/app"
PUT, DELETE, GET = (
    f"secretsmanager:{name}" for name in ("PutResourcePolicy", "DeleteResourcePolicy", "GetSecretValue")
)


SECRET = f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:x-a1b2c3"


def principal(kind: str, arn: str, account: str) -> Principal:
    return Principal(kind, arn, "AIDAEXAMPLE", account, "AKIAEXAMPLE")


ROOTS = [principal("Root", f"arn:aws:iam::{account}:root", account) for account in (OWNER, PARTNER, STRANGER)]
USERS = [principal("IAMUser", f"arn:aws:iam::{account}:user/u", account) for account in (OWNER, PARTNER)]
SESSION = principal("AssumedRole", f"arn:aws:sts::{OWNER}:assumed-role/app/s", OWNER)
NAMES = ["*", OWNER, PARTNER, f"arn:aws:iam::{OWNER}:root", USERS[0].arn, USERS[1].arn, ROLE, SESSION.arn]

PRINCIPALS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: {"AWS": names})
ACTIONS = st.lists(
    st.sampled_from(["*", "secretsmanager:*", "secretsmanager:Get*", "s3:*", PUT, DELETE, GET]), min_size=1
)
RESOURCES = st.sampled_from(["*", f"arn:aws:secretsmanager:*:{OWNER}:secret:${{aws:a}}-??????", "arn:aws:s3:::x"])
OPERATORS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike", "ArnNotLike", "NumericLessThan", "NotIpAddress"]),
    st.sampled_from(["", "IfExists"]),
)
KEYS = st.sampled_from(["aws:a", "aws:b", "aws:SourceIp", "aws:SourceAccount"])
TEXTS = {
    "String": st.sampled_from(["x", "y*", "*", "${aws:b}", "${aws:a, 'x'}"]),
    "Arn": st.sampled_from(["*", "arn:aws:s3:::x", "${aws:a}"]),
    "Numeric": st.sampled_from(["5", "-1.5"]),
    "IpAddress": st.sampled_from(["10.0.0.0/8", "::1"]),
}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(OPERATORS)
    values = next(texts for family, texts in TEXTS.items() if family in operator)
    return {operator: {draw(KEYS): draw(st.lists(values, min_size=1, max_size=2))}}


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    effect = draw(st.sampled_from(effects))
    negated = effect == "Deny" and draw(st.booleans())
    return {
        "Effect": effect,
        "NotPrincipal" if negated else "Principal": draw(PRINCIPALS),
        draw(st.sampled_from(["Action", "NotAction"])): draw(ACTIONS),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(RESOURCES),
        "Condition": draw(conditions() | st.just({})),
    }


ALLOWS, DENIES, STATEMENTS = statements(("Allow",)), statements(("Deny",)), statements()
LISTS = st.lists(STATEMENTS, max_size=5)
VALUES = st.sampled_from(["x", "y", "*", "5", "10.1.1.1", "${aws:b}", OWNER]) | st.lists(
    st.sampled_from("xy"), max_size=2
)
CONTEXTS = st.dictionaries(KEYS, VALUES)
REQUESTS = st.fixed_dictionaries(
    {
        "principal": st.sampled_from([*ROOTS, *USERS, SESSION]),
        "action": st.sampled_from([GET, PUT, DELETE]),
        "resource_arn": st.just(SECRET),
        "context": CONTEXTS,
    }
)


def policy(written: list[dict[str, Any]]) -> Policy:
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": written}), kind=PolicyKind.RESOURCE)


def decision(request: dict[str, Any], *written: list[dict[str, Any]]) -> Decision:
    caller = request["principal"]
    policies = [policy(each) for each in written if each]
    names = names_of(caller, role_arn=ROLE if caller is SESSION else None)
    asked = AccessRequest(names, request["action"], request["resource_arn"], Context(request["context"]))
    return decide(asked, Policies(resource=policies))


@given(REQUESTS, LISTS, DENIES)
def test_a_deny_never_widens(request, written, denial):
    assert decision(request, written).allowed or not decision(request, [*written, denial]).allowed


@given(REQUESTS, LISTS, ALLOWS)
def test_removing_an_allow_never_widens(request, written, allowance):
    assert decision(request, [*written, allowance]).allowed or not decision(request, written).allowed


@given(REQUESTS, LISTS.flatmap(lambda written: st.tuples(st.just(written), st.permutations(written))))
def test_the_order_of_statements_never_matters(request, orders):
    first, second = (decision(request, written) for written in orders)
    assert (first.allowed, first.reason) == (second.allowed, second.reason)


@given(REQUESTS, LISTS, LISTS)
def test_several_policies_are_the_union_of_their_statements(request, some, others):
    apart, together = decision(request, some, others), decision(request, [*some, *others])
    assert (apart.allowed, apart.reason) == (together.allowed, together.reason)


@given(REQUESTS, LISTS, DENIES)
def test_an_unconditional_deny_of_everything_denies(request, written, denial):
    everything = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    found = decision(request, [*written, everything, denial])
    assert (found.allowed, found.reason) == (False, "with an explicit deny in a resource-based policy")


@given(REQUESTS, LISTS)
def test_who_is_denied_is_told_why_and_who_is_allowed_is_told_nothing(request, written):
    found = decision(request, written)
    assert found.allowed is not bool(found.reason)


@given(REQUESTS, STATEMENTS)
def test_no_statement_both_covers_and_excepts_an_action(request, written):
    without = {key: value for key, value in written.items() if key not in {"Action", "NotAction"}}
    actions = written.get("Action", written.get("NotAction"))
    positive, negative = (
        policy([{**without, name: actions}]).statements[0].actions.covers(request["action"])
        for name in ("Action", "NotAction")
    )
    assert positive is not negative


ANY_CALLER = {"Effect": "Deny", "Principal": {"AWS": OWNER}, "Action": [PUT, DELETE], "Resource": "*"}


@given(LISTS.filter(bool), st.sampled_from([GET, PUT, DELETE]))
def test_a_policy_that_is_not_broad_lets_no_stranger_in(written, action):
    request = {"principal": ROOTS[2], "action": action, "resource_arn": SECRET, "context": {}}
    if not find_broad_statements(policy(written)):
        assert not decision(request, written).allowed


@given(LISTS, st.sampled_from([[], [ANY_CALLER]]), REQUESTS, st.sampled_from([PUT, DELETE]))
def test_who_is_locked_out_can_change_nothing(written, closing, request, action):
    both, request = [*written, *closing], {**request, "action": action}
    if request["principal"].account_id == OWNER and both and locks_out(policy(both), ROOTS[0].arn, resource_arn=SECRET):
        assert not decision(request, both).allowed


def naive(pattern: str, text: str) -> bool:
    @cache
    def match(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(text)
        if pattern[i] == "*":
            return match(i + 1, j) or (j < len(text) and match(i, j + 1))
        return j < len(text) and pattern[i] in ("?", text[j]) and match(i + 1, j + 1)

    return match(0, 0)


@given(st.text("ab*?", max_size=12), st.text("abc", max_size=14))
def test_a_glob_equals_the_naive_one(pattern, text):
    assert parse_glob(pattern).matches(text) is naive(pattern, text)


@given(st.lists(st.sampled_from(["*", "?", "a", "b", "ab", "a?", "*?b"]), max_size=10).map("".join), st.text("ab"))
def test_a_glob_of_many_wildcards_equals_the_naive_one(pattern, text):
    assert parse_glob(pattern).matches(text) is naive(pattern, text)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "*", "?", "b*", ""]), st.text("ab", max_size=2)), min_size=6, max_size=8)
)
def test_an_arn_pattern_of_six_parts_is_six_globs(pairs):
    pattern, arn = ":".join(written for written, _ in pairs), ":".join(text for _, text in pairs)
    expected = all(naive(*pair) for pair in zip(pattern.split(":", 5), arn.split(":", 5), strict=True))
    assert parse_arn_pattern(pattern, variables=True).matches(arn, lambda _: None) is expected


@given(st.text("ab*?${}:", max_size=6), st.text("ab*?${}:", max_size=8))
def test_a_value_filled_in_equals_only_itself(value, text):
    glob = parse_template("${aws:a}", variables=True).glob(lambda _: value)
    assert glob is not None
    assert glob.matches(text) is (text == value)


@given(st.text("a*?$", max_size=4), st.text("ab*?", max_size=4), st.text("ab*?", max_size=10))
def test_wildcards_around_a_value_still_are_wildcards(before, value, text):
    glob = parse_template(before + "${aws:a}*", variables=True).glob(lambda _: value)
    assert glob is not None
    ends = [end for end in range(len(text) + 1) if naive(before, text[:end]) and text.startswith(value, end)]
    assert glob.matches(text) is bool(ends)


@given(OPERATORS, KEYS, st.data(), CONTEXTS)
def test_without_knowing_nothing_is_denied_less(name, key, data, context):
    """What cannot be compared counts as different under Deny: a Deny applies at least where an Allow does."""
    operator = find_operator(name)
    assert operator is not None
    values = data.draw(
        st.lists(next(texts for family, texts in TEXTS.items() if family in name), min_size=1, max_size=3)
    )
    block = [compile_condition(operator, key, values, variables=True)]
    assert matches(block, context, unknown_differs=True) or not matches(block, context)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Allow", "*", "2012-10-17"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Version", "Statement", "Effect", "Principal", "AWS", "Action", "Condition", "Bool"]),
            inner,
        )
    ),
)


def is_refused(text: str) -> bool:
    try:
        parse_policy(text, kind=PolicyKind.RESOURCE)
    except MalformedPolicyDocumentException as error:
        return error.message is not None and error.__cause__ is not None
    return False


@given(st.text() | JSON.map(json.dumps))
def test_any_text_without_statements_is_malformed(text):
    assert is_refused(text) or "Statement" in text


@given(STATEMENTS, st.sampled_from(["Principal", "Action", "Resource", "Condition", "Effect", "Sid"]), JSON)
def test_no_element_breaks_the_parser(written, element, value):
    is_refused(json.dumps({"Statement": [{**written, element: value}]}))

"""Truth tables: every operator, prefix and suffix, for keys that are absent, single and of several values."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from strongroom.policy.conditions import Context, compile_condition, find_operator, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY = "aws:Key"


def holds(
    name: str,
    expected: str | Sequence[str],
    context: Mapping[str, str | Sequence[str]],
    *,
    variables: bool = True,
    unknown_differs: bool = False,
) -> bool:
    operator = find_operator(name)
    assert operator is not None
    values = [expected] if isinstance(expected, str) else expected
    condition = compile_condition(operator, KEY, values, variables=variables)
    return matches([condition], context, unknown_differs=unknown_differs)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ARN = "arn:aws:sns:us-east-1:123456789012:topic"

# operator: two values of the policy, a request's value equal to one of them, and one that equals neither
EQUALITIES = {
    "StringEquals": (["red", "blue"], "blue", "Blue"),
    "StringEqualsIgnoreCase": (["red", "STRASSE"], "straße", "green"),
    "StringLike": (["r*", "b?ue"], "blue", "bllue"),
    "NumericEquals": (["1", "10.0"], "10", "11"),
    "DateEquals": (["2026-01-01", "2026-01-02T03:00:00Z"], "2026-01-02T04:00:00+01:00", "2026-01-02"),
    "IpAddress": (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", "192.0.2.1"),
    "ArnEquals": (["arn:aws:s3:::bucket", "arn:aws:sns:*:123456789012:*"], ARN, "arn:aws:sns:us-east-1:1:topic"),
    "ArnLike": (["arn:aws:s3:::bucket", "arn:aws:sns:*:123456789012:*"], ARN, "arn:aws:sns:us-east-1:1:topic"),
    "Bool": (["true"], "TRUE", "false"),
    "BinaryEquals": ([encoded("red"), encoded("blue")], encoded("blue"), encoded("green")),
    "NumericLessThan": (["5", "10"], "9.99", "10"),
    "NumericLessThanEquals": (["5", "10"], "10", "10.01"),
    "NumericGreaterThan": (["50", "10"], "10.01", "10"),
    "NumericGreaterThanEquals": (["50", "10"], "10", "-3"),
    "DateLessThan": (["2026-01-01T00:00:00Z"], "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    "DateLessThanEquals": (["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    "DateGreaterThan": (["2026-01-01T00:00:00Z"], "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"),
    "DateGreaterThanEquals": (["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z"),
}
NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
OPERATORS = [(name, name, False) for name in EQUALITIES] + [(name, base, True) for name, base in NEGATIONS.items()]
every_operator = pytest.mark.parametrize(("name", "base", "negated"), OPERATORS)


def test_the_tables_name_every_operator():
    assert len(OPERATORS) == 26


@every_operator
@pytest.mark.parametrize("suffix", ["", "IfExists"])
def test_a_single_value(name, base, negated, suffix):
    expected, equal, other = EQUALITIES[base]
    assert holds(name + suffix, expected, {KEY: equal}) is not negated
    assert holds(name + suffix, expected, {KEY: other}) is negated


@every_operator
@pytest.mark.parametrize("context", [{}, {KEY: []}, {"aws:Other": "x"}])
@pytest.mark.parametrize(
    ("prefix", "suffix", "result"),
    [
        ("", "", None),
        ("", "IfExists", True),
        ("ForAllValues:", "", True),
        ("ForAllValues:", "IfExists", True),
        ("ForAnyValue:", "", False),
        ("ForAnyValue:", "IfExists", False),
    ],
)
def test_an_absent_key(name, base, negated, context, prefix, suffix, result):
    expected, _, _ = EQUALITIES[base]
    assert holds(prefix + name + suffix, expected, context) is (negated if result is None else result)


@every_operator
@pytest.mark.parametrize("suffix", ["", "IfExists"])
def test_several_values_match_only_under_a_set_operator(name, base, negated, suffix):
    expected, equal, other = EQUALITIES[base]
    for values in ([equal], [other], [equal, other], [equal, equal], [other, other]):
        assert not holds(name + suffix, expected, {KEY: values})


@every_operator
@pytest.mark.parametrize("suffix", ["", "IfExists"])
@pytest.mark.parametrize(
    ("shape", "all_values", "any_value"),
    [("e", True, True), ("o", False, False), ("ee", True, True), ("eo", False, True), ("oo", False, False)],
)
def test_set_operators_test_each_value(name, base, negated, suffix, shape, all_values, any_value):
    expected, equal, other = EQUALITIES[base]
    values = [equal if letter == "e" else other for letter in shape]
    if negated:  # every value differs / some value differs
        all_values, any_value = not any_value, not all_values
    assert holds(f"ForAllValues:{name}{suffix}", expected, {KEY: values}) is all_values
    assert holds(f"ForAnyValue:{name}{suffix}", expected, {KEY: values}) is any_value


@every_operator
def test_set_operators_take_a_single_value_for_a_list_of_one(name, base, negated):
    expected, equal, other = EQUALITIES[base]
    for prefix in ("ForAllValues:", "ForAnyValue:"):
        assert holds(prefix + name, expected, {KEY: equal}) is not negated
        assert holds(prefix + name, expected, {KEY: other}) is negated


@every_operator
def test_names_of_operators_and_keys_are_read_without_regard_to_case(name, base, negated):
    expected, equal, _ = EQUALITIES[base]
    assert holds(name.upper(), expected, {KEY.upper(): equal}) is not negated
    assert holds(f"forallvalues:{name.lower()}ifexists", expected, {KEY.lower(): equal}) is not negated


@pytest.mark.parametrize(
    ("expected", "context", "result"),
    [
        ("true", {}, True),
        ("true", {KEY: "x"}, False),
        ("true", {KEY: ""}, False),
        ("true", {KEY: []}, True),
        ("true", {KEY: ["x"]}, False),
        ("false", {}, False),
        ("false", {KEY: "x"}, True),
        ("FALSE", {KEY: ["x", "y"]}, True),
        (["true", "false"], {}, True),
    ],
)
def test_null(expected, context, result):
    assert holds("Null", expected, context) is result


@pytest.mark.parametrize(
    "name",
    [
        "", "String", "StringEqual", "StringEqualsIfExist", "NotStringEquals", "BoolNotEquals", "BinaryNotEquals",
        "NullIfExists", "ForAllValues:Null", "ForAnyValue:NullIfExists", "ForAnyValues:StringEquals",
        ":StringEquals", "ForAllValues:", "ForAllValues:ForAnyValue:StringEquals", "IfExists", "StringEquals ",
    ],
)  # fmt: skip
def test_other_operators_do_not_exist(name):
    assert find_operator(name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NumericEquals", "ten"),
        ("NumericEquals", "1e9999"),
        ("NumericEquals", "Infinity"),
        ("NumericEquals", "${aws:a}"),
        ("NumericLessThan", "٣"),
        ("DateEquals", "yesterday"),
        ("DateLessThan", "2026-13-01"),
        ("DateLessThan", "999999999999"),
        ("DateGreaterThan", "${aws:CurrentTime}"),
        ("Bool", "yes"),
        ("Null", "${aws:a}"),
        ("Null", ""),
        ("BinaryEquals", "not base64!"),
        ("IpAddress", "10.0.0.256"),
        ("IpAddress", "10.0.0.0/33"),
        ("IpAddress", "10.0.0.0/255.0.0.0"),
        ("NotIpAddress", "*"),
        ("StringEquals", "${aws:a"),
        ("ArnLike", "arn:aws:iam::*:user/${"),
    ],
)
def test_a_value_that_its_operator_cannot_read_is_refused(name, value):
    operator = find_operator(name)
    assert operator is not None
    with pytest.raises(ValueError, match=r"value|variable"):
        compile_condition(operator, KEY, [value], variables=True)


@pytest.mark.parametrize(
    ("name", "expected", "given"),
    [
        ("NumericNotEquals", "5", "five"),
        ("DateNotEquals", "2026-01-01", "now"),
        ("NotIpAddress", "10.0.0.0/8", "localhost"),
    ],
)
def test_what_cannot_be_compared_differs_only_under_deny(name, expected, given):
    assert not holds(name, expected, {KEY: given})
    assert holds(name, expected, {KEY: given}, unknown_differs=True)
    positive = name.replace("Not", "")
    assert not holds(positive, expected, {KEY: given})
    assert not holds(positive, expected, {KEY: given}, unknown_differs=True)


@pytest.mark.parametrize("name", ["StringNotEquals", "StringNotLike", "StringNotEqualsIgnoreCase", "ArnNotLike"])
def test_a_variable_without_value_differs_only_under_deny(name):
    assert not holds(name, "${aws:PrincipalTag/team}", {KEY: "x"})
    assert holds(name, "${aws:PrincipalTag/team}", {KEY: "x"}, unknown_differs=True)
    assert not holds(name.replace("Not", ""), "${aws:PrincipalTag/team}", {KEY: "x"}, unknown_differs=True)


def test_a_value_that_is_equal_settles_it_whatever_else_is_unknown():
    values = ["${aws:PrincipalTag/team}", "x"]
    assert holds("StringEquals", values, {KEY: "x"})
    assert not holds("StringNotEquals", values, {KEY: "x"}, unknown_differs=True)


@pytest.mark.parametrize(
    ("name", "value", "given"),
    [
        ("StringEquals", "${aws:Tag}", "ops"),
        ("StringEqualsIgnoreCase", "${aws:Tag}", "OPS"),
        ("StringLike", "${aws:Tag}-*", "ops-1"),
        ("ArnLike", "arn:aws:sns:*:*:${aws:Tag}", "arn:aws:sns:us-east-1:123456789012:ops"),
        ("ArnEquals", "${aws:Arn}", ARN),
        ("Bool", "${aws:Flag}", "TRUE"),
        ("BinaryEquals", "${aws:Bytes}", encoded("x")),
        ("StringEquals", "${AWS:TAG}", "ops"),
        ("StringEquals", "${aws:Absent, 'ops'}", "ops"),
        ("StringEquals", "${aws:Several, 'ops'}", "ops"),
    ],
)
def test_variables_are_filled_in(name, value, given):
    context = {KEY: given, "aws:Tag": "ops", "aws:Flag": "true", "aws:Bytes": encoded("x"), "aws:Arn": ARN}
    assert holds(name, value, {**context, "aws:Several": ["a", "b"]})
    assert not holds("StringEquals", value, context, variables=False)


@pytest.mark.parametrize(
    ("name", "value", "context"),
    [
        ("StringLike", "${aws:Tag}", {KEY: "anything", "aws:Tag": "*"}),
        ("StringLike", "a${*}", {KEY: "abc"}),
        ("StringEquals", "b*", {KEY: "blue"}),
        ("ArnLike", "arn:aws:sns:*:*:${aws:Tag}", {KEY: ARN, "aws:Tag": "*"}),
        ("StringEquals", "${aws:Several}", {KEY: "a", "aws:Several": ["a"]}),
        ("Bool", "${aws:Tag}", {KEY: "true", "aws:Tag": "yes"}),
        ("BinaryEquals", "${aws:Tag}", {KEY: "yes!", "aws:Tag": "yes!"}),
    ],
)
def test_what_is_filled_in_or_compared_exactly_is_no_wildcard_and_no_list(name, value, context):
    assert not holds(name, value, context)


@pytest.mark.parametrize(
    ("policy", "request_date"),
    [
        ("1767225600", "2026-01-01T00:00:00Z"),
        ("2026", "2026-01-01T00:00:00Z"),
        ("2026-01", "2026-01-01"),
        ("2026-01-01T00:00:00", "1767225600"),
        ("2026-01-01T00:00:00.500Z", "2026-01-01T01:00:00.5+01:00"),
        ("-1", "1969-12-31T23:59:59Z"),
    ],
)
def test_dates_have_many_forms(policy, request_date):
    assert holds("DateEquals", policy, {KEY: request_date})


def test_the_ends_of_the_calendar_are_compared():
    assert holds("DateLessThan", "9999-12-31T23:59:59-14:00", {KEY: "0001-01-01T00:00:00+14:00"})


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("203.0.113.7", ["203.0.113.7", "::ffff:203.0.113.7"], ["203.0.113.8", "::1", ""]),
        ("203.0.113.77/24", ["203.0.113.0", "203.0.113.255"], ["203.0.112.255"]),
        ("::ffff:10.0.0.0/104", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.0", "::a01:203"]),
        ("::ffff:0.0.0.0/96", ["10.1.2.3"], ["::1"]),
        ("::/0", ["2001:db8::1"], ["10.1.2.3"]),
        ("2001:DB8::/32", ["2001:db8:ffff::", "2001:0db8::1"], ["2001:db9::", "10.0.0.1"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["2001:db8::1"]),
    ],
)
def test_addresses(network, inside, outside):
    for address in inside:
        assert holds("IpAddress", network, {KEY: address})
        assert not holds("NotIpAddress", network, {KEY: address})
    for address in outside:
        assert not holds("IpAddress", network, {KEY: address})


@pytest.mark.parametrize(
    ("name", "limit", "given", "result"),
    [
        ("NumericEquals", "0.1", "0.10", True),
        ("NumericEquals", "1e3", "1000", True),
        ("NumericLessThan", "9", "10", False),
        ("NumericGreaterThan", "-1", "+0", True),
        ("NumericLessThan", "10", "9" * 90, False),
    ],
)
def test_numbers_are_decimal(name, limit, given, result):
    assert holds(name, limit, {KEY: given}) is result


def test_operators_and_keys_combine_by_and_values_by_or():
    def block(*conditions: tuple[str, str, list[str]]):
        return [
            compile_condition(operator, key, values, variables=True)
            for name, key, values in conditions
            if (operator := find_operator(name)) is not None
        ]

    both = block(("StringEquals", "aws:a", ["1", "2"]), ("StringEquals", "aws:b", ["3"]), ("Null", "aws:c", ["true"]))
    assert matches(both, {"aws:a": "2", "aws:b": "3"})
    assert not matches(both, {"aws:a": "3", "aws:b": "3"})
    assert not matches(both, {"aws:a": "2"})
    assert not matches(both, {"aws:a": "2", "aws:b": "3", "aws:c": ""})
    assert matches([], {})


def test_negated_values_must_all_differ():
    assert holds("StringNotEquals", ["a", "b"], {KEY: "c"})
    assert not holds("StringNotEquals", ["a", "b"], {KEY: "b"})


def test_the_spelling_of_the_policy_is_preferred_and_several_others_are_several_values():
    exact = Context({KEY: "red", KEY.upper(): "blue"})
    assert exact.find(KEY) == "red"
    assert exact.find(KEY.upper()) == "blue"
    assert exact.find(KEY.lower()) == ("red", "blue")
    assert exact.find_single(KEY.lower()) is None
    assert Context({KEY: ["a", "b"], KEY.upper(): "c"}).find(KEY.lower()) == ("a", "b", "c")
    assert exact.find("aws:Absent") is None


def test_an_empty_text_is_a_value():
    assert holds("StringEquals", "", {KEY: ""})
    assert not holds("StringNotEquals", "", {KEY: ""})


def test_version_stage_is_absent_unless_the_caller_sent_it():
    """Recorded: reading the default stage without naming it does not meet this condition."""
    operator = find_operator("ForAnyValue:StringEquals")
    assert operator is not None
    current = [compile_condition(operator, "secretsmanager:VersionStage", ["AWSCURRENT"], variables=True)]
    assert not matches(current, {})
    assert matches(current, {"secretsmanager:VersionStage": "AWSCURRENT"})

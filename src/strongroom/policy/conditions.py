"""Conditions: what a statement asks of the context of a request.

Block:
- Operators are joined by and, keys within an operator by and, values of a key by or; the values of a
  negated operator (Not..) must all differ (documented).
- Operator names are read without regard to case (read in another engine), keys likewise (documented). A
  tag key in the spelling of the policy is preferred; several other spellings are one key of several
  values (inferred).

Absent keys, and keys without values:
- A comparison is false, a negated one true (documented); IfExists makes both true.
- ForAllValues is true, ForAnyValue false, also negated and also with IfExists (read in another engine).
- Null asks just this: "true" for an absent key, "false" for a present one. It takes no prefix and no
  IfExists (documented for IfExists).

Keys of several values (lists, however short):
- Without ForAllValues or ForAnyValue nothing matches, negated or not (confirmed by AWS staff, second hand).
- Under them each value is tested alone, a single value like a list of one.

Operators:
- String: exact; IgnoreCase: case folded; Like: `*` and `?`. Arn: every part matched on its own, Equals
  being the same as Like. Bool: "true" or "false" without regard to case. Binary: base64 of the same bytes.
- Numeric: decimal numbers. Date: ISO 8601, without offset UTC, or seconds since 1970; four digits are a
  year. IpAddress: an address or a CIDR, IPv4 also when written as mapped into IPv6.
- Variables may stand in String, Arn, Bool and Binary values (`matching` says how they are filled in).
- A value that its operator cannot read is refused when the policy is written. A request's value that it
  cannot read equals nothing, and under Deny counts as different (inferred).
"""

from __future__ import annotations

import base64
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias

from strongroom.policy.matching import Lookup, Text, Variable, parse_arn_pattern, parse_template, settle

Test: TypeAlias = Callable[[str, Lookup], "bool | None"]
"""Compares a value of the request with one of the policy; None when they cannot be compared."""

_Compiler: TypeAlias = Callable[[str, bool], Test]
"""Turns a value of the policy into a test, given whether variables may stand in it; or ValueError."""

_Parser: TypeAlias = Callable[[str], Any]
"""Reads a value of some syntax; None for text that has not that syntax."""

_Values: TypeAlias = "Mapping[str, str | Sequence[str]]"
"""The keys of a request with their values."""


class Quantifier(Enum):
    """The prefix of an operator on keys of several values."""

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an operator does, without prefix and suffix; `compiler` is None for Null."""

    name: str
    compiler: _Compiler | None = field(compare=False, repr=False)
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    comparison: Comparison
    quantifier: Quantifier | None = None
    if_exists: bool = False

    @property
    def name(self) -> str:
        prefix = "" if self.quantifier is None else f"{self.quantifier.value}:"
        return f"{prefix}{self.comparison.name}{'IfExists' if self.if_exists else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator; `values` as they stand in the policy, `tests` ready to run."""

    operator: Operator
    key: str
    values: tuple[str, ...]
    tests: tuple[Test, ...] = field(compare=False, repr=False)


class Context:
    """The keys of one request; `asked` are those that were looked at, in lower case."""

    __slots__ = ("_exact", "_folded", "_source", "asked")

    def __init__(self, values: _Values | Callable[[], _Values]) -> None:
        self.asked: set[str] = set()
        self._source = values
        self._exact: dict[str, str | tuple[str, ...]] | None = None
        self._folded: dict[str, list[str]] | None = None

    @classmethod
    def lazy(cls, make: Callable[[], _Values]) -> Context:
        """Return the context whose keys are made once they are asked for: most policies never do."""
        return cls(make)

    def find(self, key: str) -> str | tuple[str, ...] | None:
        """Return the value or values of a key; None when it has none."""
        folded = key.lower()
        self.asked.add(folded)
        exact = self._values()
        if key in exact:
            return exact[key]
        found = [exact[spelling] for spelling in self._spellings(exact).get(folded, ())]
        if len(found) == 1:
            return found[0]
        return tuple(one for value in found for one in ((value,) if isinstance(value, str) else value)) or None

    def _values(self) -> dict[str, str | tuple[str, ...]]:
        if self._exact is None:
            source = self._source
            self._exact = {
                key: value if isinstance(value, str) else tuple(value)
                for key, value in (source() if callable(source) else source).items()
                if isinstance(value, str) or value
            }
        return self._exact

    def _spellings(self, exact: Iterable[str]) -> dict[str, list[str]]:
        if self._folded is None:
            self._folded = {}
            for key in exact:
                self._folded.setdefault(key.lower(), []).append(key)
        return self._folded

    def find_single(self, key: str) -> str | None:
        """Return the value of a key that has just one: what a variable stands for."""
        found = self.find(key)
        return found if isinstance(found, str) else None


def find_operator(name: str) -> Operator | None:
    """Return the operator of that name, with its prefix and suffix; None when there is none."""
    prefix, colon, rest = name.lower().rpartition(":")
    quantifier = next((each for each in Quantifier if each.value.lower() == prefix), None)
    if colon and quantifier is None:
        return None
    if_exists = rest.endswith("ifexists")
    comparison = _COMPARISONS.get(rest.removesuffix("ifexists"))
    if comparison is None or (comparison is _NULL and (if_exists or quantifier)):
        return None
    return Operator(comparison, quantifier, if_exists)


def compile_condition(used: Operator, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """Return the condition, ready to be tested.

    Raises:
        ValueError: a value that the operator cannot read.
    """
    compiler = used.comparison.compiler or _null
    return Condition(used, key, tuple(values), tuple(compiler(value, variables) for value in values))


def matches(
    block: Iterable[Condition],
    context: Context | Mapping[str, str | Sequence[str]],
    *,
    unknown_differs: bool = False,
) -> bool:
    """Return whether every condition holds.

    Args:
        block: the conditions of one statement.
        context: the keys of the request.
        unknown_differs: what cannot be compared counts as different; to be set for a Deny.
    """
    request = context if isinstance(context, Context) else Context(context)
    return find_unmet(block, request, unknown_differs=unknown_differs) is None


def find_unmet(block: Iterable[Condition], context: Context, *, unknown_differs: bool = False) -> Condition | None:
    """Return the first condition that does not hold; None when all do."""
    for condition in block:
        if not _holds(condition, context, unknown_differs=unknown_differs):
            return condition
    return None


def _holds(condition: Condition, context: Context, *, unknown_differs: bool) -> bool:
    used, found = condition.operator, context.find(condition.key)
    if used.comparison is _NULL:
        absence = "true" if found is None else "false"
        return any(test(absence, context.find_single) for test in condition.tests)
    if found is None:
        if used.quantifier is not None:
            return used.quantifier is Quantifier.ALL
        return used.if_exists or used.comparison.negated

    def passes(value: str) -> bool:
        compared = (test(value, context.find_single) for test in condition.tests)
        return settle(compared, negated=used.comparison.negated, unknown_differs=unknown_differs)

    if used.quantifier is None:
        return isinstance(found, str) and passes(found)
    values = (found,) if isinstance(found, str) else found
    return all(map(passes, values)) if used.quantifier is Quantifier.ALL else any(map(passes, values))


def _rendered(compare: Callable[[str, str], bool | None]) -> _Compiler:
    """Return the compiler of a comparison with text in which nothing is a wildcard."""

    def compile_value(text: str, variables: bool) -> Test:  # noqa: FBT001
        template = parse_template(text, variables=variables)

        def test(given: str, find: Lookup) -> bool | None:
            expected = template.render(find)
            return None if expected is None else compare(given, expected)

        return test

    return compile_value


def _like(text: str, variables: bool) -> Test:  # noqa: FBT001
    template = parse_template(text, variables=variables)
    constant = template.glob(dict[str, str]().get) if template.is_constant else None

    def test(given: str, find: Lookup) -> bool | None:
        glob = constant or template.glob(find)
        return None if glob is None else glob.matches(given)

    return test


def _arn(text: str, variables: bool) -> Test:  # noqa: FBT001
    pieces = [part for part in parse_template(text, variables=variables).parts if part != Text("")]
    if len(pieces) == 1 and isinstance(pieces[0], Variable):  # it stands for a whole ARN
        return _rendered(operator.eq)(text, variables)
    return parse_arn_pattern(text, variables=variables).matches


def _read_by(parse: _Parser, compare: Callable[[Any, Any], Any], *, what: str) -> _Compiler:
    """Return the compiler of a comparison between values that have a syntax, and no variables."""

    def compile_value(text: str, _variables: bool) -> Test:  # noqa: FBT001
        expected = parse(text)
        if expected is None:
            raise ValueError(f"a value is not {what}")

        def test(given: str, _find: Lookup) -> bool | None:
            value = parse(given)
            return None if value is None else bool(compare(value, expected))

        return test

    return compile_value


def _read_with_variables(parse: _Parser, compare: Callable[[Any, Any], Any], *, what: str) -> _Compiler:
    """Return the compiler of such a comparison where variables may stand: then it is read when they are filled."""
    constant = _read_by(parse, compare, what=what)

    def compare_texts(given: str, expected: str) -> bool | None:
        left, right = parse(given), parse(expected)
        return None if left is None or right is None else bool(compare(left, right))

    def compile_value(text: str, variables: bool) -> Test:  # noqa: FBT001
        template = parse_template(text, variables=variables)
        return constant(text, variables) if template.is_constant else _rendered(compare_texts)(text, variables)

    return compile_value


def _parse_bool(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _parse_binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


_NUMBER: Final = re.compile(r"[+-]?\d{1,100}(?:\.\d{1,100})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def _parse_number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_YEAR_AND_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)
_SECONDS: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _parse_date(text: str) -> datetime | None:
    if _YEAR.fullmatch(text):
        text += "-01-01"
    elif _YEAR_AND_MONTH.fullmatch(text):
        text += "-01"
    try:
        if _SECONDS.fullmatch(text):
            return _EPOCH + timedelta(seconds=int(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
_PREFIX: Final = re.compile(r"\d{1,3}", re.ASCII)
_MAPPED_BITS: Final = 96


def parse_network(text: str) -> _Network | None:
    """Return the network of a CIDR, or of a single address; None for other text."""
    _address, slash, prefix = text.partition("/")
    if slash and not _PREFIX.fullmatch(prefix):
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _lies_in(given: _Network, expected: _Network) -> bool:
    if isinstance(given, ipaddress.IPv4Network):
        return isinstance(expected, ipaddress.IPv4Network) and given.subnet_of(expected)
    return isinstance(expected, ipaddress.IPv6Network) and given.subnet_of(expected)


def _same_folded(given: str, expected: str) -> bool:
    return given.casefold() == expected.casefold()


_null: Final = _read_by(_parse_bool, operator.eq, what='"true" or "false"')
_NULL: Final = Comparison("Null", None)


def _ordered(kind: str, parse: _Parser, *, what: str) -> list[Comparison]:
    return [
        Comparison(f"{kind}Equals", _read_by(parse, operator.eq, what=what)),
        Comparison(f"{kind}NotEquals", _read_by(parse, operator.eq, what=what), negated=True),
        Comparison(f"{kind}LessThan", _read_by(parse, operator.lt, what=what)),
        Comparison(f"{kind}LessThanEquals", _read_by(parse, operator.le, what=what)),
        Comparison(f"{kind}GreaterThan", _read_by(parse, operator.gt, what=what)),
        Comparison(f"{kind}GreaterThanEquals", _read_by(parse, operator.ge, what=what)),
    ]


_ADDRESS: Final = _read_by(parse_network, _lies_in, what="an IP address or CIDR")

_COMPARISONS: Final = {
    comparison.name.lower(): comparison
    for comparison in (
        Comparison("StringEquals", _rendered(operator.eq)),
        Comparison("StringNotEquals", _rendered(operator.eq), negated=True),
        Comparison("StringEqualsIgnoreCase", _rendered(_same_folded)),
        Comparison("StringNotEqualsIgnoreCase", _rendered(_same_folded), negated=True),
        Comparison("StringLike", _like),
        Comparison("StringNotLike", _like, negated=True),
        *_ordered("Numeric", _parse_number, what="a number"),
        *_ordered("Date", _parse_date, what="a date"),
        Comparison("Bool", _read_with_variables(_parse_bool, operator.eq, what='"true" or "false"')),
        Comparison("BinaryEquals", _read_with_variables(_parse_binary, operator.eq, what="base64")),
        Comparison("IpAddress", _ADDRESS),
        Comparison("NotIpAddress", _ADDRESS, negated=True),
        Comparison("ArnEquals", _arn),
        Comparison("ArnNotEquals", _arn, negated=True),
        Comparison("ArnLike", _arn),
        Comparison("ArnNotLike", _arn, negated=True),
        _NULL,
    )
}

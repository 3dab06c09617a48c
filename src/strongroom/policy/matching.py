"""What the patterns and names of a policy match: globs, variables, ARNs, actions, principals.

Globs:
- `*` is any text, `?` exactly one character, everything else itself. Matching takes time linear in the
  text, whatever the pattern: no part of the text is looked at twice, and no regular expression is built.

Variables (documented; only Version 2012-10-17 has them, elsewhere `${..}` is plain text):
- `${aws:username}` is the request's value for that key, `${aws:PrincipalTag/team, 'none'}` has a default,
  `${*}` `${?}` `${$}` are the characters themselves.
- A value that is put in stays what it is: a `*` in a tag never becomes a wildcard (OpenBao's
  GHSA-59w7-v8rr-pr4p was that mistake).
- A key of several values counts as having none (documented: it cannot be a variable). A variable without
  value and without default equals nothing. What equals nothing does not match; where a policy asks for
  what *differs*, the answer is the one that gives nothing away: no under Allow (read in another engine),
  yes under Deny (inferred).
- `${` that begins no variable is refused, rather than kept in a Deny that never applies (inferred).

ARNs:
- The first five colons cut six parts, each is matched on its own: a `*` does not reach across, nor does
  the value of a variable. The last part may hold colons and slashes, and `*` spans them.
- A pattern of fewer parts is filled up with `*` if it has a wildcard, and matches nothing otherwise.

Actions: `service:Name` without regard to case; a `*` alone is every action. Resources: case counts.

Principals, and how one is matched:
- `*` is everyone; an account (id or root ARN) is all of that account and delegates to its identity
  policies; a role is every session of it; a user or session ARN is exactly that one.
- NotPrincipal is everyone but those whose every name stands in the list: the account, for a session the
  role, and the caller itself (documented: each is checked). The root has the account's name only.
- Names of federated identity providers match nobody: their users come as role sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from strongroom.domain.principal import Principal, root_arn

Lookup: TypeAlias = Callable[[str], str | None]
"""Gives the one value of a context key, or None when it has no value or several."""

_Segment: TypeAlias = tuple[str, ...]
"""What stands between two `*`: literal pieces, with one `?` between each two."""

CALLERS_KEPT: Final = 1_024
_ARN_PARTS: Final = 6
_ESCAPED: Final = frozenset("*?$")
_ANYTHING: Final = (("",), ("",))


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern cut at its `*`."""

    segments: tuple[_Segment, ...]

    def matches(self, text: str) -> bool:
        if self.segments == _ANYTHING:
            return True
        first, *between = self.segments
        if not between:
            return len(text) == _length(first) and _stands_at(first, text, 0)
        last = between.pop()
        position, end = _length(first), len(text) - _length(last)
        if position > end or not _stands_at(first, text, 0) or not _stands_at(last, text, end):
            return False
        for segment in between:  # the leftmost place is never worse than a later one
            found = _find_segment(segment, text, position, end)
            if found < 0:
                return False
            position = found + _length(segment)
        return True


def parse_glob(text: str) -> Glob:
    return Glob(tuple(tuple(segment.split("?")) for segment in text.split("*")))


def _length(segment: _Segment) -> int:
    return sum(map(len, segment)) + len(segment) - 1


def _stands_at(segment: _Segment, text: str, position: int) -> bool:
    for piece in segment:
        if not text.startswith(piece, position):
            return False
        position += len(piece) + 1
    return True


def _find_segment(segment: _Segment, text: str, start: int, end: int) -> int:
    """Return where the segment first stands in `text[start:end]`, or -1.

    With a `?` in it: one integer holds, as bits, how many characters of the segment match up to here.
    """
    length = _length(segment)
    if length > end - start:
        return -1
    if len(segment) == 1:
        return text.find(segment[0], start, end)
    places: dict[str, int] = {}
    anything, bit = 0, 1
    for number, piece in enumerate(segment):
        if number:
            anything |= bit
            bit <<= 1
        for character in piece:
            places[character] = places.get(character, 0) | bit
            bit <<= 1
    matched, whole = 0, bit >> 1
    for position in range(start, end):
        matched = (matched << 1 | 1) & (places.get(text[position], 0) | anything)
        if matched & whole:
            return position - length + 1
    return -1


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a policy; `literal` means that `*` and `?` in it are no wildcards."""

    text: str
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    key: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """Text in which variables stand."""

    parts: tuple[Text | Variable, ...]

    @property
    def is_constant(self) -> bool:
        return all(isinstance(part, Text) for part in self.parts)

    def render(self, find: Lookup) -> str | None:
        """Return the text, in which nothing is a wildcard; None when a variable has no value."""
        filled = self._fill(find)
        return None if filled is None else "".join(part.text for part in filled)

    def glob(self, find: Lookup) -> Glob | None:
        return _glob_of(self.parts) if self.is_constant else _glob_of(self._fill(find))

    def _fill(self, find: Lookup) -> list[Text] | None:
        filled = []
        for part in self.parts:
            if isinstance(part, Variable):
                value = find(part.key)
                value = part.default if value is None else value
                if value is None:
                    return None
                filled.append(Text(value, literal=True))
            else:
                filled.append(part)
        return filled


def parse_template(text: str, *, variables: bool) -> Template:
    """Return the template.

    Raises:
        ValueError: a `${` that begins no variable.
    """
    parts: list[Text | Variable] = []
    position = 0
    while variables and (start := text.find("${", position)) >= 0:
        end = text.find("}", start)
        if end < 0:
            raise ValueError("a variable lacks its closing brace")
        parts += [Text(text[position:start]), _parse_variable(text[start + 2 : end])]
        position = end + 1
    return Template((*parts, Text(text[position:])))


def _parse_variable(text: str) -> Text | Variable:
    if text in _ESCAPED:
        return Text(text, literal=True)
    key, comma, default = (part.strip() for part in text.partition(","))
    if ":" not in key or _ESCAPED & set(key):
        raise ValueError("a variable names no condition key")
    if not comma:
        return Variable(key, None)
    if len(default) < len("''") or not default.startswith("'") or not default.endswith("'"):
        raise ValueError("the default of a variable stands in single quotes")
    return Variable(key, default[1:-1])


def _glob_of(filled: Iterable[Text | Variable] | None) -> Glob | None:
    if filled is None:
        return None
    segments: list[list[list[str]]] = [[[]]]
    for part in filled:
        assert isinstance(part, Text)
        glob = Glob(((part.text,),)) if part.literal else parse_glob(part.text)
        for number, segment in enumerate(glob.segments):
            if number:
                segments.append([[]])
            for piece_number, piece in enumerate(segment):
                if piece_number:
                    segments[-1].append([])
                segments[-1][-1].append(piece)
    return Glob(tuple(tuple("".join(piece) for piece in segment) for segment in segments))


@dataclass(frozen=True)
class ArnPattern:
    """Six templates, or none when the pattern can match nothing."""

    parts: tuple[Template, ...]

    def matches(self, arn: str, find: Lookup) -> bool | None:
        """Return whether the ARN matches; None when a variable has no value."""
        globs = self._globs if self._globs is not None else [part.glob(find) for part in self.parts]
        if not globs:
            return False
        given = arn.split(":", _ARN_PARTS - 1)
        given += [""] * (_ARN_PARTS - len(given))
        verdict: bool | None = True
        for glob, text in zip(globs, given, strict=True):
            if glob is None:
                verdict = None
            elif not glob.matches(text):
                return False
        return verdict

    @property
    def is_constant(self) -> bool:
        return all(part.is_constant for part in self.parts)

    @cached_property
    def _globs(self) -> list[Glob | None] | None:
        """The parts ready to match, if no variable stands in them."""
        return [_glob_of(part.parts) for part in self.parts] if self.is_constant else None


def parse_arn_pattern(text: str, *, variables: bool) -> ArnPattern:
    """Return the pattern.

    Raises:
        ValueError: a `${` that begins no variable.
    """
    parts: list[list[Text | Variable]] = [[]]
    for part in parse_template(text, variables=variables).parts:
        if isinstance(part, Variable) or part.literal:
            parts[-1].append(part)
            continue
        first, *others = part.text.split(":", _ARN_PARTS - len(parts))
        parts[-1].append(Text(first))
        parts += [[Text(other)] for other in others]
    if len(parts) < _ARN_PARTS:
        if not any(_has_wildcard(part) for pieces in parts for part in pieces):
            return ArnPattern(())
        parts += [[Text("*")]] * (_ARN_PARTS - len(parts))
    return ArnPattern(tuple(Template(tuple(pieces)) for pieces in parts))


def _has_wildcard(part: Text | Variable) -> bool:
    return isinstance(part, Text) and not part.literal and ("*" in part.text or "?" in part.text)


def settle(comparisons: Iterable[bool | None], *, negated: bool, unknown_differs: bool) -> bool:
    """Return whether something equals one of several patterns or, negated, differs from them all.

    Args:
        comparisons: the outcome for each pattern; None where it could not be compared.
        negated: ask for what differs.
        unknown_differs: what could not be compared counts as different; true under Deny only.
    """
    unknown = False
    for equal in comparisons:
        if equal:
            return not negated
        unknown = unknown or equal is None
    return negated and (unknown_differs or not unknown)


@dataclass(frozen=True, slots=True)
class ActionClause:
    """Action or NotAction."""

    globs: tuple[Glob, ...]
    negated: bool = False

    def covers(self, action: str) -> bool:
        lowered = action.lower()
        return any(glob.matches(lowered) for glob in self.globs) is not self.negated


@dataclass(frozen=True, slots=True)
class ResourceClause:
    """Resource or NotResource."""

    patterns: tuple[ArnPattern, ...]
    negated: bool = False

    def covers(self, arn: str, find: Lookup, *, unknown_differs: bool) -> bool:
        compared = (pattern.matches(arn, find) for pattern in self.patterns)
        return settle(compared, negated=self.negated, unknown_differs=unknown_differs)


class PrincipalForm(Enum):
    """What a policy's text for a principal is."""

    EVERYONE = "everyone"
    ACCOUNT = "account"
    ROLE = "role"
    CALLER = "user or session"
    SERVICE = "service"
    FEDERATED = "identity provider"


@dataclass(frozen=True, slots=True)
class NamedPrincipal:
    """One principal of a policy: `name` is an account id, an ARN, a service or provider, or `*`."""

    form: PrincipalForm
    name: str


class PrincipalMatch(IntEnum):
    """How a policy names a caller, from the weakest to the strongest."""

    ACCOUNT = 1
    """By its account: identity policies of that account still decide."""
    ROLE = 2
    """By the role of its session: a permissions boundary still limits it."""
    EVERYONE = 3
    CALLER = 4
    """By its own ARN or service name."""


@dataclass(frozen=True, slots=True)
class CallerNames:
    """All names that one caller answers to; `role_arn` is that of a session, with the role's path."""

    account_id: str
    arn: str
    role_arn: str | None = None
    service: str | None = None

    @property
    def is_root(self) -> bool:
        return self.arn == root_arn(self.account_id)


@lru_cache(maxsize=CALLERS_KEPT)
def names_of(principal: Principal, *, role_arn: str | None = None) -> CallerNames:
    return CallerNames(account_id=principal.account_id, arn=principal.arn, role_arn=role_arn)


@dataclass(frozen=True, slots=True)
class PrincipalClause:
    """Principal or NotPrincipal."""

    named: tuple[NamedPrincipal, ...]
    negated: bool = False

    def match(self, caller: CallerNames) -> PrincipalMatch | None:
        """Return how the clause covers the caller, or None if it does not."""
        matches = [match for named in self.named if (match := _match(named, caller)) is not None]
        if not self.negated:
            return max(matches, default=None)
        spared = _every_name(caller) <= set(matches) or PrincipalMatch.EVERYONE in matches
        return None if spared else PrincipalMatch.EVERYONE


def _match(named: NamedPrincipal, caller: CallerNames) -> PrincipalMatch | None:
    form, name = named.form, named.name
    if form is PrincipalForm.EVERYONE:
        return PrincipalMatch.EVERYONE
    if form is PrincipalForm.ACCOUNT and name == caller.account_id and caller.service is None:
        return PrincipalMatch.ACCOUNT
    if form is PrincipalForm.ROLE and name == caller.role_arn:
        return PrincipalMatch.ROLE
    if form is PrincipalForm.CALLER and name == caller.arn:
        return PrincipalMatch.CALLER
    if form is PrincipalForm.SERVICE and name == caller.service:
        return PrincipalMatch.CALLER
    return None


def _every_name(caller: CallerNames) -> set[PrincipalMatch]:
    if caller.service is not None:
        return {PrincipalMatch.CALLER}
    if caller.is_root:
        return {PrincipalMatch.ACCOUNT}
    of_session = set() if caller.role_arn is None else {PrincipalMatch.ROLE}
    return {PrincipalMatch.ACCOUNT, PrincipalMatch.CALLER} | of_session

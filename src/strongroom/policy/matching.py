"""What the patterns of a policy match: globs, variables, ARNs, actions, resources.

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
- A pattern of fewer parts is filled up with `*` in a policy of an identity, and elsewhere if it has a
  wildcard; otherwise it matches nothing (read in another engine).

Actions: `service:Name` without regard to case; a `*` alone is every action. Resources: case counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

Lookup: TypeAlias = Callable[[str], str | None]
"""Gives the one value of a context key, or None when it has no value or several."""

_Segment: TypeAlias = tuple[str, ...]
"""What stands between two `*`: literal pieces, with one `?` between each two."""

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
        if self._is_everything:
            return True
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
    def _is_everything(self) -> bool:
        globs = self._globs
        return bool(globs) and all(glob is not None and glob.segments == _ANYTHING for glob in globs or ())

    @cached_property
    def _globs(self) -> list[Glob | None] | None:
        """The parts ready to match, if no variable stands in them."""
        return [_glob_of(part.parts) for part in self.parts] if self.is_constant else None


def parse_arn_pattern(text: str, *, variables: bool, fills_up: bool = False) -> ArnPattern:
    """Return the pattern; `fills_up` says that one of fewer parts matches without a wildcard, too.

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
        if not fills_up and not any(_has_wildcard(part) for pieces in parts for part in pieces):
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
    """Action or NotAction; `written` are the patterns as they stand in the policy."""

    globs: tuple[Glob, ...]
    negated: bool = False
    written: tuple[str, ...] = field(default=(), compare=False)

    def covers(self, action: str) -> bool:
        lowered = action.lower()
        return any(glob.matches(lowered) for glob in self.globs) is not self.negated


@dataclass(frozen=True, slots=True)
class ResourceClause:
    """Resource or NotResource; `written` are the patterns as they stand in the policy."""

    patterns: tuple[ArnPattern, ...]
    negated: bool = False
    written: tuple[str, ...] = field(default=(), compare=False)

    def covers(self, arn: str, find: Lookup, *, unknown_differs: bool) -> bool:
        compared = (pattern.matches(arn, find) for pattern in self.patterns)
        return settle(compared, negated=self.negated, unknown_differs=unknown_differs)

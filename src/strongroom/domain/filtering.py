"""Filters of ListSecrets and BatchGetSecretValue, as predicates over a secret's metadata.

Combination:
- All filters must hold, also two with the same key (recorded).
- One value of a filter is enough (recorded).
- A leading `!` negates that value (recorded). Beside plain values it is one more alternative (inferred).
- A negated value holds when no attribute of that kind matches: no tag key begins with it, and a secret
  without the attribute is included (inferred from what "not" means; never recorded).

Matching:
- name: the attribute begins with the whole value, case counts, no splitting in words (recorded).
- tag-key, tag-value, primary-region: as name (documented).
- owning-service: as name. The API model says that case counts, the user guide that it does not; the
  model is what clients are built from.
- description: word matching, case ignored (recorded; documented as a prefix of the whole text, which
  the recordings contradict).
- all: word matching, case ignored, within one attribute: the name, the description, one tag key or one
  tag value (recorded).
- Word matching: every word of the value begins some word of the attribute, in any position and order
  (recorded). A value without words, such as `+`, matches nothing (recorded).

Words (recorded unless marked):
- Letters and digits make words; every other character separates (documented: "special characters are
  ignored"; recorded for `/ _ + = . @ -` and the blank).
- A new word starts where lower case turns to upper, and at the last capital of a run that lower case
  follows: `DescTwo` is Desc, Two and `COMPANYthings` is COMPAN, Ythings.
- A new word starts between a letter and a digit (documented).
- Only A-Z start a word by their case. A value holds no other letters, so words cut elsewhere could not
  be told apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from strongroom.errors import InvalidParameterException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strongroom.domain.secret import Secret

Predicate: TypeAlias = "Callable[[Secret], bool]"
_TextPredicate: TypeAlias = "Callable[[str], bool]"


class FilterKey(StrEnum):
    """What a filter looks at. The text is the wire's."""

    DESCRIPTION = "description"
    NAME = "name"
    TAG_KEY = "tag-key"
    TAG_VALUE = "tag-value"
    PRIMARY_REGION = "primary-region"
    OWNING_SERVICE = "owning-service"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Filter:
    key: FilterKey
    values: tuple[str, ...]


_KEYS: Final = frozenset(FilterKey)

_LOWER: Final = r"[^\W\d_A-Z]"
_WORD: Final = re.compile(rf"[A-Z]+(?!{_LOWER})|[A-Z]?{_LOWER}+|\d+")

_ATTRIBUTES: Final[Mapping[FilterKey, Callable[[Secret], Sequence[str]]]] = {
    FilterKey.DESCRIPTION: lambda secret: (secret.description,),
    FilterKey.NAME: lambda secret: (secret.name,),
    FilterKey.TAG_KEY: lambda secret: [tag.key for tag in secret.tags or ()],
    FilterKey.TAG_VALUE: lambda secret: [tag.value for tag in secret.tags or ()],
    FilterKey.PRIMARY_REGION: lambda secret: _present(secret.primary_region),
    FilterKey.OWNING_SERVICE: lambda secret: _present(secret.owning_service),
    FilterKey.ALL: lambda secret: (
        secret.name,
        secret.description,
        *(text for tag in secret.tags or () for text in (tag.key, tag.value)),
    ),
}

_MATCHED_BY_WORDS: Final = frozenset({FilterKey.DESCRIPTION, FilterKey.ALL})


def require_valid(key: str | None, values: Sequence[str] | None) -> Filter:
    """Return the filter, or refuse one that lacks its key or its values.

    Raises:
        InvalidParameterException: no key, or no values (texts seen in emulators only). An unknown key,
            illegal characters and too many values are constraints of the member and are refused earlier.
    """
    if key is None or key not in _KEYS:
        raise InvalidParameterException("Invalid filter key")
    if not values:
        raise InvalidParameterException(f"Invalid filter values for key: {key}")
    return Filter(FilterKey(key), tuple(values))


def compile_filters(filters: Sequence[Filter]) -> Predicate:
    """Return the predicate that holds for the secrets which pass every filter; all pass when there is none."""
    predicates = [_compile_filter(each) for each in filters]
    return lambda secret: all(holds(secret) for holds in predicates)


def is_negated(value: str) -> bool:
    return value.startswith("!")


def split_words(text: str) -> list[str]:
    """Return the words of a text as they stand there, in order."""
    return _WORD.findall(text)


def _present(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


def _compile_filter(each: Filter) -> Predicate:
    attributes = _ATTRIBUTES[each.key]
    alternatives = [(_compile_value(each.key, value), is_negated(value)) for value in each.values]

    def holds(secret: Secret) -> bool:
        texts = attributes(secret)
        return any(any(map(matches, texts)) is not negated for matches, negated in alternatives)

    return holds


def _compile_value(key: FilterKey, value: str) -> _TextPredicate:
    sought = value.removeprefix("!")
    if key in _MATCHED_BY_WORDS:
        return _words_begin(tuple(word.casefold() for word in split_words(sought)))
    return lambda text: text.startswith(sought)


def _words_begin(sought: tuple[str, ...]) -> _TextPredicate:
    """Return the predicate: each word sought begins a word of the text."""

    def matches(text: str) -> bool:
        folded = text.casefold()
        # Splitting is what costs, and most texts do not even contain the letters.
        if not sought or not all(word in folded for word in sought):
            return False
        words = [word.casefold() for word in split_words(text)]
        return all(any(word.startswith(beginning) for word in words) for beginning in sought)

    return matches

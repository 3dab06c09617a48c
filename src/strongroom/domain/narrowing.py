"""What an index must hold so that a filter need not look at every secret.

A secret is indexed under terms: each stands for something that a filter may ask for by its beginning. A
narrowing lists names and terms of which every match of the filters begins with one. It lets too much
through (attributes are not told apart, long texts are cut) and never too little: `filtering` decides.

`terms_of` is what databases hold. A change of it needs a migration that indexes every secret again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from strongroom.domain.filtering import Filter, FilterKey, is_negated, split_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.domain.secret import Secret

TERM_LENGTH: Final = 64
"""Code points of a text that its term keeps. Tag values and words are much longer at most (256 and 2,048), and
PostgreSQL refuses index entries beyond about 2,700 bytes.
"""


class TermKind(StrEnum):
    """The first letter of a term."""

    DESCRIPTION_WORD = "d"
    OTHER_WORD = "w"
    TAG_KEY = "k"
    TAG_VALUE = "v"
    PRIMARY_REGION = "r"
    OWNING_SERVICE = "o"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Beginnings of names and of terms. Each match has a name or a term that begins with one of them."""

    names: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Return the length of the shortest beginning: longer ones are likely to be rarer."""
        return min(map(len, (*self.names, *self.terms)), default=TERM_LENGTH)


_TEXT_KINDS: Final = {
    FilterKey.TAG_KEY: TermKind.TAG_KEY,
    FilterKey.TAG_VALUE: TermKind.TAG_VALUE,
    FilterKey.PRIMARY_REGION: TermKind.PRIMARY_REGION,
    FilterKey.OWNING_SERVICE: TermKind.OWNING_SERVICE,
}
_WORD_KINDS: Final = {
    FilterKey.DESCRIPTION: (TermKind.DESCRIPTION_WORD,),
    FilterKey.ALL: (TermKind.DESCRIPTION_WORD, TermKind.OTHER_WORD),
}


def terms_of(secret: Secret) -> tuple[str, ...]:
    """Return the terms of a secret, each once, in code-point order."""
    terms = {_word_term(TermKind.DESCRIPTION_WORD, word) for word in split_words(secret.description)}
    texts = [secret.name]
    for tag in secret.tags or ():
        texts += tag.key, tag.value
        terms.add(_term(TermKind.TAG_KEY, tag.key))
        terms.add(_term(TermKind.TAG_VALUE, tag.value))
    terms.update(_word_term(TermKind.OTHER_WORD, word) for text in texts for word in split_words(text))
    if secret.primary_region is not None:
        terms.add(_term(TermKind.PRIMARY_REGION, secret.primary_region))
    if secret.owning_service is not None:
        terms.add(_term(TermKind.OWNING_SERVICE, secret.owning_service))
    return tuple(sorted(terms))


def narrowings(filters: Sequence[Filter]) -> list[Narrowing]:
    """Return narrowings that all hold, those first that are likely to let the fewest through."""
    found = [narrowing for each in filters for narrowing in _narrowings_of(each)]
    return sorted(found, key=lambda narrowing: -narrowing.length)


def name_prefix(filters: Sequence[Filter]) -> str:
    """Return the longest prefix that the name of every match has, for a listing by name to begin at."""
    prefixes = [each.names[0] for each in narrowings(filters) if len(each.names) == 1]
    return max(prefixes, key=len, default="")


def prefix_end(prefix: str) -> str:
    """Return the first text, by code points, after all that begin with a prefix. It is not empty, and ends in ASCII
    as the values of filters do.
    """
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _narrowings_of(each: Filter) -> Iterator[Narrowing]:
    if any(map(is_negated, each.values)):
        return
    of_values = [_of_value(each.key, value) for value in each.values]
    if len(of_values) == 1:
        yield from (only for only in of_values[0] if only.names != ("",))
        return
    likeliest = [max(one, key=lambda narrowing: narrowing.length) for one in of_values]
    names = tuple(name for one in likeliest for name in one.names)
    if "" not in names:
        yield Narrowing(names, tuple(term for one in likeliest for term in one.terms))


def _of_value(key: FilterKey, value: str) -> list[Narrowing]:
    """Return narrowings of one value that all hold, at least one."""
    if key is FilterKey.NAME:
        return [Narrowing(names=(value,))]
    if key in _TEXT_KINDS:
        return [Narrowing(terms=(_term(_TEXT_KINDS[key], value),))]
    words = dict.fromkeys(split_words(value))
    return [Narrowing(terms=tuple(_word_term(kind, word) for kind in _WORD_KINDS[key])) for word in words] or [
        Narrowing()
    ]


def _word_term(kind: TermKind, word: str) -> str:
    return _term(kind, word.casefold())


def _term(kind: TermKind, text: str) -> str:
    return kind + text[:TERM_LENGTH]

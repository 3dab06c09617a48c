"""Random passwords, as GetRandomPassword composes them.

Alphabets (documented): A-Z, a-z, 0-9, the 32 ASCII punctuation marks; the blank on request only.

Rules:
- 32 characters unless said (documented); a length given is met exactly (recorded).
- A type that is switched off and characters that are excluded never appear (recorded). Excluding
  characters that no type holds has no effect.
- Unless switched off, each included type appears at least once (documented). The blank is not such a
  type: it may appear, it need not (reported from the real service).
- Required characters stand in random positions: nothing about a position may tell its type (inferred).
- Each character drawn is uniform over its alphabet; the others are uniform over all that is left.

Refusals, in this order. The three texts are reported from the real service, their order is inferred:
from the fault that no other change can mend to the one that a greater length mends.
1. No character is left at all.
2. A required type has no character left. Not refused when types are not required.
3. The length is smaller than the number of required types. No lower limit otherwise: one is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from strongroom.errors import InvalidParameterException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.entropy import Entropy

UPPERCASE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWERCASE: Final = "abcdefghijklmnopqrstuvwxyz"
DIGITS: Final = "0123456789"
PUNCTUATION: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
SPACE: Final = " "

MIN_LENGTH: Final = 1
MAX_LENGTH: Final = 4096
DEFAULT_LENGTH: Final = 32


def compose(
    entropy: Entropy,
    *,
    length: int | None = None,
    exclude_characters: str = "",
    exclude_numbers: bool = False,
    exclude_punctuation: bool = False,
    exclude_uppercase: bool = False,
    exclude_lowercase: bool = False,
    include_space: bool = False,
    require_each_included_type: bool = True,
) -> str:
    """Return a new password.

    Raises:
        InvalidParameterException: the alphabets or the length leave no password that obeys; see the
            module for the order.
        ValidationException: the length is not within 1 to 4096.
    """
    length = DEFAULT_LENGTH if length is None else length
    _require_length_in_range(length)
    included = [
        _without(alphabet, exclude_characters)
        for alphabet, excluded in (
            (UPPERCASE, exclude_uppercase),
            (LOWERCASE, exclude_lowercase),
            (DIGITS, exclude_numbers),
            (PUNCTUATION, exclude_punctuation),
        )
        if not excluded
    ]
    pool = "".join(included) + (_without(SPACE, exclude_characters) if include_space else "")
    required = included if require_each_included_type else []
    _require_possible(pool, required, length)
    characters = [_draw(entropy, alphabet) for alphabet in required]
    characters += [_draw(entropy, pool) for _ in range(length - len(required))]
    _shuffle(entropy, characters)
    return "".join(characters)


def _require_length_in_range(length: int) -> None:
    if length < MIN_LENGTH:
        limit = f"greater than or equal to {MIN_LENGTH}"
    elif length > MAX_LENGTH:
        limit = f"less than or equal to {MAX_LENGTH}"
    else:
        return
    raise ValidationException(
        f"1 validation error detected: Value '{length}' at 'passwordLength' failed to satisfy constraint: "
        f"Member must have value {limit}"
    )


def _require_possible(pool: str, required: Sequence[str], length: int) -> None:
    if not pool:
        raise InvalidParameterException("All characters have been excluded from selection.")
    if not all(required):
        raise InvalidParameterException("All characters of the desired type have been excluded.")
    if length < len(required):
        raise InvalidParameterException("Password length is too short based on the required types.")


def _without(alphabet: str, excluded: str) -> str:
    return "".join(character for character in alphabet if character not in excluded)


def _draw(entropy: Entropy, alphabet: str) -> str:
    return alphabet[entropy.below(len(alphabet))]


def _shuffle(entropy: Entropy, characters: list[str]) -> None:
    """Put the characters in an order drawn uniformly from all orders (Fisher and Yates)."""
    for last in range(len(characters) - 1, 0, -1):
        chosen = entropy.below(last + 1)
        characters[last], characters[chosen] = characters[chosen], characters[last]

"""ClientRequestToken: the id of the version a call makes, and what makes its repetition harmless.

Rules:
- The token becomes the version id verbatim. SDKs send one; a raw call that writes a value without it is
  refused, before the secret is looked up (recorded).
- Same token, same value: the call succeeds again and changes nothing.
- Same token, other value: ResourceExistsException (verified against the real service).
- The value counts as a whole: text and binary of the same bytes differ.
- A version removed by the clean-up keeps its id taken.
"""

from __future__ import annotations

from typing import Final

from strongroom.domain import secret_value
from strongroom.domain.secret_value import SecretValue
from strongroom.errors import InvalidRequestException, ResourceExistsException

TOKEN_REQUIRED: Final = "You must provide a ClientRequestToken value. We recommend a UUID-type value."


def require_token(token: str | None) -> str:
    """Return the token.

    Raises:
        InvalidRequestException: it is missing. (RotateSecret gives another class with the same text.)
    """
    if token is None:
        raise InvalidRequestException(TOKEN_REQUIRED)
    return token


def require_sound_write(token: str | None, text: str | None, binary: bytes | None, *, always: bool = False) -> None:
    """Check the token and the value of a request, in AWS's order: size, token, one value only.

    The token is needed where there is a value, and `always` where the operation exists to write one.
    Errors: as `secret_value.require_size`, `require_token`, `secret_value.require_one`.
    """
    secret_value.require_size(text)
    if always or secret_value.is_given(text, binary):
        require_token(token)
    secret_value.require_one(text, binary)


def require_replay(token: str, arn: str, *, stored: SecretValue | None, given: SecretValue | None) -> None:
    """Accept a call whose token names an existing version only as an exact repetition.

    Raises:
        ResourceExistsException: the version holds another value, or none any more.
    """
    if stored is None or stored != given:
        raise ResourceExistsException(
            f"You can't use ClientRequestToken {token} because that value is already in use "
            f"for a version of secret {arn}."
        )


def name_taken(name: str) -> ResourceExistsException:
    """The answer to CreateSecret for a name in use, unless the call is a repetition (recorded)."""
    return ResourceExistsException(f"The operation failed because the secret {name} already exists.")

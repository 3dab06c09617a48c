"""Opaque page tokens: a place in a listing, sealed and bound to the call that was answered with it.

A token works only for the same operation, account, region and parameters; anything else, and anything
made up, is InvalidNextTokenException (the class is documented, the text is not).
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from strongroom.crypto.keyring import Keyring
from strongroom.errors import InvalidNextTokenException, TamperedError

T = TypeVar("T")

_PURPOSE = "page token"


class PageTokens:
    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, place: object, *binding: str | int) -> str:
        """Return a token for `place` (any plain value), good for calls with the same `binding`."""
        blob = self._keyring.seal(_PURPOSE, msgspec.json.encode(place), *binding)
        return base64.urlsafe_b64encode(blob).decode()

    def open(self, token: str, place_type: type[T], *binding: str | int) -> T:
        """Return the place of a token.

        Raises:
            InvalidNextTokenException: the token was not made by `seal` for this binding.
        """
        try:
            blob = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            return msgspec.json.decode(self._keyring.open(_PURPOSE, blob, *binding), type=place_type)
        except (binascii.Error, UnicodeEncodeError, TamperedError, msgspec.MsgspecError):
            raise InvalidNextTokenException("Invalid pagination token.") from None

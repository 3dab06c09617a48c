"""The date of a signed request: ISO 8601's basic format, of a Date header also that of RFC 9110."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from strongroom.errors import IncompleteSignatureException

MAX_DATE_SHOWN: Final = 64
TIMES_KEPT: Final = 64
"""Dates kept as read: very many requests have the same."""

_BASIC_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_BASIC_FORMAT_LENGTH: Final = 16
_HTTP_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"


@lru_cache(maxsize=TIMES_KEPT)
def parse_iso_time(date: bytes) -> tuple[str, datetime]:
    """Return the request's instant as it is signed, and as an instant."""
    return _parse(date, is_iso_only=True)


def parse_date_header(date: bytes) -> tuple[str, datetime]:
    """Return the same of a Date header, which has either format."""
    return _parse(date, is_iso_only=False)


def _parse(date: bytes, *, is_iso_only: bool) -> tuple[str, datetime]:
    text = date.decode("ascii").strip(" ")
    try:
        # fromisoformat knows many more forms; this one has its letters here and digits elsewhere.
        if (
            len(text) == _BASIC_FORMAT_LENGTH
            and text[8] == "T"
            and text[15] == "Z"
            and (text[:8] + text[9:15]).isdigit()
        ):
            return text, datetime.fromisoformat(text)
        if not is_iso_only:
            request_time = datetime.strptime(text, _HTTP_DATE).replace(tzinfo=UTC)
            return basic_format(request_time), request_time
    except ValueError:
        pass
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{text[:MAX_DATE_SHOWN]}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def basic_format(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime(_BASIC_FORMAT)

"""Text in XML 1.0, such that every parser reads back what was meant.

* `&`, `<` and `>` are escaped. A carriage return becomes a character reference: written as it is, parsers
  would make a line feed of it.
* What XML 1.0 does not allow at all (most control characters, surrogates, U+FFFE and U+FFFF) becomes
  U+FFFD, the replacement character: it cannot be written in any way.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

_NOT_ALLOWED: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(text: str) -> str:
    """Return the text as the content of an element."""
    return escape(_NOT_ALLOWED.sub("\ufffd", text), quote=False).replace("\r", "&#13;")


def element(name: str, text: str) -> str:
    """Return an element that holds a text."""
    return f"<{name}>{escaped(text)}</{name}>"

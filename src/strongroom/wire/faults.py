"""Errors as clients see them: status, `__type` and text. The only place that turns exceptions into bytes.

Modelled errors carry `Message`, all others `message`; a text that AWS does not send is left out.
"""

from __future__ import annotations

import msgspec

from strongroom.errors import ServiceError


def body_of(error: ServiceError) -> bytes:
    body = {"__type": error.code}
    if error.message is not None:
        body["Message" if error.modelled else "message"] = error.message
    return msgspec.json.encode(body)

"""Notices by HTTPS: a POST of JSON, signed if there is a key.

Rules:
- Only https, or http to loopback. Redirections are not followed: a notice goes where the operator said.
- `Strongroom-Signature: t=<epoch seconds>,v1=<hex>`, where v1 is HMAC-SHA256 over `<t>.<body>` with the signing key.
  A receiver compares it in constant time and refuses a `t` that is minutes old, so that nothing recorded is replayed.
- `Strongroom-Notice-Id` repeats the id, for receivers that drop repetitions before they read the body.
- Any answer of 200 to 299 accepts. Of the body nothing is read.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult

from strongroom import __version__
from strongroom.alarms.base import TIMEOUT_SECONDS, SinkError
from strongroom.alarms.trust import SYSTEM, Trust, reason_of
from strongroom.domain.alarms import Notice

SIGNATURE_HEADER: Final = "Strongroom-Signature"
ID_HEADER: Final = "Strongroom-Notice-Id"

_ACCEPTED: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes JSON; `render` makes it of a notice."""

    url: SplitResult
    render: Callable[[Notice], bytes]
    key: bytes | None = field(default=None, repr=False)
    trust: Trust = SYSTEM

    def describe(self) -> str:
        port = "" if self.url.port is None else f":{self.url.port}"
        return f"{self.url.scheme}://{self.url.hostname}{port}{' signed' if self.key else ''}"

    def send(self, notice: Notice, now: datetime) -> None:
        body = self.render(notice)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"strongroom/{__version__}",
            ID_HEADER: notice.notice_id,
        }
        if self.key is not None:
            headers[SIGNATURE_HEADER] = signature(self.key, int(now.timestamp()), body)
        target = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        connection = self._connect()
        try:
            connection.request("POST", target, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise SinkError(f"{self.describe()}: {reason_of(error)}") from error
        finally:
            connection.close()
        if status not in _ACCEPTED:
            raise SinkError(f"{self.describe()} answered {status}")

    def _connect(self) -> http.client.HTTPConnection:
        host = str(self.url.hostname)
        if self.url.scheme == "https":
            context = self.trust.context()
            return http.client.HTTPSConnection(host, self.url.port, timeout=TIMEOUT_SECONDS, context=context)
        return http.client.HTTPConnection(host, self.url.port, timeout=TIMEOUT_SECONDS)


def signature(key: bytes, seconds: int, body: bytes) -> str:
    """Return the value of the header that proves who sent a body, and when."""
    mac = hmac.new(key, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


def is_safe(url: SplitResult) -> bool:
    """Tell whether nobody on the way can read or change what is sent there."""
    if not url.hostname:
        return False
    if url.scheme == "https":
        return True
    try:
        return url.scheme == "http" and ipaddress.ip_address(url.hostname).is_loopback
    except ValueError:
        return url.scheme == "http" and url.hostname == "localhost"

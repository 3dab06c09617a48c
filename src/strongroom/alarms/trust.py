"""Receivers over TLS: whose certificates are believed, and how it is told why a receiver could not be reached.

Rules:
- A receiver's certificate is for the host that the operator named, and signed by an authority of the system or of
  `alarms_ca_file`. Nothing turns that off.
- The file of authorities is read for each notice, so that a renewed one needs no restart; a server whose file cannot
  be read does not start.
- A failure is told in words of ours: what the other side says may repeat what it was sent.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.alarms.base import TIMEOUT_SECONDS, SinkError


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities that receivers' certificates may name: the system's, and those of a PEM file."""

    ca_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what connections to receivers are made with. Raises SinkError if the file cannot be read."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(cafile=self.ca_file)
            except OSError as error:
                raise SinkError(f"{self.ca_file} cannot be read as PEM certificates: {reason_of(error)}") from error
        return context


SYSTEM: Final = Trust()


def reason_of(error: Exception) -> str:
    """Return why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:.0f} seconds"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__

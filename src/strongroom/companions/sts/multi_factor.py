"""Multi-factor authentication, which is not offered: codes are refused, never ignored (text ours)."""

from __future__ import annotations

from strongroom.errors import AccessDeniedException


def require_none(serial_number: str | None, token_code: str | None) -> None:
    """Refuse a request that wants to prove a second factor.

    Raises:
        AccessDeniedException: it does.
    """
    if serial_number is not None or token_code is not None:
        raise AccessDeniedException(
            "MultiFactorAuthentication failed: this server has no MFA devices. Leave out SerialNumber and TokenCode."
        )

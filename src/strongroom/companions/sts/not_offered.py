"""What the service model has and this server has not: refused where it is asked for, never ignored (texts ours)."""

from __future__ import annotations

from strongroom.errors import AccessDeniedException, ValidationException


def refuse_second_factor(serial_number: str | None, token_code: str | None) -> None:
    """Refuse a request that wants to prove a second factor.

    Raises:
        AccessDeniedException: it does.
    """
    if serial_number is not None or token_code is not None:
        raise AccessDeniedException(
            "MultiFactorAuthentication failed: this server has no MFA devices. Leave out SerialNumber and TokenCode."
        )


def refuse(**members: object) -> None:
    """Refuse a request in which one of these members has a value.

    Raises:
        ValidationException: the member's name is in the text.
    """
    for name, value in members.items():
        if value:
            raise ValidationException(f"{name} is not offered by this server.")

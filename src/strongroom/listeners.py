"""Where the server listens: that secrets do not cross a network in the clear, and who may ask for numbers."""

from __future__ import annotations

import re
from typing import Final

from strongroom.config import MIN_SECRET_LENGTH, Config, is_loopback, unusable
from strongroom.errors import OperatorError

_ADDRESS: Final = re.compile(r"(?:[^:\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")


def metrics_token(config: Config) -> bytes | None:
    """Return the token that /metrics asks for, if it does.

    Raises:
        OperatorError: the file cannot be read or has no good token; the listener's address is malformed, or is
            for others than this machine, without a token.
    """
    if config.metrics_listen is not None and not _ADDRESS.fullmatch(config.metrics_listen):
        raise unusable("metrics_listen", "an address is host:port, such as 127.0.0.1:9464 or [::1]:9464")
    if config.metrics_token_file is None:
        if config.metrics_address is not None and not is_loopback(config.metrics_address[0]):
            raise unusable("metrics_listen", "beyond loopback, /metrics needs a metrics_token_file")
        return None
    try:
        token = config.metrics_token_file.read_bytes().strip()
    except OSError as error:
        raise unusable("metrics_token_file", str(error)) from error
    if len(token) < MIN_SECRET_LENGTH:
        raise unusable("metrics_token_file", f"a token has at least {MIN_SECRET_LENGTH} characters")
    return token


def require_safe_listener(config: Config) -> None:
    """Refuse plain HTTP where others can listen in.

    Raises:
        OperatorError: not loopback, no TLS, and `insecure_http` is not set.
    """
    if is_loopback(config.host) or config.tls_cert is not None or config.insecure_http:
        return
    raise OperatorError(
        f"Refusing to listen on {config.host} without TLS.",
        why="secrets would cross the network in plain text; only loopback is safe without encryption",
        next_step="give --tls-cert and --tls-key, or --insecure-http if TLS ends at a proxy on a trusted network",
    )

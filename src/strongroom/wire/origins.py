"""Where a request came from: its own id, the caller's address, and how it was protected on its way.

Rules:
- The address is that of the connection's other end, unless that is a proxy the operator trusts. Then it is
  the last one in X-Forwarded-For that is no trusted proxy: what stands before it anybody may have written.
- Of a trusted proxy it is also believed that the caller used TLS (X-Forwarded-Proto).
- X-Forwarded-Host is never looked at: the signature is about the Host that came.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from strongroom import ids
from strongroom.audit.record import Origin
from strongroom.entropy import Entropy
from strongroom.wire.exchange import HttpRequest

MAX_HOPS: Final = 32
"""Addresses of X-Forwarded-For that are looked at."""


class Origins:
    """Tells origins; `trusted_proxies` are networks in CIDR notation."""

    def __init__(self, entropy: Entropy, trusted_proxies: Sequence[str] = ()) -> None:
        self._entropy = entropy
        self._trusted = [ipaddress.ip_network(text, strict=False) for text in trusted_proxies]

    def of(self, request: HttpRequest, named: Mapping[bytes, bytes]) -> Origin:
        """Return the origin of a request whose headers are `named`."""
        agent, host = named.get(b"user-agent"), named.get(b"host")
        source_ip, is_forwarded_tls = request.source_ip, False
        if self._trusted and self._is_trusted(source_ip):
            source_ip = self._forwarded_for(request, source_ip)
            is_forwarded_tls = named.get(b"x-forwarded-proto", b"").strip().lower() == b"https"
        return Origin(
            ids.random_uuid(self._entropy),
            source_ip,
            None if agent is None else agent.decode("latin-1"),
            None if host is None else host.decode("latin-1"),
            request.tls_version,
            is_forwarded_tls,
        )

    def _forwarded_for(self, request: HttpRequest, source_ip: str) -> str:
        text = b",".join(value for name, value in request.headers if name == b"x-forwarded-for")
        hops = [hop.strip() for hop in text.decode("latin-1").split(",")][-MAX_HOPS:]
        for hop in reversed(hops):
            try:
                address = ipaddress.ip_address(hop)
            except ValueError:
                return source_ip
            source_ip = str(address)
            if not self._is_trusted(source_ip):
                return source_ip
        return source_ip

    def _is_trusted(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return any((mapped or ip) in network for network in self._trusted)

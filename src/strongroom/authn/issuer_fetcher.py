"""One document from an issuer of web identity tokens, fetched as from a stranger.

What an issuer's documents name decides where this server connects to, so:

- https only, certificates verified against the system's authorities and the operator's own; plain http only
  to hosts that the operator has listed for it.
- No redirects, no proxies, no user names in URLs.
- No connection to a loopback, link-local, private or otherwise special address unless the operator has listed
  the host. All addresses of a name must pass, and the connection is made to an address that was checked: a
  name that resolves to another one a moment later gains nothing.
- A document is complete within five seconds (AWS's own limit, documented) and has at most 256 KiB.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

DEADLINE_SECONDS: Final = 5.0
MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_URL_CHARACTERS: Final = 2_048

_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "strongroom",
}
_IPV6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_WORTH_ANOTHER_TRY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class IssuerFault(Exception):
    """Why an issuer's document cannot be had; for the log, never for a client."""

    def __init__(self, why: str, *, transient: bool = False) -> None:
        super().__init__(why)
        self.transient = transient
        """Whether the same request may well succeed later."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a URL leads to."""

    secure: bool
    host: str
    port: int
    path: str


class IssuerFetcher:
    """Fetches documents; calling it blocks for five seconds at most, but for the resolver of names."""

    def __init__(
        self,
        *,
        private_hosts: Iterable[str] = (),
        http_hosts: Iterable[str] = (),
        ca_file: Path | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Prepare to fetch.

        Args:
            private_hosts: host names that may have addresses of private networks.
            http_hosts: host names that may be asked over plain http.
            ca_file: certificates of further authorities, in PEM.
            deadline_seconds: for one document, from the connection to the last byte.
        """
        self._private_hosts = frozenset(host.lower() for host in private_hosts)
        self._http_hosts = frozenset(host.lower() for host in http_hosts)
        self._deadline_seconds = deadline_seconds
        # What was configured must be right at the start; the system's own certificates take 20 ms, and most never ask.
        self._tls = None if ca_file is None else _tls_context(ca_file)

    def __call__(self, url: str) -> bytes:
        """Return the body of what is at `url`.

        Raises:
            IssuerFault: it is not to be had.
        """
        import http.client  # noqa: PLC0415 - with all that it loads a tenth of a start; most never ask an issuer

        target = self._target(url)
        addresses = self._addresses(target)
        deadline = time.monotonic() + self._deadline_seconds
        try:
            with self._connect(target, addresses, deadline) as connection:
                return _get(connection, target, deadline)
        except OSError as error:  # ssl.SSLError and TimeoutError too
            transient = not isinstance(error, ssl.SSLCertVerificationError)
            raise IssuerFault(f"{target.host}: {str(error) or type(error).__name__}", transient=transient) from None
        except http.client.HTTPException as error:
            raise IssuerFault(f"{target.host} does not answer in HTTP: {type(error).__name__}") from None

    def _target(self, url: str) -> _Target:
        if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
            raise IssuerFault("the URL is too long or has characters that no URL has")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise IssuerFault("the URL is not one") from None
        host = parts.hostname
        if not host or parts.username is not None or parts.password is not None or parts.fragment:
            raise IssuerFault("the URL has no host, or more than host, path and query")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in self._http_hosts):
            raise IssuerFault(f"{host} may be asked over https only")
        secure = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Target(secure, host, port or (443 if secure else 80), path)

    def _addresses(self, target: _Target) -> list[str]:
        """Return the addresses that may be connected to: all that the host has, or none."""
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise IssuerFault(f"{target.host} does not resolve: {error}", transient=True) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if target.host not in self._private_hosts:
            for address in addresses:
                if not is_public(address):
                    raise IssuerFault(f"{target.host} has the address {address}, which is not public")
        return addresses

    def _connect(self, target: _Target, addresses: list[str], deadline: float) -> socket.socket:
        failure: OSError = TimeoutError("no address")
        for address in addresses:
            try:
                plain = socket.create_connection((address, target.port), timeout=_remaining(deadline))
            except OSError as error:
                failure = error
                continue
            return self._secured(plain, target, deadline) if target.secure else plain
        raise failure

    def _secured(self, plain: socket.socket, target: _Target, deadline: float) -> socket.socket:
        try:
            plain.settimeout(_remaining(deadline))
            self._tls = self._tls or _tls_context(None)
            return self._tls.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what trusts the system's authorities, and those of `ca_file`."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet, and leads to no other."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if embedded:
            return is_public(str(embedded))
        if ip not in _IPV6_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def _get(connection: socket.socket, target: _Target, deadline: float) -> bytes:
    import http.client  # noqa: PLC0415

    client = http.client.HTTPConnection(target.host, target.port)
    client.sock = _TimedSocket(connection, deadline)
    client.request("GET", target.path, headers=_HEADERS)
    with client.getresponse() as response:
        status = response.status
        if status != HTTPStatus.OK:
            transient = status in _WORTH_ANOTHER_TRY or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            raise IssuerFault(f"{target.host} answers with status {status}", transient=transient)
        body = response.read(MAX_DOCUMENT_BYTES + 1)
        if len(body) > MAX_DOCUMENT_BYTES:
            raise IssuerFault(f"{target.host} sends more than {MAX_DOCUMENT_BYTES} bytes")
        if response.length:
            raise IssuerFault(f"{target.host} sends less than it says", transient=True)
        return body


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the answer takes too long")
    return remaining


class _TimedSocket:
    """As much of a socket as `http.client` uses; every step ends with the deadline, however slow the bytes."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(_remaining(self._deadline))
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connection, self._deadline))

    def close(self) -> None:
        """Leave the connection open: `http.client` closes before it reads, as sockets allow."""


class _TimedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_remaining(self._deadline))
        return self._connection.recv_into(buffer)

"""Notices by syslog (RFC 5424): a datagram by UDP, a frame with its length by TCP (RFC 6587) or TLS (RFC 5425).

A local socket gets a datagram, as /dev/log takes them; one that takes streams gets a line (RFC 6587, 3.4.2).

Facility is log alert (14); severity alert (1) for an alarm and notice (5) for its end. By UDP nobody acknowledges:
such a notice counts as told when it was sent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.alarms.base import TIMEOUT_SECONDS, SinkError, instant, sentence_of
from strongroom.alarms.trust import SYSTEM, Trust, reason_of
from strongroom.domain.alarms import AlarmState, Notice

_FACILITY: Final = 14
_ALERT: Final = 1
_NOTICE: Final = 5
_ENTERPRISE: Final = "strongroom@32473"
"""32473 is the enterprise number that RFC 5612 sets aside for documentation: structured data must have one."""


@dataclass(frozen=True, slots=True)
class Syslog:
    """A syslog receiver: `transport` is udp, tcp, tls or unix, `address` a host or the path of a socket."""

    transport: str
    address: str
    port: int = 514
    trust: Trust = SYSTEM

    def describe(self) -> str:
        if self.transport == "unix":
            return f"syslog {self.address}"
        return f"syslog {self.transport}://{self.address}:{self.port}"

    def send(self, notice: Notice, now: datetime) -> None:
        line = frame(notice, now)
        try:
            if self.transport == "unix":
                self._send_locally(line)
            elif self.transport == "udp":
                self._send_datagram(line)
            elif self.transport == "tls":
                self._send_securely(b"%d %b" % (len(line), line))
            else:
                with socket.create_connection((self.address, self.port), TIMEOUT_SECONDS) as connection:
                    connection.sendall(b"%d %b" % (len(line), line))
        except OSError as error:
            raise SinkError(f"{self.describe()}: {reason_of(error)}") from error

    def _send_locally(self, line: bytes) -> None:
        try:
            self._send_to_path(socket.SOCK_DGRAM, line)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            self._send_to_path(socket.SOCK_STREAM, line + b"\n")

    def _send_to_path(self, kind: socket.SocketKind, content: bytes) -> None:
        with socket.socket(socket.AF_UNIX, kind) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(self.address)
            connection.sendall(content)

    def _send_securely(self, content: bytes) -> None:
        context = self.trust.context()
        with (
            socket.create_connection((self.address, self.port), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=self.address) as connection,
        ):
            connection.sendall(content)
            # Closed at once, with the other side's session tickets unread, TCP would reset what was just sent.
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                connection.unwrap()

    def _send_datagram(self, line: bytes) -> None:
        family, kind, protocol, _, place = socket.getaddrinfo(self.address, self.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as connection:
            connection.sendto(line, place)


def frame(notice: Notice, now: datetime) -> bytes:
    """Return a notice as one message of RFC 5424."""
    severity = _ALERT if notice.state is AlarmState.ALARM else _NOTICE
    pairs = {"id": notice.notice_id, "alarm": notice.alarm, "state": notice.state.value, "subject": notice.subject}
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())
    head = f"<{_FACILITY * 8 + severity}>1 {instant(now)} {_host()} strongroom {os.getpid()} alarm"
    return f"{head} [{_ENTERPRISE} {data}] \N{BYTE ORDER MARK}{_one_line(sentence_of(notice))}".encode()


def _host() -> str:
    return socket.gethostname()[:255] or "-"


def _escaped(value: str) -> str:
    return _one_line(value).replace("\\", r"\\").replace('"', r"\"").replace("]", r"\]")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)

"""HTTP as bytes on a socket: what is sent is exactly what a test says, and what comes back is checked for form."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

AWS_JSON: Final = "application/x-amz-json-1.1"
PATIENCE: Final = 10.0
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_STATUS_LINE: Final = re.compile(r"HTTP/1\.1 (\d{3})( [A-Za-z ]+)?")


class ConnectionEnded(Exception):
    """The server closed the connection instead of answering."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The error's `__type`; None for a success."""
        return None if self.status == 200 else json.loads(self.body)["__type"]

    def require_aws_form(self, *, slack: float = 5.0) -> Answer:
        """Check that this is an answer of the API: a success, or an error that AWS clients can read.

        Its date may be `slack` seconds from now.
        """
        assert UUID.fullmatch(self.headers["x-amzn-requestid"]), self
        assert abs(parsedate_to_datetime(self.headers["date"]).timestamp() - time.time()) < slack, self
        if self.status == 404:
            assert (self.headers["content-type"], self.body) == ("application/xml", b"<UnknownOperationException/>\n")
            return self
        assert self.headers["content-type"] == AWS_JSON, self
        if self.status == 200:
            assert not self.body or isinstance(json.loads(self.body), dict), self
            return self
        fault = json.loads(self.body)
        assert re.fullmatch("[A-Za-z]+", fault["__type"]), self
        assert fault.keys() <= {"__type", "message"} or fault.keys() <= {"__type", "Message"}, self
        return self


class Connection:
    """A client's end of one connection."""

    def __init__(self, port: int, *, patience: float = PATIENCE) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        """Send as much as the server takes; one that has heard enough may close."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(content)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> Answer:
        """Return the next answer.

        Raises:
            ConnectionEnded: the server closed the connection.
            TimeoutError: nothing came.
        """
        while b"\r\n\r\n" not in self._buffer:
            self._read_more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        assert match is not None, status_line
        if match[1] == "100":
            return self.receive()
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert len(headers) == len(lines), lines
        length = int(headers["content-length"])
        while len(self._buffer) < length:
            self._read_more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(match[1]), headers, body)

    def is_closed(self) -> bool:
        """Wait for the server to close the connection; tell whether it did so without a further byte."""
        try:
            return not self._buffer and self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _read_more(self) -> None:
        try:
            received = self._socket.recv(65_536)
        except ConnectionResetError:
            received = b""
        if not received:
            raise ConnectionEnded(repr(self._buffer))
        self._buffer += received


def ask(port: int, content: bytes, **options: Any) -> Answer:
    """Return the answer to one request on a connection of its own."""
    with Connection(port, **options) as connection:
        connection.send(content)
        return connection.receive()

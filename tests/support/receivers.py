"""Receivers of notices on loopback: a web server, a mail server, a syslog socket. All remember what they got."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class WebReceiver:
    """Takes what is posted; answers with the statuses of `answers` first, then with 200."""

    answers: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@contextmanager
def web_receiver(*answers: int) -> Iterator[WebReceiver]:
    receiver = WebReceiver(list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.path, dict(self.headers), body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Content-Length", "0")
            self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as receiver.port:
        yield receiver


@dataclass
class MailReceiver:
    """Takes mail, unless its sender's address begins with `refused`."""

    mails: list[tuple[str, list[str], str]] = field(default_factory=list)
    port: int = 0


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """Run a mail server that knows what RFC 5321 asks of the least one."""
    receiver = MailReceiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender, recipients = "", list[str]()
            self._say("220 receiver")
            for line in iter(self.rfile.readline, b""):
                command = line.decode().strip()
                verb = command[:4].upper()
                if verb == "MAIL":
                    sender = command.partition("<")[2].partition(">")[0]
                    self._say("550 not from you" if sender.startswith("refused") else "250 OK")
                elif verb == "RCPT":
                    recipients.append(command.partition("<")[2].partition(">")[0])
                    self._say("250 OK")
                elif verb == "DATA":
                    self._say("354 go on")
                    receiver.mails.append((sender, recipients, self._text()))
                    recipients = []
                    self._say("250 OK")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 receiver" if verb in ("EHLO", "HELO", "RSET") else "502 no")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def _text(self) -> str:
            lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
            return "\n".join(line.removeprefix(".") if line.startswith("..") else line for line in lines)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with _serving(Server(("127.0.0.1", 0), Handler)) as receiver.port:
        yield receiver


@contextmanager
def datagrams() -> Iterator[tuple[int, Callable[[], bytes]]]:
    """Yield a UDP port and what receives the next datagram that is sent there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        yield receiver.getsockname()[1], lambda: receiver.recv(65_536)


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc, index]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

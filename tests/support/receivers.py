"""Receivers of notices on loopback: a web server, a mail server, syslog sockets. All remember what they got.

With a certificate (`support.certificates.make_chain`) they speak TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import queue
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PATIENCE_SECONDS: Final = 30
POLL_SECONDS: Final = 0.05

Certificate: TypeAlias = tuple[Path, Path]
"""The files of a certificate and its key."""


def tls_of(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@dataclass
class WebReceiver:
    """Takes what is posted; answers with the statuses of `answers` first, then with 200."""

    answers: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@contextmanager
def web_receiver(*answers: int, certificate: Certificate | None = None) -> Iterator[WebReceiver]:
    receiver = WebReceiver(list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.path, dict(self.headers), body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Content-Length", "0")
            self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.end_headers()

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # who does not trust the certificate goes away
                super().handle()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = tls_of(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _serving(server) as receiver.port:
        yield receiver


@dataclass
class MailReceiver:
    """Takes mail, unless its sender's address begins with `refused`."""

    mails: list[tuple[str, list[str], str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    """Users and passwords that were sent, right or wrong."""

    port: int = 0

    async def handle_MAIL(  # noqa: N802 - the library's shape
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refused"):
            return "550 not from you"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        text = envelope.content.decode().replace("\r\n", "\n")
        self.mails.append((str(envelope.mail_from), list(envelope.rcpt_tos), text))
        return "250 OK"


@contextmanager
def mail_receiver(
    certificate: Certificate | None = None, *, is_tls: bool = False, login: tuple[str, str] | None = None
) -> Iterator[MailReceiver]:
    """Run a mail server: with a certificate it offers STARTTLS, or speaks TLS at once. `login` is asked for."""
    receiver, context = MailReceiver(), None if certificate is None else tls_of(certificate)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        receiver.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=receiver.logins[-1] == login, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            receiver,
            hostname="receiver",
            loop=loop,
            tls_context=None if is_tls else context,
            require_starttls=context is not None and not is_tls,
            auth_required=login is not None and not is_tls,
            auth_require_tls=not is_tls,  # the library knows of TLS only what STARTTLS made
            authenticator=authenticate,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=context if is_tls else None))
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Close, and let the connections that clients have left end."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=1)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)


@contextmanager
def syslog_receiver(
    transport: str, folder: Path, certificate: Certificate | None = None
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Run a receiver; yield its URL, and what returns the next that it got: a datagram, or all of a connection.

    `transport` is udp, tcp, tls, or unix datagram, unix stream.
    """
    is_local, is_datagram = transport.startswith("unix"), transport in {"udp", "unix datagram"}
    kind = socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM
    with socket.socket(socket.AF_UNIX if is_local else socket.AF_INET, kind) as receiver:
        receiver.bind(str(folder / "log") if is_local else ("127.0.0.1", 0))
        receiver.settimeout(PATIENCE_SECONDS)
        host = "127.0.0.1" if certificate is None else "localhost"
        place = f"unix://{folder / 'log'}" if is_local else f"{transport}://{host}:{receiver.getsockname()[1]}"
        url = f"syslog+{place}"
        if is_datagram:
            yield url, lambda: receiver.recv(65_536)
            return
        receiver.listen()
        receiver.settimeout(POLL_SECONDS)
        context, got = None if certificate is None else tls_of(certificate), queue.SimpleQueue[bytes]()
        ended = threading.Event()
        thread = threading.Thread(target=_take_connections, args=(receiver, context, got.put, ended))
        thread.start()
        try:
            yield url, lambda: got.get(timeout=PATIENCE_SECONDS)
        finally:
            ended.set()
            thread.join()


def _take_connections(
    receiver: socket.socket, context: ssl.SSLContext | None, put: Callable[[bytes], None], ended: threading.Event
) -> None:
    while not ended.is_set():
        try:
            plain, _ = receiver.accept()
        except TimeoutError:
            continue
        plain.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(OSError), plain:
            put(_read(plain) if context is None else _read(context.wrap_socket(plain, server_side=True)))


def _read(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_SECONDS})
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc, index]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The processes of a server: one that answers by itself, or a parent that keeps several workers alive.

Rules:
- The parent binds one listening socket for each worker, all on one port; the kernel spreads connections.
- SIGTERM and SIGINT drain: stop accepting, finish what is under way, flush, exit 0.
- A worker that ends unasked is started again, after a pause that doubles while it keeps failing.
- On SQLite worker 0 writes; the others hand it what writes over a socket in the data directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Generator
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, cast

import uvicorn

from strongroom.app import Node, open_node
from strongroom.config import Config
from strongroom.errors import OperatorError
from strongroom.wire.forward import Link, Writer
from strongroom.wire.http_protocol import HttpProtocol

BACKLOG: Final = 2_048
KEEP_ALIVE_SECONDS: Final = 75
"""Idle time after which a connection is closed; longer than load balancers' usual 60."""

MAX_RESTART_DELAY_S: Final = 30.0
STEADY_AFTER_S: Final = 60.0

MAX_SOCKET_PATH: Final = 100
"""Bytes that a Unix socket's path may have everywhere; the systems' own limits are 103 and more."""

HOPELESS: Final = os.EX_CONFIG
"""Exit status of a worker that an operator must help; starting it again would not."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


def bind(config: Config) -> list[socket.socket]:
    """Return a listening socket for every worker, all on one address.

    Raises:
        OperatorError: the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if config.workers == 1:
            return [_listen(family, address, shared=False)]
        # Sockets that share a port also share it with strangers: take it alone first.
        alone = _listen(family, address, shared=False)
        taken = (*address[:1], alone.getsockname()[1], *address[2:])
        alone.close()
        return [_listen(family, taken, shared=True) for _ in range(config.workers)]
    except OSError as error:
        raise OperatorError(
            f"Cannot listen on {config.host}, port {config.port}.",
            why=str(error),
            next_step="stop what uses the port, or give another --port",
        ) from error


def require_certificate(config: Config) -> None:
    """Check that the TLS files can be used. Raises OperatorError if not."""
    if config.tls_cert is None or config.tls_key is None:
        return
    try:
        # An encrypted key would be asked for at the terminal; nobody sits there when a server starts.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            config.tls_cert, config.tls_key, password=""
        )
    except OSError as error:
        raise OperatorError(
            f"The TLS certificate {config.tls_cert} cannot be used with the key {config.tls_key}.",
            why=str(error),
            next_step="name PEM files that belong together and that this user may read, the key without a passphrase",
        ) from error


def _listen(family: int, address: Any, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(config: Config, listeners: list[socket.socket], on_ready: Callable[[], None]) -> None:
    """Answer until told to stop. Returns when everything is finished and flushed."""
    if config.workers == 1:
        run_worker(config, listeners[0], 0, on_ready)
    else:
        if _forwards(config):
            _require_short_path(_socket_path(config))
        _Parent(config, listeners).run(on_ready)


def _forwards(config: Config) -> bool:
    """Tell whether workers hand what writes to worker 0."""
    return config.workers > 1 and config.database is None


def _socket_path(config: Config) -> Path:
    return config.data_dir / "writer.sock"


def _require_short_path(path: Path) -> None:
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise OperatorError(
            f"The path {path} is too long for a socket.",
            why=f"the workers of a server meet there, and it may have {MAX_SOCKET_PATH} bytes",
            next_step="give a shorter --data-dir, or --workers 1",
        )


def run_worker(config: Config, listener: socket.socket, worker: int, on_ready: Callable[[], None]) -> None:
    """Run one worker in this process."""
    forwards = _forwards(config)
    socket_path = _socket_path(config)
    node = open_node(config, worker=worker, forwarder=Link(socket_path) if forwards and worker else None)
    try:
        node.start()
        server = _Server(_uvicorn_config(config, node), on_ready)
        link = Writer(socket_path, node.edge.answer) if forwards and not worker else None
        runner = asyncio.Runner(loop_factory=server.config.get_loop_factory())
        with runner:
            runner.run(_run_loop(server, listener, link))
    finally:
        node.close()


class _Server(uvicorn.Server):
    """uvicorn, with signals that drain and an exit status of 0."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _run_loop(server: _Server, listener: socket.socket, link: Writer | None) -> None:
    if link is not None:
        await link.start()
    await server.serve(sockets=[listener])
    if link is not None:
        await link.stop()


def _uvicorn_config(config: Config, node: Node) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", node.edge),  # no ASGI application: HttpProtocol takes it from here
        interface="asgi3",
        loop="uvloop",
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=config.shutdown_grace_seconds,
        ssl_certfile=config.tls_cert,
        ssl_keyfile=config.tls_key,
    )


class _Parent:
    """Keeps the workers of a server alive."""

    def __init__(self, config: Config, listeners: list[socket.socket]) -> None:
        self._config = config
        self._listeners = listeners
        self._context = multiprocessing.get_context("spawn")
        self._stopping = threading.Event()
        self._ready = [self._context.Event() for _ in listeners]
        self._workers: dict[int, BaseProcess] = {}
        self._delays: dict[int, float] = {}

    def run(self, on_ready: Callable[[], None]) -> None:
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self._stopping.set())
        for worker in range(self._config.workers):
            self._start(worker)
        threading.Thread(target=self._announce, args=(on_ready,), daemon=True).start()
        while not self._stopping.wait(0.2) and not self._watch():
            pass
        self._stop()

    def _watch(self) -> bool:
        """Restart workers that ended; tell whether one cannot work at all, and has said why."""
        for worker, process in list(self._workers.items()):
            if process.exitcode == HOPELESS:
                return True
            if process.exitcode is not None:
                self._restart(worker, process.exitcode)
        return False

    def _announce(self, on_ready: Callable[[], None]) -> None:
        for ready in self._ready:
            ready.wait()
        on_ready()

    def _start(self, worker: int) -> None:
        process = self._context.Process(
            target=_worker_main,
            args=(self._config, self._listeners[worker], worker, self._ready[worker], os.getpid()),
            name=f"strongroom-worker-{worker}",
        )
        process.start()
        self._workers[worker] = process

    def _restart(self, worker: int, exit_code: int) -> None:
        delay = self._delays.get(worker, 0.1)
        self._delays[worker] = min(delay * 2, MAX_RESTART_DELAY_S)
        logger.error("Worker %d ended with status %d; starting it again in %.1f s", worker, exit_code, delay)
        if not self._stopping.wait(delay):
            self._start(worker)
            timer = threading.Timer(STEADY_AFTER_S, self._forgive, (worker, self._workers[worker]))
            timer.daemon = True  # nothing to wait for when the server stops
            timer.start()

    def _forgive(self, worker: int, process: BaseProcess) -> None:
        if process.is_alive():
            self._delays.pop(worker, None)

    def _stop(self) -> None:
        """Drain the readers first: what they forward needs the writer."""
        for worker in sorted(self._workers, reverse=True):
            process = self._workers[worker]
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM)
            if worker == 1:
                for reader in sorted(self._workers)[1:]:
                    self._workers[reader].join()
        for process in self._workers.values():
            process.join()
        # A worker that was still starting ends by the signal itself; it has answered nobody.
        if any(process.exitcode not in (0, -signal.SIGTERM) for process in self._workers.values()):
            sys.exit(1)


def _worker_main(config: Config, listener: socket.socket, worker: int, ready: Event, parent: int) -> None:
    from strongroom.logs import configure_logging  # noqa: PLC0415 - a spawned process starts from nothing

    configure_logging(config.log_level)
    _end_with_parent(parent)
    try:
        run_worker(config, listener, worker, ready.set)
    except OperatorError as error:
        logger.error("Worker %d cannot work. %s", worker, error)  # noqa: TRY400 - the operator wants no traceback
        sys.exit(HOPELESS)


def _end_with_parent(parent: int) -> None:
    """Drain when the parent is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()

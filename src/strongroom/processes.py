"""The processes of a server: one that answers by itself, or a parent that keeps several workers alive.

Rules:
- The parent binds one listening socket for each worker, all on one port; the kernel spreads connections.
- SIGTERM and SIGINT drain: stop accepting, finish what is under way, flush, exit 0.
- A worker that ends unasked is started again, after a pause that doubles while it keeps failing. The others
  go on meanwhile, and are started again when it is their turn.
- Workers are forked, so that they need not load everything again and share the memory of it; the parent has one
  thread and opens nothing but the sockets. Should it have more threads, its workers begin from nothing instead.
- All workers are alike, but for worker 0, which also looks after the trails of all and listens for /metrics.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any, Final, TypeAlias

import uvloop

from strongroom.app import open_node
from strongroom.config import Config
from strongroom.errors import OperatorError
from strongroom.listeners import metrics_token
from strongroom.logs import configure_logging
from strongroom.metrics import Metrics
from strongroom.wire.edge import Probes
from strongroom.wire.http_server import BACKLOG, HttpServer
from strongroom.wire.metrics_listener import MetricsListener

FIRST_RESTART_DELAY_S: Final = 0.1
MAX_RESTART_DELAY_S: Final = 30.0
STEADY_AFTER_S: Final = 60.0
"""A worker that ran this long is started again as soon as the first time."""

WATCH_EVERY_S: Final = 0.2
WATCH_START_EVERY_S: Final = 0.02

SWITCH_SECONDS: Final = 0.0005
"""How long a thread that wants to run Python waits for the one that does. A call lets go of the interpreter ten times
and more, at every statement and every write, and each time waits so long for a busy thread in the background: with
the interpreter's own 5 ms a read took 18 ms and a write 64 ms beside one."""

HOPELESS: Final = os.EX_CONFIG
"""Exit status of a worker that an operator must help; starting it again would not."""

WorkerMain: TypeAlias = Callable[[Config, socket.socket, int, Event, int], None]

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


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return what the TLS files come to, None without them. Raises OperatorError if they cannot be used."""
    if config.tls_cert is None or config.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key would be asked for at the terminal; nobody sits there when a server starts.
        context.load_cert_chain(config.tls_cert, config.tls_key, password="")
    except OSError as error:
        raise OperatorError(
            f"The TLS certificate {config.tls_cert} cannot be used with the key {config.tls_key}.",
            why=str(error),
            next_step="name PEM files that belong together and that this user may read, the key without a passphrase",
        ) from error
    return context


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
        _Parent(config, listeners, _worker_main).run(on_ready)


def run_worker(config: Config, listener: socket.socket, worker: int, on_ready: Callable[[], None]) -> None:
    """Run one worker in this process."""
    sys.setswitchinterval(SWITCH_SECONDS)
    node = open_node(config, worker=worker)
    try:
        node.start()
        _settle_memory()
        server = HttpServer(node.edge, grace=config.shutdown_grace_seconds, tls=tls_context(config))
        measured = None if worker else _metrics_listener(config, node.service.metrics)
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        with runner:
            runner.run(_run_loop(server, listener, measured, on_ready))
    finally:
        node.close()


def _metrics_listener(config: Config, metrics: Metrics) -> MetricsListener | None:
    """Return what answers /metrics on an address of its own, if one is set."""
    address = config.metrics_address
    return None if address is None else MetricsListener(address, Probes(lambda: None, metrics, metrics_token(config)))


def _settle_memory() -> None:
    """Take what was made so far out of the collector's rounds: it stays as long as the process does."""
    gc.freeze()


async def _run_loop(
    server: HttpServer,
    listener: socket.socket,
    measured: MetricsListener | None,
    on_ready: Callable[[], None],
) -> None:
    """Serve, and /metrics beside it."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_signal_handler(signal.SIGINT, server.interrupt)
    if measured is not None:
        await measured.start()
    await server.serve(listener, on_ready)
    if measured is not None:
        await measured.stop()


class _Worker:
    """One worker of the parent: its process, and when it is to be started again."""

    def __init__(self, ready: Event) -> None:
        self.ready = ready
        self.process: BaseProcess | None = None
        self.started_at = 0.0
        self.due_at: float | None = 0.0
        self.delay = FIRST_RESTART_DELAY_S

    def ended(self, now: float) -> float:
        """Plan the next start after an end at `now`, and return in how many seconds it is: later each time, but
        soon again for one that had worked for long.
        """
        if now - self.started_at >= STEADY_AFTER_S:
            self.delay = FIRST_RESTART_DELAY_S
        delay, self.delay = self.delay, min(self.delay * 2, MAX_RESTART_DELAY_S)
        self.process, self.due_at = None, now + delay
        return delay


class _Parent:
    """Keeps the workers of a server alive: one loop, in which nothing waits for one of them alone."""

    def __init__(self, config: Config, listeners: list[socket.socket], main: WorkerMain) -> None:
        self._config = config
        self._listeners = listeners
        self._main = main
        self._context: ForkContext | SpawnContext = (
            multiprocessing.get_context("fork")
            if threading.active_count() == 1
            else multiprocessing.get_context("spawn")
        )
        self._workers = [_Worker(self._context.Event()) for _ in listeners]

    def run(self, on_ready: Callable[[], None]) -> None:
        # Waited for and never handled: a handler may come while the very lock is held that it would take.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        _settle_memory()
        announced = is_over = False
        while not is_over:
            self._start_due()
            if not announced and all(worker.ready.is_set() for worker in self._workers):
                announced = True
                on_ready()
            asked = signal.sigtimedwait(_SIGNALS, WATCH_EVERY_S if announced else WATCH_START_EVERY_S)
            is_over = asked is not None or self._note_ends()
        self._stop()

    def _start_due(self) -> None:
        for number, worker in enumerate(self._workers):
            now = time.monotonic()
            if worker.due_at is not None and worker.due_at <= now:
                worker.started_at, worker.due_at = now, None
                worker.process = self._started(number, worker)

    def _started(self, number: int, worker: _Worker) -> BaseProcess:
        listener, others = self._listeners[number], list[socket.socket]()
        if isinstance(self._context, ForkContext):
            others = [other for other in self._listeners if other is not listener]
        process = self._context.Process(
            target=partial(_begin, self._main, others),
            args=(self._config, listener, number, worker.ready, os.getpid()),
            name=f"strongroom-worker-{number}",
        )
        process.start()
        return process

    def _note_ends(self) -> bool:
        """Plan the restart of workers that ended; tell whether one cannot work at all, and has said why."""
        for number, worker in enumerate(self._workers):
            exit_code = None if worker.process is None else worker.process.exitcode
            if exit_code == HOPELESS:
                return True
            if exit_code is not None:
                delay = worker.ended(time.monotonic())
                logger.error("Worker %d ended with status %d; starting it again in %.1f s", number, exit_code, delay)
        return False

    def _stop(self) -> None:
        """Have all drain, and wait for them."""
        self._note_ends()  # one that ended by itself just before was to be started again, and is no failure of the stop
        processes = [worker.process for worker in self._workers if worker.process is not None]
        for process in processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM)
        for process in processes:
            process.join()
        # A worker that was still starting ends by the signal itself; it has answered nobody.
        if any(process.exitcode not in (0, -signal.SIGTERM) for process in processes):
            sys.exit(1)


def _begin(main: WorkerMain, others: Sequence[socket.socket], *arguments: Any) -> None:
    """Begin a worker that has what its parent had: signals that are blocked, the sockets of the others."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for other in others:
        other.close()  # or the kernel would go on sending clients to a worker that is gone
    main(*arguments)


def _worker_main(config: Config, listener: socket.socket, worker: int, ready: Event, parent: int) -> None:
    configure_logging(config.log_level)  # one that begins from nothing has none yet
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

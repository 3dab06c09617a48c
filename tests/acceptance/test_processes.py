"""The parent of several workers, with real processes: who is started again, when all are ready, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from strongroom import processes
from strongroom.config import Config
from strongroom.processes import FIRST_RESTART_DELAY_S, MAX_RESTART_DELAY_S, STEADY_AFTER_S

WAIT_SECONDS = 60
TESTS = Path(__file__).parent.parent


class Server:
    """A running parent."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.stand_in_workers", str(folder), str(workers)], cwd=TESTS
        )

    def tell(self, what: str) -> None:
        (self.folder / what).touch()

    def starts(self) -> list[tuple[int, int]]:
        """Return the number and process id of every worker started so far."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(number), int(pid)) for number, pid in map(str.split, lines)]

    def wait_for_starts(self, **at_least: int) -> None:
        """Wait until worker 0 was started `zero` times, and worker 1 `one` times."""
        wanted = {0: at_least.get("zero", 0), 1: at_least.get("one", 0)}
        self.wait_until(lambda: all(self.count(number) >= count for number, count in wanted.items()))

    def count(self, worker: int) -> int:
        return Counter(number for number, _ in self.starts())[worker]

    def is_ready(self) -> bool:
        return (self.folder / "ready").exists()

    def wait_until(self, holds) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"it never came to that: {self.starts()}"
            time.sleep(0.02)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(WAIT_SECONDS)

    def wait(self) -> int:
        return self._process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(WAIT_SECONDS)

    def is_gone(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def start(tmp_path):
    servers = []

    def start(*told: str, workers: int = 2) -> Server:
        for what in told:
            (tmp_path / what).touch()
        servers.append(Server(tmp_path, workers))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def test_a_worker_that_waits_to_be_started_again_holds_up_no_other(start):
    server = start("failing-1", "patient-1")
    server.wait_for_starts(zero=1, one=1)
    for times in (2, 3):
        server.tell("end-0")
        server.wait_for_starts(zero=times)
    assert server.count(1) == 1, "its hour has not passed"
    assert server.stop() == 0


def test_a_worker_that_keeps_failing_is_started_again_and_again_and_the_server_is_ready_when_it_works(start):
    server = start("failing-1")
    server.wait_for_starts(zero=1, one=3)
    assert not server.is_ready()
    (server.folder / "failing-1").unlink()
    server.wait_until(server.is_ready)
    assert server.count(0) == 1, "nobody else was disturbed"
    assert server.stop() == 0


def test_a_stop_ends_every_worker(start):
    server = start(workers=3)
    server.wait_until(server.is_ready)
    assert server.stop() == 0
    assert all(server.is_gone(pid) for _, pid in server.starts())


def test_a_stop_does_not_wait_for_a_worker_that_is_still_to_be_started_again(start):
    server = start("failing-1", "patient-1")
    server.wait_for_starts(zero=1, one=1)
    failed = next(pid for number, pid in server.starts() if number == 1)
    server.wait_until(lambda: server.is_gone(failed))  # the parent has taken note of its end
    assert server.stop() == 0
    assert server.count(1) == 1


def test_a_worker_that_only_an_operator_can_help_ends_the_server_with_a_failure(start):
    server = start("hopeless-1")
    assert server.wait() == 1
    assert server.count(1) == 1
    assert all(server.is_gone(pid) for _, pid in server.starts())


def test_the_wait_before_a_start_doubles_up_to_its_limit_and_is_short_again_after_steady_work():
    worker, now = processes._Worker(ready=None), 1_000.0
    delays = []
    for _ in range(12):
        worker.started_at = now
        delays.append(worker.ended(now + 1))
        assert worker.due_at == now + 1 + delays[-1]
    assert delays[:3] == [FIRST_RESTART_DELAY_S, 2 * FIRST_RESTART_DELAY_S, 4 * FIRST_RESTART_DELAY_S]
    assert delays[-1] == MAX_RESTART_DELAY_S
    worker.started_at = now
    assert worker.ended(now + STEADY_AFTER_S) == FIRST_RESTART_DELAY_S


def test_a_worker_has_its_threads_wait_for_one_another_only_briefly(monkeypatch):
    asked = []

    def ended(*_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "setswitchinterval", asked.append)
    monkeypatch.setattr(processes, "open_node", ended)
    with pytest.raises(KeyboardInterrupt):
        processes.run_worker(Config(), None, 0, ended)
    assert asked == [processes.SWITCH_SECONDS]
    assert processes.SWITCH_SECONDS <= 0.001

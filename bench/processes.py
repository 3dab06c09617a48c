"""Processes that the bench starts, and what /proc says of them and their children.

Each is started in a session of its own, so that Ctrl-C reaches the bench alone, which then ends them by id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from strongroom.errors import OperatorError

STOP_SECONDS: Final = 20
LOG_TAIL: Final = 2_000  # characters
_TICKS: Final = os.sysconf("SC_CLK_TCK")  # of CPU time in /proc, a second
_KIB: Final = 1_024


class Process:
    """One process with its log, ended with everything it started."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str], directory: Path | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def require_alive(self) -> None:
        """Raise OperatorError with the end of the log if the process has ended."""
        if self._popen.poll() is not None:
            raise OperatorError(
                f"{self._popen.args!r} ended with status {self._popen.returncode}.",
                why=self.log.read_text(errors="replace")[-LOG_TAIL:] or "its log is empty",
                next_step=f"mend that, or leave this server out with --servers; the log is {self.log}",
            )

    def stop(self) -> None:
        """End it as an operator would; what is left after the grace period is killed."""
        family = tree([self.pid])
        if self._popen.poll() is None:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_SECONDS)
        for pid in family:
            if pid == self.pid and self._popen.poll() is not None:
                continue
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(pid) == self.pid:  # ours still, and not another that was given the same id
                    os.kill(pid, signal.SIGKILL)
        self._popen.wait()


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plain_environment(**more: str) -> dict[str, str]:
    """Return the environment without anything that configures AWS clients or a server under measurement."""
    prefixes = ("AWS_", "STRONGROOM_", "BAO_", "VAULT_", "MOTO_", "MINISTACK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)} | more


def tree(roots: Iterable[int]) -> list[int]:
    """Return these processes and all that descend from them."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found, pending = [], list(roots)
    while pending:
        pid = pending.pop()
        found.append(pid)
        pending += children[pid]
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time of the trees so far: of the living, and of their children that have ended (proc(5))."""
    # utime, stime, cutime, cstime; the first two fields of stat are cut off
    return sum(sum(map(int, fields[11:15])) for pid in tree(roots) if (fields := _stat(pid))) / _TICKS


def pss_bytes(roots: Iterable[int]) -> int:
    """Return the proportional set size of the trees: shared pages are counted once (proc(5), smaps_rollup)."""
    total = 0
    for pid in tree(roots):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * _KIB
    return total


def machine_busy_seconds() -> float:
    """Return the CPU time that the whole machine has spent on anything so far."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def idle_cpu_share(roots: Iterable[int], seconds: float) -> float:
    """Return how much of one core the trees use while nobody asks them anything."""
    before = cpu_seconds(roots)
    time.sleep(seconds)
    return (cpu_seconds(roots) - before) / seconds


def _stat(pid: int) -> list[str]:
    """Return the fields of stat after the process's name, which may hold anything; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []

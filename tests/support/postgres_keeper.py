"""Runs one PostgreSQL server for the process that started this one, and never longer than it.

Standard input is that process's word: as soon as it says something or ends, which it does however its
owner dies, the server is shut down and its directory removed. Meant to be started in a session of its own.
A server that revives is started again when it ends by itself, for tests that kill it.
"""

from __future__ import annotations

import json
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

POLL_SECONDS = 0.05
SHUTDOWN_SECONDS = 10
REVIVAL_PAUSE_SECONDS = 0.1


def keep(directory: Path, identity: dict[str, object], commands: list[list[str]], *, revives: bool = False) -> None:
    """Run the commands one after the other as `identity`, the last one being the server itself."""
    process = None
    try:
        todo = list(commands)
        while todo:
            command = todo.pop(0)
            process = _start(command, directory, identity)
            while process.poll() is None:
                if _owner_spoke(POLL_SECONDS):
                    return
            if revives and not todo:
                todo.append(command)
                if _owner_spoke(REVIVAL_PAUSE_SECONDS):
                    return
            elif process.returncode != 0:
                break
        (directory / "ended").touch()
        _owner_spoke(None)  # who may still want to read the log
    finally:
        if process is not None and process.poll() is None:
            _shut_down(process)
        shutil.rmtree(directory, ignore_errors=True)


def _start(command: list[str], directory: Path, identity: dict[str, object]) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, **identity)


def _owner_spoke(timeout: float | None) -> bool:
    return bool(select.select([sys.stdin], [], [], timeout)[0])


def _shut_down(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: open sessions are ended
    try:
        process.wait(SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)  # immediate: its children go too, which after SIGKILL they might not
        process.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the clean-up, then
    orders = json.loads(sys.argv[1])
    keep(Path(orders["directory"]), orders["identity"], orders["commands"], revives=orders["revives"])

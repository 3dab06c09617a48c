"""A parent of real processes that do nothing but what files in a directory tell them.

Run as a program, with the directory and the number of workers. `failing-N` there makes worker N end at its
start, `hopeless-N` as one that an operator must help; `end-N` ends it while it runs; `patient-N`, present at
the start, has the parent wait an hour before it starts that worker again. `starts` lists starts, `ready`
appears when all are ready.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from strongroom import processes
from strongroom.config import Config

POLL_SECONDS = 0.01
HOUR = 3_600.0
CRASHED = 3


def work(config, _listener, number, ready, parent):
    folder = config.data_dir
    with (folder / "starts").open("a") as starts:
        starts.write(f"{number} {os.getpid()}\n")
    if (folder / f"hopeless-{number}").exists():
        sys.exit(processes.HOPELESS)
    if (folder / f"failing-{number}").exists():
        os._exit(CRASHED)
    ready.set()
    while not (folder / f"end-{number}").exists() and os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    (folder / f"end-{number}").unlink(missing_ok=True)
    os._exit(CRASHED)


def main(folder: Path, workers: int) -> None:
    config = Config(data_dir=folder, workers=workers, port=0)
    parent = processes._Parent(config, processes.bind(config), work)
    for number, worker in enumerate(parent._workers):
        if (folder / f"patient-{number}").exists():
            worker.delay = HOUR
    parent.run((folder / "ready").touch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

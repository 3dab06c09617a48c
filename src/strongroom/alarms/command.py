"""Notices by a command of the operator's: started without a shell, with the notice as JSON on its standard input.

It gets no environment but PATH, so that no setting of the server, which may be a secret, gets out. Status 0 accepts;
what takes longer than `COMMAND_SECONDS` is killed and tried again later. What it prints is not kept.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.alarms.base import SinkError, body_of
from strongroom.domain.alarms import Notice

COMMAND_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments."""

    arguments: tuple[str, ...]

    def describe(self) -> str:
        return f"command {self.arguments[0]}"

    def send(self, notice: Notice, now: datetime) -> None:  # noqa: ARG002 - a Sink is told the time
        try:
            subprocess.run(  # noqa: S603 - the operator's own settings name it
                self.arguments,
                input=body_of(notice),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                timeout=COMMAND_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SinkError(f"{self.describe()}: {type(error).__name__}") from error

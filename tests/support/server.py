"""A Strongroom server as its users have it: a process of its own, real sockets, real clients."""

from __future__ import annotations

import configparser
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

REGION = "eu-central-1"
START_SECONDS = 60
STOP_SECONDS = 30
STRONGROOM = (sys.executable, "-m", "strongroom")


@dataclass
class Server:
    """One data directory and the process that serves it; may be killed and started again."""

    data_dir: Path
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir.with_suffix(".log")

    def start(self) -> Server:
        """Start and return when it says that it answers, which it does once all workers are ready, and does."""
        self.port = self.port or _free_port()
        command = [
            *STRONGROOM,
            "serve",
            "--data-dir",
            str(self.data_dir),
            "--port",
            str(self.port),
            *self.arguments,
        ]
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                command, stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=clean_environment(**self.environment)
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if b"answers at" in self.log.read_bytes()[begin:]:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return self
            time.sleep(0.02)
        raise AssertionError(f"the server did not become ready:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """End it as a power cut would: kill -9, the workers of a parent included."""
        if self.process is not None:
            children = subprocess.run(
                ["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True
            ).stdout.split()
            for pid in (self.process.pid, *map(int, children)):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """End it as an operator would, with SIGTERM, and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(STOP_SECONDS)
        self.process = None
        return status

    @property
    def credentials(self) -> tuple[str, str]:
        parser = configparser.ConfigParser()
        parser.read(self.data_dir / "credentials")
        profile = parser["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]

    def client(self, **settings: Any) -> Any:
        """Return a boto3 client of this server, without retries."""
        key, secret = self.credentials
        arguments = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": key,
            "aws_secret_access_key": secret,
            "config": ClientConfig(retries={"total_max_attempts": 1}),
        }
        return boto3.client("secretsmanager", **(arguments | settings))

    def client_environment(self) -> dict[str, str]:
        """Return the variables that `strongroom serve` tells its user to export."""
        return clean_environment(
            AWS_SHARED_CREDENTIALS_FILE=str(self.data_dir / "credentials"),
            AWS_ENDPOINT_URL_SECRETS_MANAGER=self.url,
            AWS_ENDPOINT_URL_STS=self.url,
            AWS_ENDPOINT_URL_IAM=self.url,
            AWS_ENDPOINT_URL_CLOUDTRAIL=self.url,
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `strongroom` command on this data directory."""
        return strongroom(*arguments, "--data-dir", str(self.data_dir), *self._database_arguments())

    def _database_arguments(self) -> tuple[str, ...]:
        if "--database" not in self.arguments:
            return ()
        at = self.arguments.index("--database")
        return self.arguments[at : at + 2]


@contextmanager
def running(directory: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """Start a server in a fresh directory and end it afterwards, however the test went."""
    server = Server(directory / "data", arguments, environment).start()
    try:
        yield server
    finally:
        server.kill()


def strongroom(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `strongroom` command to its end."""
    return subprocess.run(
        [*STRONGROOM, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env=clean_environment(**environment),
    )


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without anything that configures AWS clients or Strongroom."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "200"} | more


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The examples of the README, run as printed against a server that was started as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import Server, running

README = (Path(__file__).parents[2] / "README.md").read_text()
TESTED = re.compile(r"<!-- tested: \S+ runs this block -->\n```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = dict(TESTED.findall(README))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("readme")) as one:
        yield one


def run(server: Server, *command: str) -> str:
    binaries = Path(sys.executable).parent
    environment = server.client_environment()
    environment["PATH"] = f"{binaries}:{environment['PATH']}"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_example_works_as_printed(server: Server) -> None:
    output = run(server, "sh", "-ec", BLOCKS["sh"])
    assert output.count('{"user":"app","password":"correct horse"}') == 2


def test_the_boto3_example_works_as_printed(server: Server) -> None:
    assert run(server, sys.executable, "-c", BLOCKS["python"]) == "s3cr3t\n"


def test_the_printed_exports_are_those_of_the_readme(server: Server) -> None:
    shown = [line.strip() for line in server.log.read_text().splitlines() if line.strip().startswith("export ")]
    printed = re.findall(r"^export .*", README, re.MULTILINE)
    assert [re.split(r"=\S+", line) for line in shown] == [re.split(r"=\S+", line) for line in printed]

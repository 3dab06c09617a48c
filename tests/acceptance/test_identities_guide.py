"""docs/identities.md: its files and commands work as they stand there, in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.deployment import config_for, deployed

GUIDE = (Path(__file__).parents[2] / "docs" / "identities.md").read_text()
BLOCKS = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
STATUS = re.compile(r"# status (\d)")


def test_the_guide_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with deployed(config_for("sqlite", tmp_path, region="us-east-1")) as deployment:
        deployment.elsewhere(region="us-east-1").create("payments/db", Tags=[{"Key": "team", "Value": "payments"}])
        command = CommandLine(deployment)
        ran = [command.run(*line[1:], status=status) for line, status in _followed(tmp_path)]
    assert len(ran) > 15
    assert "nothing to do" in ran[-4], "the file declares what the commands before it have made"
    assert "user/payments" in ran[-2]


def _followed(directory: Path) -> list[tuple[list[str], int]]:
    """Write the files of the guide, and return its commands with the statuses they end with."""
    lines = []
    for kind, name, content in BLOCKS:
        if name:
            (directory / name).write_text(content)
        elif kind == "sh":
            lines += content.splitlines()
    statuses = [int(found[1]) if (found := STATUS.search(line)) else 0 for line in lines]
    return [(shlex.split(line, comments=True), status) for line, status in zip(lines, statuses, strict=True)]

"""Commands of `strongroom` run inside the test process, on the data directory of a deployment that is running."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from strongroom.cli import command_line
from strongroom.errors import OperatorError
from support.deployment import Deployment


@dataclass
class CommandLine:
    """Runs commands as their `main` does, but gives refusals as what they are."""

    deployment: Deployment

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command that ends with a status, and return what it printed. Raises OperatorError."""
        config = self.deployment.config
        where = ["--data-dir", str(config.data_dir)]
        if config.database is not None:
            where += ["--database", config.database]
        result = CliRunner().invoke(command_line(arguments[0]), [*arguments, *where], env={"COLUMNS": "200"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status))

    def refused(self, *arguments: str) -> OperatorError:
        """Run a command that must be refused, and return how."""
        with pytest.raises(OperatorError) as caught:
            self.run(*arguments)
        error = caught.value
        assert all((error.what, error.why, error.next_step)), "a refusal says what happened, why, and what to do"
        return error

    def trail(self) -> list[dict[str, Any]]:
        """Return the records of the command line's own trail."""
        lines = (self.deployment.config.audit_dir / "trail-cli.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

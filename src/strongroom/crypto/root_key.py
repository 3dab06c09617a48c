"""Where the root key comes from. Losing it loses every secret; a wrong one opens nothing.

A provider is asked once, at start. The file provider keeps 32 random bytes in a file that only its owner
may read; the file also names the key, so that an operator can tell two apart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from strongroom.crypto.aead import KEY_BYTES, derive
from strongroom.entropy import Entropy
from strongroom.errors import OperatorError

_MAGIC: Final = "strongroom-root-key-v1"
_ID_LENGTH: Final = 16
_READABLE_BY_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class RootKey:
    """The key that wraps the keyring; `key_id` is derived from it and safe to print."""

    key_id: str
    material: bytes = field(repr=False)

    @classmethod
    def of(cls, material: bytes) -> RootKey:
        return cls(hashlib.sha256(derive(material, "root key id")).hexdigest()[:_ID_LENGTH], material)


class RootKeyProvider(Protocol):
    """A source of the root key: a file today; KMS, HSM or shares may follow behind the same two verbs."""

    def load(self) -> RootKey | None:
        """Return the key, or None where there is none yet. Raises OperatorError on an unusable one."""
        ...

    def create(self, entropy: Entropy) -> RootKey:
        """Make, store and return a new key. Never overwrites one."""
        ...

    def describe(self) -> str:
        """Name the source for messages to the operator."""
        ...


class FileRootKey:
    """A root key in a file that only its owner can read (mode 0600 or 0400)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def describe(self) -> str:
        return f"the root key file {self._path}"

    def load(self) -> RootKey | None:
        try:
            mode = self._path.stat().st_mode
            text = self._path.read_text("ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(str(error)) from error
        if mode & _READABLE_BY_OTHERS:
            raise OperatorError(
                f"{self._path} can be read by other users.",
                why=f"its mode is {stat.S_IMODE(mode):04o}; whoever reads the root key reads every secret.",
                next_step=f"chmod 600 {self._path}  (and consider the key known to others)",
            )
        magic, _, encoded = text.strip().partition(" ")
        try:
            material = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise self._unusable("it is not base64") from error
        if magic != _MAGIC or len(material) != KEY_BYTES:
            raise self._unusable(f"it must hold '{_MAGIC}' and 32 bytes in base64")
        return RootKey.of(material)

    def create(self, entropy: Entropy) -> RootKey:
        """Write a new key under another name and link it into place: whole or not at all, never over a file."""
        material = entropy.token_bytes(KEY_BYTES)
        text = f"{_MAGIC} {base64.b64encode(material).decode()}\n"
        try:
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, prefix=f".{self._path.name}-") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                self._path.hardlink_to(file.name)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise OperatorError(
                f"{self._path} cannot be made.",
                why=str(error),
                next_step="let this user write to its directory, which needs hard links; root_key_file names another",
            ) from error
        return RootKey.of(material)

    def _unusable(self, why: str) -> OperatorError:
        return OperatorError(
            f"{self._path} is not a usable root key.",
            why=why,
            next_step="restore the file from its backup; do not delete it, a new key opens nothing",
        )


def _sync_directory(path: Path) -> None:
    """Make a new directory entry durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

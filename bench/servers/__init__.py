"""The servers that are measured, by the names that `--servers` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.servers.base import Server
from bench.servers.emulators import Ministack, Moto
from bench.servers.openbao import OpenBao
from bench.servers.strongroom import Strongroom

SERVERS: Final[dict[str, Callable[[Path], Server]]] = {
    "strongroom-sqlite-1": lambda home: Strongroom(home, "strongroom-sqlite-1"),
    "strongroom-sqlite-2": lambda home: Strongroom(home, "strongroom-sqlite-2", workers=2),
    "strongroom-pg-1": lambda home: Strongroom(home, "strongroom-pg-1", nodes=1, postgresql=True),
    "strongroom-pg-2": lambda home: Strongroom(home, "strongroom-pg-2", nodes=2, postgresql=True),
    "strongroom-tls": lambda home: Strongroom(home, "strongroom-tls", tls=True),
    "openbao": OpenBao,
    "moto": Moto,
    "ministack": Ministack,
}
PEERS: Final = ("openbao", "ministack", "moto")

__all__ = ["PEERS", "SERVERS", "Server"]

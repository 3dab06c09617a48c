"""Frames over a connection between two processes of one server: a length of four bytes, and the content.

Frames of one turn of the loop leave together at its end: each by itself would wake the other process, at the price that
`outbox` tells of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

_LENGTH_BYTES: Final = 4


class Frames(asyncio.Protocol):
    """One end of a connection. Only used on the loop."""

    def __init__(self, took: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """Tell `took` of each frame that arrives, and `lost` once that the connection is gone, whoever ended it."""
        self._took = took
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._held: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        for frame in self._whole():
            if self.is_closing:
                return
            self._took(frame)

    def _whole(self) -> list[bytes]:
        """Return the frames that have arrived whole, and keep the rest."""
        received, frames, start = self._received, [], 0
        while (begin := start + _LENGTH_BYTES) <= len(received):
            end = begin + int.from_bytes(received[start:begin], "big")
            if end > len(received):
                break
            frames.append(bytes(received[begin:end]))
            start = end
        del received[:start]
        return frames

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._held.clear()
        self._lost()

    @property
    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def send(self, content: bytes) -> None:
        """Have a frame sent at the end of the turn. Raises ConnectionError if there is no connection any more."""
        if self.is_closing:
            raise ConnectionError("the connection is closed")
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held += (len(content).to_bytes(_LENGTH_BYTES, "big"), content)

    def close(self) -> None:
        """Send what is held, and close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(held))

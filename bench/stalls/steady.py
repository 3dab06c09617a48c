"""A steady load: a few calls a second, each due at its own instant, whatever became of the ones before.

It is an open loop. An answer counts from the instant at which its call was due, so a stall delays every call
that falls due meanwhile, and all of them tell.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from bench.servers.base import Line
from bench.stalls.report import Wait
from bench.workloads import BATCH, Call, token, value_of, zipf_name

READS_A_SECOND: Final = 20
WRITES_A_SECOND: Final = 5
WRITTEN_SECRETS: Final = 1_000

Calls: TypeAlias = Iterator[Call]
_OK: Final = range(200, 300)


class Stream:
    """Sends one call after the other on a connection of its own, so many a second."""

    def __init__(self, url: str, encode: Callable[[Call, str], bytes | None], calls: Calls, a_second: int) -> None:
        self._url = url
        self._encode = encode
        self._calls = calls
        self._period = 1 / a_second
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[Wait] = []
        self.failures = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._period
        with Line(self._url) as line:
            for call in self._calls:
                request = self._encode(call, self._url) or b""
                if self._stopping.wait(max(0.0, due - time.monotonic())):
                    return
                self._ask(line, request, due)
                due += self._period

    def _ask(self, line: Line, request: bytes, due: float) -> None:
        try:
            answer = line.ask(request)
        except (OSError, http.client.HTTPException):
            self.failures += 1
            line.close()
            return
        self.answers.append(Wait(due, time.monotonic() - due))
        self.failures += answer.status not in _OK


def reads() -> Calls:
    for number in itertools.count():
        yield Call("GetSecretValue", {"SecretId": zipf_name(number % BATCH)})


def writes(run: int) -> Calls:
    """Yield writes; the run's number makes their tokens its own."""
    value = value_of("steady")
    for number in itertools.count():
        name = f"put-{number % WRITTEN_SECRETS:04d}"
        members = {"SecretId": name, "SecretString": value, "ClientRequestToken": token(run, number)}
        yield Call("PutSecretValue", members)

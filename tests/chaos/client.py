"""A client without boto3: botocore's signature, one kept connection, no retries, no interpretation."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Final

from chaos.violation import Violation
from support.signing import Signer

PATIENCE_SECONDS: Final = 45.0
INTERNAL_ERROR: Final = 500


class Unanswered(Exception):
    """The connection ended, or the server said that something broke: the call may have been carried out."""


@dataclass(frozen=True)
class Answer:
    status: int
    request_id: str
    content: dict[str, Any]
    began: float
    ended: float

    @property
    def code(self) -> str:
        """The name of the error, or nothing."""
        return str(self.content.get("__type", "")).rpartition("#")[2]


class Client:
    """Calls operations of one server. Not for several threads."""

    def __init__(self, credentials: tuple[str, str], port: int, region: str) -> None:
        self._signer = Signer(*credentials, host=f"127.0.0.1:{port}", region=region)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def call(self, operation: str, **members: Any) -> Answer:
        """Make a call.

        Raises:
            Unanswered: it may have been carried out or not.
            Violation: there was no answer for as long as anyone would wait.
        """
        body = json.dumps(members).encode()
        headers = dict(self._signer.headers(operation, body))
        began = time.time()
        try:
            self._connection.request("POST", "/", body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except TimeoutError:
            raise Violation(f"{operation} was not answered within {PATIENCE_SECONDS} s") from None
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(type(error).__name__) from None
        if answer.status >= INTERNAL_ERROR:
            raise Unanswered(f"status {answer.status}")
        request_id = answer.headers["x-amzn-RequestId"]
        return Answer(answer.status, request_id, json.loads(content or b"{}"), began, time.time())

    def close(self) -> None:
        self._connection.close()

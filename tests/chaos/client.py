"""A client without boto3: botocore's signature, one kept connection, no retries, no interpretation.

It speaks JSON to Secrets Manager and forms to IAM.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

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


@dataclass(frozen=True)
class Client:
    """Calls operations of one server. Not for several threads."""

    signer: Signer
    connection: http.client.HTTPConnection

    @classmethod
    def of(cls, credentials: tuple[str, str], port: int, region: str) -> Client:
        signer = Signer(*credentials, host=f"127.0.0.1:{port}", region=region)
        return cls(signer, http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS))

    def elsewhere(self, region: str) -> Client:
        """Return the same client on the same connection, for another region."""
        return replace(self, signer=replace(self.signer, region=region))

    def holding(self, credentials: tuple[str, str]) -> Client:
        """Return a client on the same connection that holds another access key."""
        access_key_id, secret = credentials
        return replace(self, signer=replace(self.signer, access_key_id=access_key_id, secret_access_key=secret))

    def call(self, operation: str, **members: Any) -> Answer:
        """Make a call of Secrets Manager.

        Raises:
            Unanswered: it may have been carried out or not.
            Violation: there was no answer for as long as anyone would wait.
        """
        body = json.dumps(members).encode()
        status, request_id, content, began = self._send(operation, body, self.signer.headers(operation, body))
        return Answer(status, request_id, json.loads(content or b"{}"), began, time.time())

    def iam(self, operation: str, **members: str) -> Answer:
        """Make a call of IAM, likewise; the content is the texts of each element of the answer, by its name."""
        body = urlencode({"Action": operation, "Version": "2010-05-08", **members}).encode()
        signer = replace(self.signer, service="iam", region="us-east-1")
        headers = signer.headers(None, body, more={"Content-Type": "application/x-www-form-urlencoded"})
        status, request_id, content, began = self._send(operation, body, headers)
        texts: dict[str, Any] = {}
        for element in ET.fromstring(content).iter():
            texts.setdefault(element.tag.rpartition("}")[2], []).append(element.text)
        if "Code" in texts:
            texts["__type"] = texts["Code"][0]
        return Answer(status, request_id, texts, began, time.time())

    def _send(self, operation: str, body: bytes, headers: Iterable[tuple[str, str]]) -> tuple[int, str, bytes, float]:
        began = time.time()
        try:
            self.connection.request("POST", "/", body, dict(headers))
            answer = self.connection.getresponse()
            content = answer.read()
        except TimeoutError:
            raise Violation(f"{operation} was not answered within {PATIENCE_SECONDS} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Unanswered(type(error).__name__) from None
        if answer.status >= INTERNAL_ERROR:
            raise Unanswered(f"status {answer.status}")
        return answer.status, str(answer.headers["x-amzn-RequestId"]), content, began

    def close(self) -> None:
        self.connection.close()

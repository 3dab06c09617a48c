"""Requests signed by botocore, for any instant and with any body, to be sent as bytes or handed to the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE: Final = "application/x-amz-json-1.1"


class _SigV4AuthAt(SigV4Auth):
    """botocore's signer, told the time."""

    def __init__(self, *arguments: Any, now: datetime) -> None:
        super().__init__(*arguments)
        self._now = now

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self._now.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


@dataclass(frozen=True)
class Signer:
    """Signs like a client that holds this access key and believes in this host and region."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    host: str
    region: str
    service: str = "secretsmanager"
    session_token: str | None = None

    def headers(
        self,
        operation: str | None,
        body: bytes,
        *,
        now: datetime | None = None,
        more: Mapping[str, str] | None = None,
    ) -> list[tuple[str, str]]:
        """Return the headers of a signed request; `more` is signed as well, and may replace the usual ones."""
        headers = {"Host": self.host, "Content-Type": CONTENT_TYPE}
        if operation is not None:
            headers["X-Amz-Target"] = f"secretsmanager.{operation}"
        replaced = {name.lower() for name in more or ()}
        headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | dict(more or {})
        request = AWSRequest("POST", f"http://{self.host}/", headers=headers, data=body)
        credentials = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        _SigV4AuthAt(credentials, self.service, self.region, now=now or datetime.now(UTC)).add_auth(request)
        return [(name, str(value)) for name, value in request.headers.items()]

    def message(self, operation: str | None, body: bytes, **options: Any) -> bytes:
        """Return a whole HTTP/1.1 request as it goes over the wire."""
        headers = [*self.headers(operation, body, **options), ("Content-Length", str(len(body)))]
        return render("POST / HTTP/1.1", headers, body)


def render(request_line: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a request as bytes, whatever it says."""
    lines = [request_line, *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

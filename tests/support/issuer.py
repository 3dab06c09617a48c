"""An issuer of web identity tokens: keys, tokens, and the HTTPS server that publishes the keys.

For the rules a `TokenIssuer` is enough: it signs real tokens and connects to nothing. For clients and servers
under test there is `Issuer`, the same with a server on loopback::

    with Issuer.start(tmp_path) as issuer:
        token = issuer.token(sub="system:serviceaccount:apps:web", aud="sts.amazonaws.com")

The server under test needs `issuer.ca_file` as oidc_ca_file and `issuer.host` among its oidc_private_issuers.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.certificates import make_chain

CONFIGURATION_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/keys"
AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:apps:web"

_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def private_key(algorithm: str = "RS256", number: int = 0) -> Any:
    """Return the `number`-th private key for an algorithm: the same in every test, for making one takes long."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def public_jwk(algorithm: str = "RS256", number: int = 0, **members: Any) -> dict[str, Any]:
    """Return the public part of that key as a JSON Web Key; a member of None is left out."""
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(private_key(algorithm, number).public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    named = jwk | {"kid": f"{algorithm}-{number}", "use": "sig", "alg": algorithm} | members
    return {name: value for name, value in named.items() if value is not None}


@dataclass
class TokenIssuer:
    """Keys, and what is signed with them."""

    url: str = "https://issuer.example.com/id/A1"
    algorithm: str = "RS256"
    number: int = 0
    """Which key signs at present; `rotate` takes the next."""

    published: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.published = self.published or [public_jwk(self.algorithm, self.number)]

    @property
    def provider_url(self) -> str:
        """The URL as IAM keeps it."""
        return self.url.partition("://")[2]

    @property
    def key_id(self) -> str:
        return f"{self.algorithm}-{self.number}"

    def jwks(self) -> str:
        return json.dumps({"keys": self.published})

    def rotate(self) -> None:
        """Sign with another key from now on, and publish it beside the others."""
        self.number += 1
        self.published.append(public_jwk(self.algorithm, self.number))

    def token(
        self,
        sub: str = SUBJECT,
        aud: str | list[str] = AUDIENCE,
        *,
        now: datetime | None = None,
        lifetime: timedelta = timedelta(hours=1),
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed token; a claim or header of None is left out."""
        issued_at = int((now or datetime.now(UTC)).timestamp())
        standard = {"iss": self.url, "sub": sub, "aud": aud, "iat": issued_at, "nbf": issued_at}
        given = standard | {"exp": issued_at + int(lifetime.total_seconds())} | claims
        return self.signed({name: value for name, value in given.items() if value is not None}, headers)

    def signed(self, claims: Any, headers: dict[str, Any] | None = None) -> str:
        """Return whatever claims, signed; text as it is."""
        payload = claims if isinstance(claims, str) else json.dumps(claims)
        named = {"kid": self.key_id} | (headers or {})
        kept = {name: value for name, value in named.items() if value is not None}
        key = private_key(self.algorithm, self.number)
        return jwt.PyJWS().encode(payload.encode(), key, algorithm=self.algorithm, headers=kept)


@dataclass(frozen=True)
class Answer:
    """What the server says at a path, right or wrong."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds_per_byte: float = 0.0


@dataclass
class Issuer(TokenIssuer):
    """A `TokenIssuer` that serves its keys, and can be made to misbehave: `answers` by path go first."""

    ca_file: Path = Path()
    host: str = "localhost"
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """The paths that were asked for, in order."""

    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    @classmethod
    def start(cls, folder: Path, *, algorithm: str = "RS256", host: str = "localhost", secure: bool = True) -> Self:
        """Make certificates in `folder` and serve on loopback until `stop`."""
        ca_file, certificate, key = make_chain(folder, host)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        if secure:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        url = f"{'https' if secure else 'http'}://{host}:{server.server_address[1]}"
        issuer = cls(url=url, algorithm=algorithm, ca_file=ca_file, host=host, _server=server)
        server.issuer = issuer  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return issuer

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def configuration(self, **changes: Any) -> bytes:
        """Return the discovery document, with changes."""
        document = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}{KEYS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }
        return json.dumps(document | changes).encode()

    def answer(self, path: str) -> Answer:
        given = self.answers.get(path)
        if given is not None:
            return given() if callable(given) else given
        if path == CONFIGURATION_PATH:
            return Answer(self.configuration())
        if path == KEYS_PATH:
            return Answer(self.jwks().encode())
        return Answer(status=404)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]
        issuer.requests.append(self.path)
        answer = issuer.answer(self.path)
        try:
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if not answer.seconds_per_byte:
                self.wfile.write(answer.body)
                return
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(answer.seconds_per_byte)
        except OSError:
            self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read `requests`."""

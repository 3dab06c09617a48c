"""Signature Version 4: proof that a request was made by the holder of an access key.

The signature stands in the Authorization header or, where the service takes presigned requests, in the query
string (what is different then: `presigned`). One function decides which; it cannot be both.

The checks and their order (AWS's, as recorded for services of the JSON protocol; texts to the letter):

 1. a security header stands once; Authorization, dates, token and target are ASCII    IncompleteSignature
 2. not both X-Amz-Algorithm in the query string and Authorization                        InvalidSignature
 3. an Authorization header that begins with AWS4-, or a presigned request      MissingAuthenticationToken
 4. it consists of key=value parts, each once; none missing; a date is there           IncompleteSignature
 5. the date is in ISO 8601's basic format (a Date header: also RFC 9110's)            IncompleteSignature
 6. the date is within the skew, to the second; a presigned request may be older          InvalidSignature
 7. SignedHeaders is lower-case, sorted, unique, and names what a server acts upon: host, the date,
    content-type, every x-amz-* and x-k8s-* header; nothing that was not sent             InvalidSignature
 8. the algorithm is AWS4-HMAC-SHA256; the credential has five elements                IncompleteSignature
 9. the scope names a region, this service, aws4_request and the request's own day        InvalidSignature
10. the access key is known                                                             UnrecognizedClient
11. x-amz-content-sha256, when sent, is the SHA-256 of the body: so neither
    UNSIGNED-PAYLOAD nor STREAMING-*; the signature matches                               InvalidSignature
12. the session token is the key's own, and none goes with a long-term key              UnrecognizedClient
13. the session has not expired                                                              ExpiredToken

The verifier reads no clock and draws no random number. What it remembers saves work, never a check: the
signing keys of a day, and the reading of Authorization headers up to their signature. Both are bounded
and hold only what a valid signature has vouched for, so that strangers cannot push entries out.
"""

from __future__ import annotations

import hashlib
import hmac
from binascii import hexlify
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from strongroom.authn.authorization_header import (
    CREDENTIAL_ELEMENTS,
    SCHEME_PREFIX,
    Authorization,
    parse_authorization,
)
from strongroom.authn.bounded_cache import BoundedCache
from strongroom.authn.canonical_request import (
    ALGORITHM,
    TERMINATOR,
    canonical_query,
    canonical_request,
    canonical_uri,
    string_to_sign,
)
from strongroom.authn.credentials import Credentials, SecretAccessKey
from strongroom.authn.presigned import is_presigned, parse_presigned, require_bare_get
from strongroom.authn.request_headers import read_headers, require_signed, rest_on_names_alone
from strongroom.authn.request_time import basic_format, parse_date_header, parse_iso_time
from strongroom.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_SKEW: Final = timedelta(minutes=5)
MAX_AUTHORIZATION_BYTES: Final = 4_096
MAX_NAMES_BYTES: Final = 1_024
"""Names of headers that are remembered, all those of a request together."""

CACHE_ENTRIES: Final = 1_024
SIGNATURE_LENGTH: Final = 64

_SCHEME: Final = SCHEME_PREFIX.encode()
_ONE_SECOND: Final = timedelta(seconds=1)
_INVALID_TOKEN: Final = "The security token included in the request is invalid."
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_NOBODY: Final = SecretAccessKey("no request is signed with this")


class Signable(Protocol):
    """A request as it came off the wire: header names in lower case, in the order of arrival."""

    @property
    def method(self) -> str: ...
    @property
    def raw_path(self) -> bytes: ...
    @property
    def query_string(self) -> bytes: ...
    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def body(self) -> bytes: ...


_Names: TypeAlias = tuple[bytes, ...]
K = TypeVar("K", bound=Credentials)
FindKey: TypeAlias = Callable[[str, str | None], K | None]


class Verified(msgspec.Struct, Generic[K], frozen=True):
    """Who signed a request, and for which region."""

    access_key: K
    region: str


class _Vouched(msgspec.Struct, frozen=True):
    """An Authorization header that came with a right signature, and what went with it."""

    authorization: Authorization
    names: _Names | None
    """All headers of that request, where their names alone say that those are signed that must be."""

    revision: int
    signer: HMAC
    """Of the key's secret at that revision, for the header's day, region and service."""


class _Claim(msgspec.Struct, frozen=True):
    """What a request says about its own signature, in either form; its date is current."""

    authorization: Authorization
    signature: bytes
    timestamp: str
    token: bytes | None
    vouched: _Vouched | None = None
    prefix: bytes | None = None
    """The Authorization header up to the signature, if it is worth remembering."""

    is_presigned: bool = False


class Verifier:
    """Verifies requests to one service, whatever the region.

    `fixed_content_type` is the one content type the endpoint serves, if it serves only one. A request may
    leave that one unsigned, as AWS's PHP client does: changed under way, it would be refused.
    `presigned_age` is how old a presigned request may be; without it none is accepted.
    """

    def __init__(
        self,
        *,
        service: str,
        skew: timedelta = DEFAULT_SKEW,
        fixed_content_type: bytes | None = None,
        presigned_age: timedelta | None = None,
    ) -> None:
        self._service = service
        self._skew = skew
        self._fixed_content_type = fixed_content_type
        self._presigned_age = presigned_age
        self._too_new, self._too_old = -skew, skew + _ONE_SECOND
        self._signers: BoundedCache[tuple[str, int, str, str, str], HMAC] = BoundedCache(CACHE_ENTRIES)
        self._authorizations: BoundedCache[bytes, _Vouched] = BoundedCache(CACHE_ENTRIES)

    def verify(
        self,
        request: Signable,
        find_key: FindKey[K],
        now: datetime,
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Verified[K]:
        """Return who made the request, or raise the answer to give.

        `find_key` returns the active access key of an id, or None; it is asked once. It is told the session
        token that the request claims, which is not proven yet. `headers` are the request's by name, of whoever
        knows that no name is repeated and that all values are ASCII.
        """
        if headers is None:
            headers = read_headers(request.headers)
        claim = self._claim(request, headers, now)
        vouched, authorization = claim.vouched, claim.authorization
        names = tuple(headers)
        if vouched is None or vouched.names != names:
            require_signed(headers, authorization, self._fixed_content_type, is_presigned=claim.is_presigned)
        if vouched is None or authorization.elements[1] != claim.timestamp[:8]:
            self._require_scope(authorization, claim.timestamp)
        access_key_id, date, region, service, _ = authorization.elements
        access_key = find_key(access_key_id, None if claim.token is None else claim.token.decode("ascii"))
        payload_hash = hashlib.sha256(request.body).hexdigest()
        to_sign = _string_to_sign(request, headers, claim, payload_hash)
        if access_key is None:
            # The same work as for a known key, so that the time of the answer tells nothing more.
            _signature(_signer(_NOBODY, date, region, service), to_sign)
            raise invalid_token()
        _require_payload_hash(headers, payload_hash)
        self._require_signature(access_key, claim, to_sign, names)
        _require_session(access_key, claim.token, now)
        return Verified(access_key, region)

    def _claim(self, request: Signable, headers: Mapping[bytes, bytes], now: datetime) -> _Claim:
        # Without a query string there is no choice.
        if request.query_string or not headers.get(b"authorization", b"").startswith(_SCHEME):
            is_allowed = self._presigned_age is not None
            if _is_signed_in_query(headers, request.query_string, is_allowed=is_allowed):
                return self._query_claim(request, headers, now)
        return self._header_claim(headers, now)

    def _header_claim(self, headers: Mapping[bytes, bytes], now: datetime) -> _Claim:
        sent, amz_date = headers[b"authorization"], headers.get(b"x-amz-date")
        prefix, signature = sent[:-SIGNATURE_LENGTH], sent[-SIGNATURE_LENGTH:]
        vouched = self._authorizations.find(prefix)
        # A remembered prefix ends in "Signature=", and what is alphanumeric is that part's value to its end.
        if vouched is not None and amz_date is not None and signature.isalnum():
            authorization = vouched.authorization
        else:
            sent = sent.strip(b" ")
            vouched, prefix = None, sent[:-SIGNATURE_LENGTH]
            authorization, signature = _parse(sent, is_dated=amz_date is not None or b"date" in headers)
        if amz_date is None:
            timestamp, request_time = parse_date_header(headers.get(b"date", b""))
        else:
            timestamp, request_time = parse_iso_time(amz_date)
        if not self._too_new <= now - request_time < self._too_old:
            self._require_current(timestamp, request_time, now, self._skew)
        token = headers.get(b"x-amz-security-token")
        return _Claim(authorization, signature, timestamp, token and token.strip(), vouched, prefix)

    def _query_claim(self, request: Signable, headers: Mapping[bytes, bytes], now: datetime) -> _Claim:
        presigned = parse_presigned(request.query_string)
        require_bare_get(request.method, headers, request.body)
        timestamp, request_time = parse_iso_time(presigned.date.encode())
        self._require_current(timestamp, request_time, now, self._presigned_age or timedelta())
        presigned.require_unexpired(request_time, now)
        return _Claim(
            presigned.authorization, presigned.signature.encode(), timestamp, presigned.token, is_presigned=True
        )

    def _require_signature(self, access_key: Credentials, claim: _Claim, to_sign: bytes, names: _Names) -> None:
        """Raise InvalidSignatureException for a wrong signature; remember what a right one has vouched for."""
        vouched, revision = claim.vouched, access_key.revision
        if vouched is not None and vouched.revision == revision:
            signer, is_news = vouched.signer, vouched.names != names
        else:
            signer, is_news = self._signer_of(access_key, revision, claim.authorization), True
        if not hmac.compare_digest(_signature(signer, to_sign), claim.signature):
            raise InvalidSignatureException(_MISMATCH)
        if is_news:
            self._remember(claim, names, revision, signer)

    def _signer_of(self, access_key: Credentials, revision: int, authorization: Authorization) -> HMAC:
        _, date, region, service, _ = authorization.elements
        known = self._signers.find((access_key.access_key_id, revision, date, region, service))
        return known or _signer(access_key.secret_access_key, date, region, service)

    def _remember(self, claim: _Claim, names: _Names, revision: int, signer: HMAC) -> None:
        authorization = claim.authorization
        access_key_id, date, region, service, _ = authorization.elements
        self._signers.keep((access_key_id, revision, date, region, service), signer)
        if claim.prefix is None or not claim.prefix.endswith((b" Signature=", b",Signature=")):
            return
        is_short = sum(map(len, names)) <= MAX_NAMES_BYTES
        kept = names if is_short and rest_on_names_alone(names, authorization) else None
        self._authorizations.keep(claim.prefix, _Vouched(authorization, kept, revision, signer))

    def _require_current(self, timestamp: str, request_time: datetime, now: datetime, oldest: timedelta) -> None:
        age = now - request_time
        # Request times are whole seconds, and an age counts in whole seconds as well: 300.9 s are 300 s.
        if age - oldest >= _ONE_SECOND:
            raise InvalidSignatureException(
                f"Signature expired: {timestamp} is now earlier than {basic_format(now - oldest)} "
                f"({basic_format(now)} - {oldest // timedelta(minutes=1)} min.)"
            )
        if age < self._too_new:
            raise InvalidSignatureException(
                f"Signature not yet current: {timestamp} is still later than {basic_format(now + self._skew)} "
                f"({basic_format(now)} + {self._skew // timedelta(minutes=1)} min.)"
            )

    def _require_scope(self, authorization: Authorization, timestamp: str) -> None:
        if authorization.algorithm != ALGORITHM:
            raise IncompleteSignatureException(
                f"Unsupported AWS 'algorithm': '{authorization.algorithm}' (only {ALGORITHM} for now). "
            )
        if len(authorization.elements) != CREDENTIAL_ELEMENTS:
            raise IncompleteSignatureException(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                f"got '{authorization.credential}'"
            )
        _, date, region, service, terminator = authorization.elements
        faults = []
        if not authorization.is_region_valid:
            faults.append(f"Credential should be scoped to a valid region, not '{region}'.")
        if service != self._service:
            faults.append(f"Credential should be scoped to correct service: '{self._service}'.")
        if terminator != TERMINATOR:
            faults.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'.")
        if date != timestamp[:8]:
            faults.append(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{date}' != '{timestamp[:8]}', from '{timestamp}'."
            )
        if faults:
            raise InvalidSignatureException(" ".join(faults))


def _parse(sent: bytes, *, is_dated: bool) -> tuple[Authorization, bytes]:
    if len(sent) > MAX_AUTHORIZATION_BYTES:
        raise IncompleteSignatureException(f"'Authorization' must not exceed {MAX_AUTHORIZATION_BYTES} bytes.")
    authorization, signature = parse_authorization(sent.decode("ascii"), is_dated=is_dated)
    return authorization, signature.encode()


def _signer(secret: SecretAccessKey, date: str, region: str, service: str) -> HMAC:
    """Return what has taken in the signing key, to be copied for each signature."""
    return HMAC(secret.signing_key(date, region, service), SHA256())


def _signature(signer: HMAC, to_sign: bytes) -> bytes:
    signature = signer.copy()
    signature.update(to_sign)
    return hexlify(signature.finalize())


def invalid_token() -> UnrecognizedClientException:
    """The answer to credentials that nobody has, or that may not be used for this."""
    return UnrecognizedClientException(_INVALID_TOKEN)


def nobody_proven() -> MissingAuthenticationTokenException:
    """The answer to a request that brings no proof of who makes it."""
    return MissingAuthenticationTokenException("Missing Authentication Token")


def _is_signed_in_query(headers: Mapping[bytes, bytes], query_string: bytes, *, is_allowed: bool) -> bool:
    """Tell whether a signature stands in the query string and not in a header. This alone decides it.

    Raises:
        InvalidSignatureException: there are two.
        MissingAuthenticationTokenException: there is none, or only one in the query string that may not be there.
    """
    authorization = headers.get(b"authorization")
    is_in_query = bool(query_string) and is_presigned(query_string)
    if authorization is not None and is_in_query:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    if is_in_query and is_allowed:
        return True
    if authorization is not None and authorization.strip(b" ").startswith(_SCHEME):
        return False
    raise nobody_proven()


def _string_to_sign(request: Signable, headers: Mapping[bytes, bytes], claim: _Claim, payload_hash: str) -> bytes:
    uri = canonical_uri(request.raw_path)
    query = canonical_query(request.query_string, presigned=claim.is_presigned)
    signed_headers = claim.authorization.signed_headers
    canonical = canonical_request(request.method, uri, query, headers, signed_headers, payload_hash)
    return string_to_sign(claim.timestamp, claim.authorization.scope, canonical)


def _require_payload_hash(headers: Mapping[bytes, bytes], payload_hash: str) -> None:
    declared = headers.get(b"x-amz-content-sha256")
    if declared is not None and declared.strip() != payload_hash.encode():
        raise InvalidSignatureException("The provided 'x-amz-content-sha256' header does not match what was computed.")


def _require_session(access_key: Credentials, token: bytes | None, now: datetime) -> None:
    own = access_key.session_token
    if own is None and token is None:
        return
    if own is None or token is None or not hmac.compare_digest(own.encode(), token):
        raise invalid_token()
    if access_key.expiration is not None and now >= access_key.expiration:
        raise ExpiredTokenException("The security token included in the request is expired")

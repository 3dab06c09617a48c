"""Web identity tokens: what an OpenID Connect issuer says of a workload, verified.

The checks and their order (texts: recorded answers of STS where marked R; the others are ours):

 1. three parts of canonical base64url, a header and claims in strict JSON; no crit, no JWE   not a valid JWT  R
 2. the algorithm is one of RS, PS, ES 256/384/512 or EdDSA (so neither none nor HS*)         not a valid JWT  R
 3. the issuer is the provider's own                                              No OpenIDConnect provider    R
 4. the issuer has one key of that id for that algorithm               Couldn't retrieve verification key      R
 5. the signature matches
 6. aud, sub, exp and iat are there                                            Missing a required claim: sub   R
 7. they are of the right form: sub has 1 to 255 characters, times are numbers                not a valid JWT  R
 8. the audience is one of the provider's client ids                              Incorrect token audience     R
 9. the token has neither expired nor outlived `max_age`                 Token expired: current date/time ...  R
10. it was issued, and is valid, already

Documented: the expiry has a leeway of five minutes; `azp`, when a token has it, is the audience in place of
`aud`, which then is the condition key `oaud` (documented for Google, recorded for Entra ID: a token whose
azp is no client id is refused though its aud is one). Inferred: of several audiences the first that is a client
id counts; the leeway serves all three times; a token older than a day is refused whatever it says itself.

Condition keys are `<url of the provider>:<claim>`: aud, oaud, sub, azp, amr as above. AWS adds claims of some
issuers (GitHub, Google, CircleCI, OCI); here every issuer's own claims are keys when they are texts, lists of
texts, numbers or booleans, so that those of GitLab or Keycloak serve as well.
Everything is pure: the keys and the time are handed in.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from strongroom.authn.json_web_keys import ALGORITHMS, KeySet
from strongroom.domain.strict_json import parse_object
from strongroom.errors import ExpiredIdentityToken, InvalidIdentityToken

MIN_TOKEN_CHARACTERS: Final = 4
MAX_TOKEN_CHARACTERS: Final = 20_000
MAX_SUBJECT_CHARACTERS: Final = 255
MAX_URL_CHARACTERS: Final = 255
LEEWAY: Final = timedelta(minutes=5)
MAX_AGE: Final = timedelta(days=1)

COULD_NOT_RETRIEVE_KEY: Final = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
_NOT_A_JWT: Final = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_REQUIRED: Final = ("aud", "sub", "exp", "iat")
_NOT_THE_ISSUERS_OWN: Final = frozenset({"iss", "sub", "aud", "oaud", "azp", "amr", "exp", "iat", "nbf", "jti"})
_LATEST_TIME: Final = 100_000_000_000
"""Seconds; some issuers write the end of time, which no calendar has."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider as IAM keeps it."""

    arn: str
    url: str
    """The issuer without its scheme."""

    client_ids: tuple[str, ...]
    key_set: str | None = field(default=None, repr=False)
    """A pinned JSON Web Key Set; None when the issuer is asked for its keys."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token says before anything is proven: enough to find who could prove it."""

    issuer: str
    key_id: str | None
    algorithm: str


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """A verified token."""

    issuer: str
    provider_arn: str
    provider_url: str
    subject: str
    audience: str
    """The client id it was issued to: one of the provider's."""

    azp: str | None
    amr: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, Any] = field(repr=False)
    """All that the token says."""


def read_unverified(token: str) -> Claimed:
    """Read whom a token claims to come from, and how it says it is signed.

    Raises:
        InvalidIdentityToken: it is no token that could ever be verified.
    """
    header, claims = _read(token)
    return Claimed(_issuer(claims), header.get("kid"), header["alg"])


def claimed_subject(token: str) -> str:
    """Read whom a token claims to be about, empty if it does not say; to name a session, not to decide anything.

    Raises:
        InvalidIdentityToken: it is no token that could ever be verified.
    """
    _, claims = _read(token)
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else ""


def provider_url(issuer: str) -> str:
    """Return the URL under which IAM would keep this issuer's provider.

    Raises:
        InvalidIdentityToken: IAM keeps no issuer of this form.
    """
    scheme, separator, url = issuer.partition("://")
    if scheme not in {"https", "http"} or not separator or not 1 <= len(url) <= MAX_URL_CHARACTERS:
        raise no_provider(issuer)
    return url


def no_provider(issuer: str) -> InvalidIdentityToken:
    """The error when an account has no provider for an issuer."""
    shown = issuer[: len("https://") + MAX_URL_CHARACTERS]
    return InvalidIdentityToken(f"No OpenIDConnect provider found in your account for {shown}")


def no_verification_key() -> InvalidIdentityToken:
    """The error when an issuer's keys, or the one that a token names, cannot be had."""
    return InvalidIdentityToken(COULD_NOT_RETRIEVE_KEY)


def verify(
    token: str,
    provider: Provider,
    keys: KeySet,
    now: datetime,
    *,
    allow_http: bool = False,
    leeway: timedelta = LEEWAY,
    max_age: timedelta = MAX_AGE,
) -> WebIdentity:
    """Prove a token to come from its provider, for one of its clients, now.

    Args:
        token: as the caller sent it.
        provider: the account's provider for the token's issuer.
        keys: what the issuer signs with.
        now: the time of the call.
        allow_http: whether the issuer may be an http:// URL; with pinned keys it always may.
        leeway: what the issuer's clock and ours may differ by.
        max_age: how long after its issue a token is accepted at most.

    Raises:
        InvalidIdentityToken: it is not, or not yet.
        ExpiredIdentityToken: no more.
    """
    header, claims = _read(token)
    issuer = _issuer(claims)
    schemes = ("https", "http") if allow_http or provider.key_set is not None else ("https",)
    if issuer not in {f"{scheme}://{provider.url}" for scheme in schemes}:
        raise no_provider(issuer)
    _require_signature(token, header, keys)
    for name in _REQUIRED:
        if name not in claims:
            raise InvalidIdentityToken(f"Missing a required claim: {name}")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_CHARACTERS:
        raise _not_a_jwt()
    audience = _audience(claims, provider)
    issued_at, expires_at = _require_valid_now(claims, now, leeway, max_age)
    return WebIdentity(
        issuer=issuer,
        provider_arn=provider.arn,
        provider_url=provider.url,
        subject=subject,
        audience=audience,
        azp=claims.get("azp"),
        amr=_texts(claims, "amr"),
        issued_at=issued_at,
        expires_at=expires_at,
        claims=claims,
    )


def condition_keys(identity: WebIdentity) -> dict[str, str | list[str]]:
    """Return what a role's trust policy may ask of a token."""
    audiences = _texts(identity.claims, "aud")
    values: dict[str, str | list[str]] = {
        name: value
        for name, claim in identity.claims.items()
        # Keys are compared without regard to case: a claim AUD must not join the audience.
        if name.lower() not in _NOT_THE_ISSUERS_OWN and (value := _condition_value(claim)) is not None
    }
    values["sub"] = identity.subject
    values["aud"] = identity.audience
    values["oaud"] = audiences[0] if len(audiences) == 1 else list(audiences)
    if identity.azp is not None:
        values["azp"] = identity.azp
    if identity.amr:
        values["amr"] = list(identity.amr)
    return {f"{identity.provider_url}:{name}": value for name, value in values.items()}


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, in the one way that they can be read; nothing is proven by it."""
    if not MIN_TOKEN_CHARACTERS <= len(token) <= MAX_TOKEN_CHARACTERS:
        raise _not_a_jwt()
    parts = token.split(".")
    if len(parts) != len(("header", "claims", "signature")) or not all(map(_PART.fullmatch, parts)):
        raise _not_a_jwt()
    try:
        header, claims = (parse_object(_decoded(part)) for part in parts[:2])
    except ValueError:
        raise _not_a_jwt() from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(key_id, str | None):
        raise _not_a_jwt()
    # Names that differ in case alone are one condition key: whoever chose one would choose the other.
    if {"crit", "b64"} & header.keys() or len({name.lower() for name in claims}) < len(claims):
        raise _not_a_jwt()
    return header, claims


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _not_a_jwt() -> InvalidIdentityToken:
    return InvalidIdentityToken(_NOT_A_JWT)


def _issuer(claims: dict[str, Any]) -> str:
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise _not_a_jwt()
    return issuer


def _require_signature(token: str, header: dict[str, Any], keys: KeySet) -> None:

    import jwt  # noqa: PLC0415 - takes as long to load as a third of the server, and most never see a token

    algorithm = header["alg"]
    key = keys.find(header.get("kid"), algorithm)
    if key is None:
        raise no_verification_key()
    try:
        jwt.PyJWS().decode_complete(token, key.public_key, [algorithm], {"enforce_minimum_key_length": True})
    except jwt.PyJWTError:
        raise InvalidIdentityToken("The signature of the ID Token does not match the key of its issuer") from None


def _audience(claims: dict[str, Any], provider: Provider) -> str:
    audiences = _texts(claims, "aud")
    authorized_party = claims.get("azp")
    if not isinstance(authorized_party, str | None):
        raise _not_a_jwt()
    candidates = audiences if authorized_party is None else (authorized_party,)
    audience = next((one for one in candidates if one in provider.client_ids), None)
    if audience is None or not audiences:
        raise InvalidIdentityToken("Incorrect token audience")
    return audience


def _require_valid_now(
    claims: dict[str, Any], now: datetime, leeway: timedelta, max_age: timedelta
) -> tuple[datetime, datetime]:
    """Return when the token was issued and when it expires."""
    issued_at, expires_at = _time(claims["iat"]), _time(claims["exp"])
    not_before = max(issued_at, _time(claims.get("nbf", 0)))
    end = min(expires_at, issued_at + max_age)
    if now >= end + leeway:
        raise ExpiredIdentityToken(
            f"Token expired: current date/time {int(now.timestamp())} "
            f"must be before the expiration date/time {int(end.timestamp())}"
        )
    if now < not_before - leeway:
        raise InvalidIdentityToken(
            f"Token not yet valid: current date/time {int(now.timestamp())} "
            f"must not be before the date/time {int(not_before.timestamp())}"
        )
    return issued_at, expires_at


def _time(value: Any) -> datetime:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise _not_a_jwt()
    return datetime.fromtimestamp(min(value, _LATEST_TIME), UTC)


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name, [])
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _not_a_jwt()
    return tuple(texts)


def _condition_value(claim: Any) -> str | list[str] | None:
    if isinstance(claim, str):
        return claim
    if isinstance(claim, bool):
        return str(claim).lower()
    if isinstance(claim, int | float):
        return str(claim)
    if isinstance(claim, list) and claim and all(isinstance(one, str) for one in claim):
        return claim
    return None

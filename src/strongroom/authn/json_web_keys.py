"""The public keys of an issuer: a JSON Web Key Set, read (RFC 7517 and 7518).

- A set that holds a private or a symmetric key is refused whole: who published it has lost control of it.
- Keys that cannot verify one of our algorithms (another type or curve, `use` other than sig, RSA below 2048
  bits) are passed over, as RFC 7517 section 5 asks; a set that leaves none is refused. RSA keys so large that
  verifying would be an attack on us are passed over too.
- An algorithm belongs to one type of key and, but for RSA, to one curve; a key that names its algorithm
  serves no other. Neither `none` nor HS* is among the algorithms, so no public key ever becomes a secret.
- A token that names a key (`kid`) gets that key or none; one that names none is verified only by the single
  key of a set. A key without an id serves only when it is the single one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from strongroom.domain.strict_json import parse_object

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2_048
MAX_RSA_BITS: Final = 8_192
MAX_RSA_EXPONENT: Final = 1 << 32

ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Each algorithm that a token may be signed with, and the type and curve of its keys."""

_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeySetFault(ValueError):
    """Why a key set cannot be used."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public key and what it may be used for."""

    key_id: str | None
    algorithms: frozenset[str]
    public_key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer that can verify tokens."""

    keys: tuple[VerificationKey, ...]

    def knows(self, key_id: str) -> bool:
        """Tell whether a token that names this key could be verified, by whatever algorithm."""
        return bool(self._named(key_id))

    def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """Return the key that a token's header asks for; None when there is none, or not just one."""
        fitting = [key for key in self._named(key_id) if algorithm in key.algorithms]
        return fitting[0] if len(fitting) == 1 else None

    def _named(self, key_id: str | None) -> list[VerificationKey]:
        single = len(self.keys) == 1
        if key_id is None:
            return list(self.keys) if single else []
        return [key for key in self.keys if key.key_id == key_id or (single and key.key_id is None)]


def parse_key_set(data: bytes) -> KeySet:
    """Read a JSON Web Key Set.

    Raises:
        KeySetFault: it is none, gives secrets away, or holds no key that could verify a token.
    """
    try:
        listed = parse_object(data).get("keys")
    except ValueError as error:
        raise KeySetFault(f"the key set is not strict JSON: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise KeySetFault("the key set has no list of keys")
    if len(listed) > MAX_KEYS:
        raise KeySetFault(f"the key set has more than {MAX_KEYS} keys")
    if any(jwk.get("kty") == "oct" or _SECRET_MEMBERS & jwk.keys() for jwk in listed):
        raise KeySetFault("the key set holds a private or symmetric key")
    keys = tuple(key for key in map(_read_key, listed) if key is not None)
    if not keys:
        raise KeySetFault("the key set holds no key that could verify a token")
    return KeySet(keys)


def _read_key(jwk: dict[str, Any]) -> VerificationKey | None:
    # Loaded by the first key of all: this takes as long as a third of the server, and most never see a token.
    import jwt  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    algorithms = frozenset(name for name in ALGORITHMS if _fits(jwk, name))
    key_id = jwk.get("kid")
    if not algorithms or not isinstance(key_id, str | None):
        return None
    try:
        # The library needs some algorithm to choose its parser by; which keys serve which is decided above.
        key = jwt.PyJWK(jwk, algorithm=min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS or numbers.e > MAX_RSA_EXPONENT:
            return None
    elif not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey):
        return None
    return VerificationKey(key_id, algorithms, key)


def _fits(jwk: dict[str, Any], algorithm: str) -> bool:
    key_type, curve = ALGORITHMS[algorithm]
    return (
        jwk.get("kty") == key_type
        and (curve is None or jwk.get("crv") == curve)
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and "verify" in _operations(jwk)
    )


def _operations(jwk: dict[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []

"""The Authorization header of Signature Version 4.

`AWS4-HMAC-SHA256 Credential=<id>/<date>/<region>/<service>/aws4_request, SignedHeaders=a;b, Signature=<hex>`

* The parts may stand in any order, with commas, spaces or both between them, each at most once.
* A part without an equal sign is named first; then all parts that are missing are named together.
* Parts nobody asked for are read by nobody.

What is wrong *inside* a part is only noted here: AWS complains about the date before it complains about
the credential or the signed headers, and the verifier keeps that order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.authn.canonical_request import SignedHeaders
from strongroom.errors import IncompleteSignatureException

SCHEME_PREFIX: Final = "AWS4-"
CREDENTIAL_ELEMENTS: Final = 5

_PARTS: Final = ("Credential", "Signature", "SignedHeaders")
_REGION: Final = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The header without its signature, so that it is the same for many requests.

    A presigned request says the same in its query string.
    """

    algorithm: str
    credential: str
    elements: tuple[str, ...]
    scope: str
    is_region_valid: bool
    signed_headers: SignedHeaders
    signed: frozenset[bytes]
    is_list_well_formed: bool


def parse_authorization(text: str, *, is_dated: bool) -> tuple[Authorization, str]:
    """Return the header and its signature; `is_dated` says whether the request has a date.

    Raises:
        IncompleteSignatureException: a part has no equal sign, is repeated or missing; no date.
    """
    algorithm, parts = _parse_parts(text)
    faults = [f"Authorization header requires '{name}' parameter." for name in _PARTS if not parts.get(name)]
    if not is_dated:
        faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if faults:
        raise IncompleteSignatureException(" ".join((*faults, f"Authorization={algorithm}")))
    return authorization_of(algorithm, parts["Credential"], parts["SignedHeaders"]), parts["Signature"]


def authorization_of(algorithm: str, credential: str, signed_headers: str) -> Authorization:
    """Return what these parts say, wherever in the request they stand."""
    elements = tuple(credential.split("/"))
    names = signed_headers.split(";")
    return Authorization(
        algorithm=algorithm,
        credential=credential,
        elements=elements,
        scope="/".join(elements[1:]),
        is_region_valid=len(elements) == CREDENTIAL_ELEMENTS and _REGION.fullmatch(elements[2]) is not None,
        signed_headers=SignedHeaders([name.encode() for name in names]),
        signed=frozenset(name.encode() for name in names),
        is_list_well_formed="" not in names and names == sorted({name.lower() for name in names}),
    )


def _parse_parts(text: str) -> tuple[str, dict[str, str]]:
    algorithm, *fields = text.replace(",", " ").split()
    parts: dict[str, str] = {}
    for field in fields:
        name, equal_sign, value = field.partition("=")
        if not equal_sign:
            raise IncompleteSignatureException(
                f"'{field}' not a valid key=value pair (missing equal-sign) in Authorization header: '{text}'."
            )
        if name in parts:
            raise IncompleteSignatureException(f"Authorization header requires '{name}' parameter only once.")
        parts[name] = value
    return algorithm, parts

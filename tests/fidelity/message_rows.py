"""How rows of messages are written: codes in short, and what all violated limits have in common."""

from __future__ import annotations

from fidelity.rows import Evidence, Message, State

RNF, IRE, IPE = "ResourceNotFoundException", "InvalidRequestException", "InvalidParameterException"
REE, VE, MPD = "ResourceExistsException", "ValidationException", "MalformedPolicyDocumentException"
DENIED, LEE = "AccessDeniedException", "LimitExceededException"
SIGNATURE, INCOMPLETE = "InvalidSignatureException", "IncompleteSignatureException"
ENCRYPTION, DECRYPTION = "EncryptionFailure", "DecryptionFailure"

VIOLATIONS = "{n} validation error{s} detected: {violations}"
VIOLATED = "{value} '{path}' failed to satisfy constraint: {constraint}"
BARE, VALUED = "Value at", "Value {value} at"


def said(
    number: str,
    code: str,
    text: str,
    what: str,
    evidence: Evidence,
    *tests: str,
    why: str = "",
    pieces: tuple[str, ...] = (),
) -> Message:
    """Return a text that Strongroom says; without tests it is untested."""
    state = State.KEPT if tests else State.UNTESTED
    return Message(
        number=number,
        code=code,
        text=text,
        what=what,
        evidence=evidence,
        state=state,
        tests=tests,
        why=why,
        pieces=pieces,
    )


def unsaid(number: str, code: str, text: str, what: str, evidence: Evidence, state: State, why: str) -> Message:
    """Return a text of AWS that Strongroom does not say."""
    return Message(number=number, code=code, text=text, what=what, evidence=evidence, state=state, why=why)

"""What an operation is: its wire types, what it works on, and what the door must check first.

Limits are declared once, on the field, through `limits`; `wire.constraints` enforces them and a test
compares them with the service model. A member without a value is absent from an answer, never null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import msgspec

from strongroom.errors import ModelledError
from strongroom.operations.call import Call

REQUIRED: Final[Any] = msgspec.UNSET
"""Default of a required member: leaving it out is a constraint violation, reported with all others."""


class _Message(msgspec.Struct, rename="pascal", kw_only=True):
    """Wire members are the Pascal-case names of the attributes, unless a field says otherwise."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    __str__ = __repr__

    def __rich_repr__(self) -> Any:
        return iter(())


class Request(_Message, rename="pascal", kw_only=True):
    """An operation's input; unknown members are ignored."""


class Response(_Message, rename="pascal", kw_only=True, omit_defaults=True):
    """An operation's output; members equal to their default are left out."""


class Shape(_Message, rename="pascal", kw_only=True, omit_defaults=True):
    """A structure inside a request or a response."""


def limits(
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    pattern: str | None = None,
    enum: type[Enum] | None = None,
    sensitive: bool = False,
) -> msgspec.Meta:
    """Return the constraints of a member: length of text, bytes and lists, or value of a number."""
    extra = {"min": minimum, "max": maximum, "pattern": pattern, "enum": enum, "sensitive": sensitive}
    return msgspec.Meta(extra=extra)


class SecretState(Enum):
    """In which state an operation accepts the secret it names."""

    USABLE = "exists and is not scheduled for deletion"
    ANY = "exists"
    MAYBE = "may exist; the handler decides"
    NONE = "the operation names no secret"


class OnReplica(Enum):
    """Whether an operation is allowed on a replica, which follows its primary."""

    ALLOWED = "on every replica"
    OWN_LIFE = "on a cross-account replica, which keeps its own policy, tags and lifecycle"
    REFUSED = "only on primaries and on secrets without replicas"


RequestT = TypeVar("RequestT", bound=Request)


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation(Generic[RequestT]):
    """One operation of the API. Every member must be declared, so that no check can be forgotten.

    Attributes:
        name: AWS's name, also of the IAM action and the audit event.
        request: wire type of the input.
        response: wire type of the output; None answers an empty body.
        names_secret: gives the SecretId (or the new secret's Name) that the request works on, if it names one.
        secret_state: what the door requires of that secret before the handler runs.
        on_replica: whether the operation is allowed on a replica secret.
        mutates: whether the handler changes something.
        validate: checks that need only the request; they come before authorization and existence.
        condition_keys: keys that policies may ask about and the request fills, besides those of every request and
            of the secret (AWS's service authorization reference); `aws:RequestTag` stands for one key per tag.
        further_actions: gives what else the caller must be allowed for this request, on the same resource.
        creates: whether the secret's name is given by the request, so that it has no ARN before.
        handler: does the work in an open transaction.
        shown_request: members of the input (Python names) that the audit record may hold.
        shown_response: the same for the output; reading operations show none.
        errors: the errors that the service model lists for the operation.
        reads_version: gives the id, or else the label, of the version that the request is going to read. It
            says that the secret and this version are all that is read, as a rule, so that they can be fetched
            together with what other requests read; a change reads its secret's counts and key besides. Neither an
            id nor a label says that of the secret alone, with its replicas if it has none (`secret_alone`).
        reads_secrets: gives the names or ARNs of the secrets whose present values are all that the request is going
            to read, None if that is not known.
        tells_access_dates: whether the answer depends on when secrets or versions were last read.
    """

    name: str
    request: type[RequestT]
    response: type[Response] | None
    names_secret: Callable[[RequestT], str | None] | None
    secret_state: SecretState
    on_replica: OnReplica
    mutates: bool
    validate: Callable[[RequestT], None] | None
    condition_keys: tuple[str, ...]
    further_actions: Callable[[RequestT], Iterable[str]] | None
    creates: bool
    handler: Callable[[Call, RequestT], Response | None]
    shown_request: tuple[str, ...]
    shown_response: tuple[str, ...]
    errors: tuple[type[ModelledError], ...]
    reads_version: Callable[[RequestT], tuple[str | None, str | None]] | None = None
    reads_secrets: Callable[[RequestT], Sequence[str] | None] | None = None
    tells_access_dates: bool = False

    @property
    def action(self) -> str:
        return f"secretsmanager:{self.name}"

    @property
    def changes_one_secret(self) -> bool:
        """Whether a call changes the secret that it names, and reads nothing else, as a rule."""
        return self.mutates and not self.creates and self.reads_version is not None


def secret_alone(_request: Request) -> tuple[None, None]:
    """`reads_version` of an operation that reads its secret and none of its versions."""
    return None, None

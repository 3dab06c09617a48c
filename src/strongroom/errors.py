"""Everything that may go wrong, as one tree per audience.

What a client of the API sees (AWS's names verbatim: they are the wire identity)::

    ServiceError
    ├── ModelledError                     in the service model; body {"__type", "Message"}
    │   ├── DecryptionFailure
    │   ├── EncryptionFailure
    │   ├── InternalServiceError          HTTP 500
    │   ├── InvalidNextTokenException
    │   ├── InvalidParameterException
    │   ├── InvalidRequestException
    │   ├── LimitExceededException
    │   ├── MalformedPolicyDocumentException
    │   ├── PreconditionNotMetException
    │   ├── PublicPolicyException
    │   ├── ResourceExistsException
    │   └── ResourceNotFoundException
    ├── CompanionError                    in the models of STS, IAM and CloudTrail; Code and Message in XML, or JSON
    │   ├── ConcurrentModification            HTTP 409
    │   ├── DeleteConflict                    HTTP 409
    │   ├── EntityAlreadyExists               HTTP 409
    │   ├── EntityTemporarilyUnmodifiable     HTTP 409
    │   ├── ExpiredIdentityToken              code ExpiredTokenException
    │   ├── IDPCommunicationError
    │   ├── IDPRejectedClaim                  HTTP 403
    │   ├── InvalidAuthorizationMessageException
    │   ├── InvalidEventCategoryException
    │   ├── InvalidIdentityToken
    │   ├── InvalidInput
    │   ├── InvalidLookupAttributesException
    │   ├── InvalidMaxResultsException
    │   ├── InvalidParameterValue            of STS, in no model
    │   ├── InvalidTimeRangeException
    │   ├── LimitExceeded                     HTTP 409
    │   ├── MalformedPolicyDocument
    │   ├── MissingAction                     of the protocol, in no model
    │   ├── NoSuchEntity                      HTTP 404
    │   ├── PackedPolicyTooLarge
    │   ├── PolicyNotAttachable
    │   ├── RegionDisabledException           HTTP 403
    │   ├── UnmodifiableEntity
    │   └── UnsupportedOperationException
    └── CommonError                       every AWS service; body {"__type", "message"}
        ├── AccessDeniedException
        ├── BadRequestException               not acceptable as HTTP
        ├── ExpiredTokenException
        ├── IncompleteSignatureException
        ├── InvalidSignatureException
        ├── MissingAuthenticationTokenException
        ├── RequestEntityTooLargeException    HTTP 413
        ├── RequestHeaderFieldsTooLargeException    HTTP 431
        ├── RequestTimeoutException           HTTP 408
        ├── SerializationException
        ├── ServiceUnavailableException       HTTP 503
        ├── ThrottlingException
        ├── UnknownOperationException
        ├── UnrecognizedClientException
        └── ValidationException

Where nothing is said the status is HTTP 400, AccessDenied and ResourceNotFound included (recorded answers of
the real service). STS and IAM have other codes and statuses for a CommonError: `wire.faults` holds that table.
A CompanionError's name is its code in the service models of STS and IAM, its status the one declared there.
What an operator sees at the command line is one class, `OperatorError`.

The module is a leaf: rules in `domain` raise from here and hold their own message texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ServiceError(Exception):
    """An answer other than success; `code` goes on the wire as `__type`."""

    status: ClassVar[int] = 400
    modelled: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "")
        self.message = message
        self.details: Mapping[str, Any] | None = None
        """What operators find on the audit trail beside the error; never part of the answer."""

    @property
    def code(self) -> str:
        return type(self).__name__


class ModelledError(ServiceError):
    """An error the service model lists; its text travels as `Message`."""

    modelled = True


class DecryptionFailure(ModelledError): ...


class EncryptionFailure(ModelledError): ...


class InternalServiceError(ModelledError):
    status = 500


class InvalidNextTokenException(ModelledError): ...


class InvalidParameterException(ModelledError): ...


class InvalidRequestException(ModelledError): ...


class LimitExceededException(ModelledError): ...


class MalformedPolicyDocumentException(ModelledError): ...


class PreconditionNotMetException(ModelledError): ...


class PublicPolicyException(ModelledError): ...


class ResourceExistsException(ModelledError): ...


class ResourceNotFoundException(ModelledError): ...


class CompanionError(ServiceError):
    """An error of a companion service; its text travels as `Message`."""


class ConcurrentModification(CompanionError):
    status = 409


class DeleteConflict(CompanionError):
    status = 409


class EntityAlreadyExists(CompanionError):
    status = 409


class EntityTemporarilyUnmodifiable(CompanionError):
    status = 409


class ExpiredIdentityToken(CompanionError):
    """A web identity token has expired; ExpiredTokenException is about the session that signs a request."""

    @property
    def code(self) -> str:
        return "ExpiredTokenException"


class IDPCommunicationError(CompanionError): ...


class IDPRejectedClaim(CompanionError):
    status = 403


class InvalidAuthorizationMessageException(CompanionError): ...


class InvalidEventCategoryException(CompanionError): ...


class InvalidIdentityToken(CompanionError): ...


class InvalidInput(CompanionError): ...


class InvalidLookupAttributesException(CompanionError): ...


class InvalidMaxResultsException(CompanionError): ...


class InvalidParameterValue(CompanionError): ...


class InvalidTimeRangeException(CompanionError): ...


class LimitExceeded(CompanionError):
    status = 409


class MalformedPolicyDocument(CompanionError): ...


class MissingAction(CompanionError): ...


class NoSuchEntity(CompanionError):
    status = 404


class PackedPolicyTooLarge(CompanionError): ...


class PolicyNotAttachable(CompanionError): ...


class RegionDisabledException(CompanionError):
    status = 403


class UnmodifiableEntity(CompanionError): ...


class UnsupportedOperationException(CompanionError): ...


class CommonError(ServiceError):
    """An error any AWS service may give; its text travels as `message`."""


class AccessDeniedException(CommonError): ...


class BadRequestException(CommonError): ...


class ExpiredTokenException(CommonError): ...


class IncompleteSignatureException(CommonError): ...


class InvalidSignatureException(CommonError): ...


class MissingAuthenticationTokenException(CommonError): ...


class RequestEntityTooLargeException(CommonError):
    status = 413


class RequestHeaderFieldsTooLargeException(CommonError):
    status = 431


class RequestTimeoutException(CommonError):
    status = 408


class SerializationException(CommonError): ...


class ServiceUnavailableException(CommonError):
    status = 503


class ThrottlingException(CommonError): ...


class UnknownOperationException(CommonError): ...


class UnrecognizedClientException(CommonError): ...


class ValidationException(CommonError): ...


class TamperedError(Exception):
    """A sealed thing was not made by this key for this context, or was changed since. No client ever sees it."""


class OperatorError(Exception):
    """Something the operator must mend: what happened, why, and what to do next.

    The command line prints the three parts and exits with status 1; no traceback.
    """

    def __init__(self, what: str, *, why: str, next_step: str) -> None:
        super().__init__(f"{what}\n  why:  {why}\n  next: {next_step}")
        self.what = what
        self.why = why
        self.next_step = next_step

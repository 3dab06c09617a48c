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
    ├── CompanionError                    in the models of STS and IAM
    │   ├── IDPCommunicationError
    │   ├── IDPRejectedClaim                  HTTP 403
    │   └── InvalidIdentityToken
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

Every client error is HTTP 400, AccessDenied and ResourceNotFound included (recorded answers of the
real service). What an operator sees at the command line is one class, `OperatorError`.

The module is a leaf: rules in `domain` raise from here and hold their own message texts.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """An answer other than success; `code` goes on the wire as `__type`."""

    status: ClassVar[int] = 400
    modelled: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "")
        self.message = message

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
    """An error the model of a companion service lists; the class is named as its code on the wire."""


class IDPCommunicationError(CompanionError): ...


class IDPRejectedClaim(CompanionError):
    status = 403


class InvalidIdentityToken(CompanionError): ...


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


class OperatorError(Exception):
    """Something the operator must mend: what happened, why, and what to do next.

    The command line prints the three parts and exits with status 1; no traceback.
    """

    def __init__(self, what: str, *, why: str, next_step: str) -> None:
        super().__init__(f"{what}\n  why:  {why}\n  next: {next_step}")
        self.what = what
        self.why = why
        self.next_step = next_step

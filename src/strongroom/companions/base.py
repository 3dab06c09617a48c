"""What an operation of a companion service is: its wire types, who may call it, what policies are asked about.

STS and IAM speak the query protocol: a form in, XML out; CloudTrail speaks AWS JSON 1.1. Limits stand on the
fields of the request types, as in `operations.base`. A result without a value leaves the member out; False
and an empty list are values (recorded: IAM sends `<IsTruncated>false</IsTruncated>` and an empty element for
an empty list).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from strongroom.domain.principal import Principal
from strongroom.operations.base import Request, Response


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceModel:
    """What the service model says of a service as a whole.

    Attributes:
        name: of the service in policy actions and credential scopes.
        version: the one that requests of the query protocol must name.
        xmlns: namespace of its answers in the query protocol; empty where it speaks JSON.
        event_source: its name on the audit trail.
        skew: how far a request's date may be from ours (recorded: texts of STS and IAM end in "15 min.").
    """

    name: str
    version: str
    xmlns: str
    event_source: str
    skew: timedelta


STS: Final = ServiceModel(
    name="sts",
    version="2011-06-15",
    xmlns="https://sts.amazonaws.com/doc/2011-06-15/",
    event_source="sts.amazonaws.com",
    skew=timedelta(minutes=15),
)
IAM: Final = ServiceModel(
    name="iam",
    version="2010-05-08",
    xmlns="https://iam.amazonaws.com/doc/2010-05-08/",
    event_source="iam.amazonaws.com",
    skew=timedelta(minutes=15),
)


CLOUDTRAIL: Final = ServiceModel(
    name="cloudtrail",
    version="2013-11-01",
    xmlns="",
    event_source="cloudtrail.amazonaws.com",
    skew=timedelta(minutes=15),
)


class Access(Enum):
    """Who may call an operation."""

    SIGNED = "a caller that is proven by its signature and allowed by policies"
    PROVEN = "every caller that is proven by its signature; no policy is asked"
    DECIDED = "a caller that is proven by its signature; the handler decides, with the policy of what it is about"
    ANONYMOUS = "everybody; what proves the caller is in the request"


RequestT = TypeVar("RequestT", bound=Request)


@dataclass(frozen=True, kw_only=True, slots=True)
class CompanionOperation(Generic[RequestT]):
    """One operation of a companion service. Every member must be declared, so that no check can be forgotten.

    Attributes:
        service: whose operation it is.
        name: AWS's name, also of the IAM action and the audit event.
        request: wire type of the input.
        result: wire type of the output; None answers nothing but the request id.
        access: who may call it.
        resource: gives the ARN that policies are asked about, "*" where there is none, from the request, the
            caller's account and the caller, who is unknown (None) where access is anonymous.
        is_about_entity: the resource is an entity that may be there: its ARN is completed and its tags and its
            boundary are condition keys (`targets`).
        mutates: whether the handler changes something.
        handler: does the work in an open transaction.
        shown_request: members of the input (Python names) that the audit record may hold; no secret, no token.
            Of a structure also single members, as in "access_key.user_name".
        shown_response: the same for the output.
    """

    service: ServiceModel
    name: str
    request: type[RequestT]
    result: type[Response] | None
    access: Access
    resource: Callable[[RequestT, str, Principal | None], str]
    is_about_entity: bool = False
    mutates: bool
    handler: Callable[[Any, RequestT], Response | None]
    shown_request: tuple[str, ...]
    shown_response: tuple[str, ...]

    @property
    def action(self) -> str:
        return f"{self.service.name}:{self.name}"
